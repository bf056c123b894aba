"""Renders a forecast as HTML: all videos play in step without a script, and a slider can stop them at a frame."""

import math

import numpy as np
from jaxtyping import Float
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from futurepred_jax.demo.forecasts import Film, Forecast, Future, Tracks
from futurepred_jax.reporting.players import arrange, picture_uri

MOST_BITS = 32.0  # bits per token at which surprise is shown brightest

HEAT = np.array([[12, 12, 40], [90, 24, 110], [208, 70, 70], [250, 160, 60], [255, 245, 190]], np.float32)


def render(forecast: Forecast, *, fps: int | float) -> str:
    """Returns the HTML of all videos of a forecast side by side.

    Args:
        forecast: The forecast.
        fps: Frames per second.
    """
    context, true = len(forecast.context), forecast.truth
    panels = [_panel(forecast.context, guess, "guess", true) for guess in forecast.guesses]
    if true is not None and forecast.surprise is not None:
        heat = Future("Surprise", _heat(forecast.surprise, true.film), true.bits)
        panels = [_panel(forecast.context, true, "true", None), *panels, _panel(forecast.context, heat, "heat", None)]
    frames = context + len(forecast.guesses[0].film)
    environment = Environment(loader=PackageLoader("futurepred_jax.demo"), autoescape=True)
    template = environment.get_template("films.html.j2")
    tracked = any(future.tracks is not None for future in forecast.guesses)
    sizes = {"frames": frames, "context": context, "fps": fps, "side": forecast.context.shape[1]}
    return template.render(panels=panels, tracked=tracked, **sizes)


def _panel(context: Film, future: Future, kind: str, true: Future | None) -> dict:
    film = np.concatenate([context, future.film])
    own, theirs = future.tracks, true.tracks if true is not None else None
    return {
        "name": future.name,
        "kind": kind,
        "sheet": picture_uri(arrange(film, len(film)), lossless=True),
        "paths": [("true", _paths(theirs)), ("own", _paths(own))],
        "facts": _facts(future, kind),
    }


def _facts(future: Future, kind: str) -> str:
    if kind == "heat":
        return f"true tokens: dark 0, bright {MOST_BITS:g} bits"
    facts = [f"{future.bits:.1f} bits a token"]
    if future.tracks is not None and not math.isnan(future.tracks.error):
        facts.append(f"{future.tracks.error:.1f} px off")
    return ", ".join(facts)


def _paths(tracks: Tracks | None) -> list[Markup]:
    """Returns SVG paths in pixels of the video, interrupted where an object is not visible."""
    if tracks is None:
        return []
    return [Markup(path) for places in np.moveaxis(tracks.places, 1, 0) if (path := _path(places))]


def _path(places: Float[np.ndarray, "t 2"]) -> str:
    words, pen = [], "M"
    for x, y in places:
        if math.isnan(x):
            pen = "M"
            continue
        words.append(f"{pen}{x + 0.5:.1f} {y + 0.5:.1f}")  # whole numbers are the centres of pixels
        pen = "L"
    return "".join(words)


def _heat(surprise: Float[np.ndarray, "lt lh lw"], like: Film) -> Film:
    """Draws the bits of each token as a colour over the frames and pixels that it covers."""
    level = np.clip(surprise / MOST_BITS, 0, 1) * (len(HEAT) - 1)
    below = np.minimum(level.astype(int), len(HEAT) - 2)
    share = (level - below)[..., None]
    colour = HEAT[below] * (1 - share) + HEAT[below + 1] * share
    for axis, length in enumerate(like.shape[:3]):
        colour = colour.repeat(-(-length // colour.shape[axis]), axis=axis)
    return colour.astype(np.uint8)
