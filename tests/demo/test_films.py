"""The films say what they show, and play in step without a script."""

import base64
import io
import re

import jax.numpy as jnp
import numpy as np
from PIL import Image

from futurepred_jax.configs import baseline
from futurepred_jax.demo import films
from futurepred_jax.demo.forecasts import SAMPLES, Forecast, Future, Tracks
from futurepred_jax.demo.forecasts import forecast as predicted
from futurepred_jax.interface import Predictor
from futurepred_jax.models.predictor import Futures

CONTEXT = np.zeros((5, 8, 8, 3), np.uint8)
LATER = np.full((4, 8, 8, 3), 200, np.uint8)
PLACES = np.array([[[1.0, 2.0]], [[np.nan, np.nan]], [[3.0, 4.0]], [[4.0, 4.0]]])


def forecast(truth=True, name="Best guess"):
    true = Future("What happened", LATER, 4.0, Tracks(PLACES, float("nan"))) if truth else None
    surprise = np.zeros((1, 2, 2)) if truth else None
    return Forecast(CONTEXT, true, surprise, (Future(name, LATER, 3.25, Tracks(PLACES + 1, 1.4)),))


def test_every_film_shows_the_context_and_then_its_own_future():
    page = films.render(forecast(), fps=6)
    sheets = re.findall(r"url\(data:image/png;base64,([^)]*)\)", page)
    assert len(sheets) == 3  # truth, guess, surprise
    for sheet in sheets:
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet))))
        assert picture.shape == (8, 9 * 8, 3)
        assert not picture[:, : 5 * 8].any()
        assert picture[:, 5 * 8 :].any()


def test_a_guess_says_its_bits_and_its_error_and_has_the_true_path_beside_its_own():
    page = films.render(forecast(), fps=6)
    assert "3.2 bits a token, 1.4 px off" in page
    assert '<path class="fp-true-path" d="M1.5 2.5M3.5 4.5L4.5 4.5"/>' in page
    assert '<path class="fp-own-path" d="M2.5 3.5M4.5 5.5L5.5 5.5"/>' in page


def test_without_a_known_future_there_are_guesses_only():
    page = films.render(forecast(truth=False), fps=6)
    assert page.count("<figure") == 1
    assert "fp-true-path" not in page


def test_surprise_is_dark_where_it_was_expected_and_bright_where_not():
    heat = films._heat(np.array([[[0.0, films.MOST_BITS]]]), LATER)
    assert heat.shape == LATER.shape
    assert heat[:, :, 0].max() < 50
    assert heat[:, :, -1].min() > 180


def test_names_are_text_and_not_markup():
    assert "<b>&lt;script&gt;</b>" in films.render(forecast(name="<script>"), fps=6)


def test_tracks_can_be_hidden_where_there_are_some():
    assert "tracks</label>" in films.render(forecast(), fps=6)
    without = Forecast(CONTEXT, None, None, (Future("Best guess", LATER, 3.25),))
    assert "tracks</label>" not in films.render(without, fps=6)


def test_a_rule_that_draws_has_a_key_for_the_best_guess_too():
    asked = []

    class Drawing(Predictor):
        """Refuses to predict without a key, as a model whose rule has a temperature does."""

        config, context_frames = baseline.get_config("debug"), 5  # pyright: ignore

        def __init__(self):
            pass

        def __call__(self, context, *, num_frames, num_samples=1, key=None):  # noqa: ARG002
            assert key is not None
            asked.append(num_samples)
            video, tokens = (
                jnp.zeros((1, num_samples, num_frames, 8, 8, 3)),
                jnp.zeros((1, num_samples, 1, 2, 2, 1), int),
            )
            return Futures(video, tokens, jnp.zeros((1, num_samples)), jnp.ones((1, num_samples), int))

    found = predicted(Drawing(), CONTEXT)
    assert asked == [1, SAMPLES]
    assert [guess.name for guess in found.guesses][:2] == ["Best guess", "Drawn 1"]
