"""Context in, future out: lengths, likelihoods and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.outlook import Outlook
from futurepred_jax.models.parts import OutlookModel, TokenizerModel
from futurepred_jax.models.predictor import PredictorModel
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.transformer import Conditioning, Transformer

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def predictor():
    magvit = MagVit(channels=(8,), blocks=(0,), strides=((2, 4, 4),), quantizer=VQ(16, 4))
    transformer = Transformer(sizes=(16,), grid=(4, 2, 2), width=24, depth=1, heads=2, nearby=4)
    tokenizer = TokenizerModel(magvit, magvit.init(jax.random.key(0), jnp.zeros((1, 3, 8, 8, 3))))
    return PredictorModel(
        tokenizer, transformer, transformer.init(jax.random.key(1), jnp.zeros((1, 16, 1), int))["params"]
    )


def _video(frames: int):
    return jax.random.uniform(jax.random.key(2), (2, frames, 8, 8, 3), minval=-1, maxval=1)


def _predict(predictor, context, frames: int = 3):
    return predictor.predict(context, num_frames=frames, key=jax.random.key(3), sampling=GREEDY)


def test_future_has_the_frames_asked_for_and_an_unfilled_frame_is_left_out(predictor):
    even, odd = _predict(predictor, _video(4)), _predict(predictor, _video(4)[:, 1:])
    assert even.video.shape == (2, 3, 8, 8, 3)
    assert even.tokens.shape == (2, 2, 2, 2, 1)
    np.testing.assert_array_equal(even.video, odd.video)


def test_likelihood_of_a_prediction_is_the_sum_over_its_tokens(predictor):
    context = _video(3)
    out = _predict(predictor, context, 4)
    tokens = jnp.concatenate([predictor.tokenize(context), out.tokens], axis=1).reshape(2, 16, 1)
    logits = predictor.transformer.apply({"params": predictor.params}, tokens, first=8)
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, 8:, :, None], axis=-1)
    np.testing.assert_allclose(out.log_likelihood, log_p.sum((1, 2, 3)), rtol=1e-4)


def test_score_is_of_the_future_only(predictor):
    scored = predictor.score(_video(7)[:, :3], _video(7)[:, 3:], temperatures=(1.0, 1e4))
    assert scored.nll.shape == (2, 8, 2)
    assert scored.correct.shape == (2, 8)
    assert jnp.all(scored.nll > 0)
    np.testing.assert_allclose(scored.nll[..., 1], np.log(16), atol=1e-2)  # nothing is likelier than the rest
    np.testing.assert_allclose(scored.confidence[..., 1], 1 / 16, atol=1e-2)


def test_impossible_futures_are_refused(predictor):
    with pytest.raises(ValueError, match="at least 1"):
        _predict(predictor, _video(3), 0)
    with pytest.raises(ValueError, match="at most 16"):
        _predict(predictor, _video(3), 5)
    with pytest.raises(ValueError, match="no frames"):
        _predict(predictor, _video(3)[:, :0])


OUTLOOK = Outlook(sizes=(16,), code_dim=4, grid=(4, 2, 2), context_latents=2, stride=(2, 4, 4), width=8, depth=1)


@pytest.fixture(scope="module")
def far(predictor):
    """One with a first guess, trained on contexts of two latent frames."""
    outlook = OutlookModel(OUTLOOK, filled(jax.eval_shape(OUTLOOK.init, jax.random.key(0), _video(3))))
    transformer = predictor.transformer.clone(context_latents=2, code_dim=4)
    guess = outlook.guess(_video(3)[:1])
    params = jax.eval_shape(
        lambda: transformer.init(jax.random.key(1), jnp.zeros((1, 16, 1), int), Conditioning(guess=guess))
    )
    return PredictorModel(predictor.tokenizer, transformer, filled(params)["params"], outlook)


def _futures(predictor, frames: int, samples: int = 1, sampling: Sampling = GREEDY):
    context = _video(3)
    return predictor.futures(context, num_frames=frames, samples=samples, key=jax.random.key(3), sampling=sampling)


def test_futures_beyond_the_grid_begin_with_those_within_and_have_any_length(far):
    within, beyond = _futures(far, 4), _futures(far, 11)
    assert beyond.video.shape == (2, 1, 11, 8, 8, 3)
    assert beyond.tokens.shape == (2, 1, 6, 2, 2, 1)
    np.testing.assert_array_equal(beyond.tokens[:, :, :2], within.tokens)
    np.testing.assert_allclose(beyond.video[:, :, :4], within.video, atol=1e-6)


def test_a_window_is_what_training_showed_and_the_drawing_has_no_seam(far):
    context, drawn = _video(3), _futures(far, 8)
    tokens = jnp.concatenate([far.tokenize(context), drawn.tokens[:, 0]], axis=1)
    whole = far.tokenizer.decode(tokens)
    np.testing.assert_allclose(drawn.video[:, 0], whole[:, 3:], atol=1e-5)
    # the second window: the frame before its last latent frame, encoded alone, then that latent frame
    second = jnp.concatenate([far.tokenize(whole[:, 4:5]), tokens[:, 3:4], tokens[:, 4:]], axis=1).reshape(2, 16, 1)
    guess = far.outlook.guess(whole[:, 4:7])
    logits = far.transformer.apply({"params": far.params}, second, Conditioning(guess=guess), first=8)
    np.testing.assert_array_equal(jnp.argmax(logits, axis=-1), second[:, 8:])
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), second[:, 8:, :, None], axis=-1).sum((1, 2, 3))
    np.testing.assert_allclose(drawn.log_likelihood[:, 0] - _futures(far, 4).log_likelihood[:, 0], log_p, rtol=1e-4)


def test_samples_go_their_own_ways_and_are_counted_apart(far):
    drawn = _futures(far, 6, samples=3, sampling=Sampling())
    assert drawn.tokens.shape == (2, 3, 3, 2, 2, 1)
    assert len({np.asarray(each).tobytes() for each in drawn.tokens[0]}) == 3
    assert len(np.unique(np.asarray(drawn.log_likelihood))) == 6


@pytest.mark.slow
def test_drafted_windows_are_the_plain_ones_in_fewer_passes(far):
    plain, drafted = (_futures(far, 9, samples=2, sampling=Sampling(draft=draft)) for draft in (0, 4))
    np.testing.assert_array_equal(plain.tokens, drafted.tokens)
    np.testing.assert_allclose(plain.video, drafted.video, atol=1e-6)
    np.testing.assert_array_equal(plain.passes, 20)  # of five latent frames of four tokens
    assert (drafted.passes < 20).all()
