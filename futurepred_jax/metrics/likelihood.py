"""Likelihood of the true tokens under a model: bits, accuracy and calibration."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics import tokens
from futurepred_jax.metrics.ratios import Ratio, ratio

BINS = 15  # number of equally wide bins of confidence; Guo et al. 2017, §4
TEMPERATURES = tuple(2.0 ** (step / 12) for step in range(-9, 10))  # from 0.59 to 1.68, each 6 % above the one before
PLAIN = TEMPERATURES.index(1.0)


class Likelihood(NamedTuple):
    """A model's predictions for every true future token, given the true tokens before it, at each of ``TEMPERATURES``.

    Attributes:
        nll: Negative log-likelihood of the token in nats; the last axis is the temperature.
        correct: Whether all digits of the token are the likeliest ones.
        confidence: Probability of the likeliest value of each digit; the last axis is the temperature.
        hit: Whether each digit is the likeliest one.
    """

    nll: Float[np.ndarray, "b n k"]
    correct: Bool[np.ndarray, "b n"]
    confidence: Float[np.ndarray, "b n g k"]
    hit: Bool[np.ndarray, "b n g"]


class Calibration(NamedTuple):
    """Expected calibration error over ``BINS`` bins, with each bin's mean confidence, accuracy and share of digits."""

    error: float
    confidence: Float[np.ndarray, "bins"]
    accuracy: Float[np.ndarray, "bins"]
    share: Float[np.ndarray, "bins"]


def likelihood_ratios(found: Likelihood, *, frames: int, frame_size: int) -> dict[str, Ratio]:
    """Returns accuracy and bits per token, per frame and per dimension, one value per clip.

    Args:
        found: The likelihood of all clips.
        frames: Number of future frames that the tokens encode.
        frame_size: Number of pixels times channels of a frame.
    """
    bits = tokens.bits_per_token(found.nll[..., PLAIN])
    per_frame = bits * found.nll.shape[1] / frames
    return {
        "token_accuracy": ratio(tokens.token_accuracy(found.correct)),
        "bits_per_token": ratio(bits),
        "bits_per_frame": ratio(per_frame),
        "bits_per_dimension": ratio(per_frame / frame_size),
    }


def calibration(found: Likelihood) -> Calibration:
    """Computes the expected calibration error over digits (Guo et al. 2017, eq. 3); 0 is perfect."""
    return _calibration(found.confidence[..., PLAIN], found.hit)


def tempered(found: Likelihood) -> dict[str, float]:
    """Fits the temperature at which the true tokens are likeliest (Guo et al. 2017, §4.2).

    Bits and calibration error are cross-validated: the even clips are scored at the temperature fitted to the odd ones,
    and vice versa.

    Returns:
        The temperature fitted to all clips, and bits per token and calibration error at the cross-validated ones; empty
        for a single clip.
    """
    nats, even = found.nll.sum(axis=1), np.arange(len(found.nll)) % 2 == 0
    if even.all():
        return {}
    best = [int(nats[clips].sum(axis=0).argmin()) for clips in (even, ~even)]
    chosen = np.where(even, best[1], best[0])
    nll, confidence = (
        np.take_along_axis(values, chosen.reshape(-1, *[1] * (values.ndim - 1)), axis=-1)[..., 0]
        for values in (found.nll, found.confidence)
    )
    return {
        "fitted_temperature": TEMPERATURES[int(nats.sum(axis=0).argmin())],
        "bits_per_token_fitted": float(tokens.bits_per_token(nll).mean()),
        "calibration_error_fitted": _calibration(confidence, found.hit).error,
    }


def _calibration(confidence: Float[np.ndarray, "b n g"], hit: Bool[np.ndarray, "b n g"]) -> Calibration:
    sure, hit = confidence.ravel().astype(np.float64), hit.ravel()
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    count, sure, right = (np.bincount(place, weights, BINS) for weights in (None, sure, hit))
    sure, right = (np.divide(sums, count, out=np.full(BINS, np.nan), where=count > 0) for sums in (sure, right))
    share = count / len(place)
    return Calibration(float(np.nansum(share * np.abs(sure - right))), sure, right, share)


def pairs_ranked(
    nll: Float[np.ndarray, "n"], possible: Bool[np.ndarray, "n"], pair: Int[np.ndarray, "n"]
) -> Ratio | None:
    """Scores how often the possible clip of a pair is more likely than the impossible one; ties count half.

    Args:
        nll: Negative log-likelihood of each clip's future in nats.
        possible: Whether each clip is possible.
        pair: Number of each clip's pair; clips without a partner are left out.

    Returns:
        The share of pairs; None if there is no pair.
    """
    both = np.intersect1d(pair[possible], pair[~possible])
    if not both.size:
        return None
    good, bad = ({int(p): v for p, v in zip(pair[kind], nll[kind], strict=True)} for kind in (possible, ~possible))
    lead = np.array([bad[int(p)] - good[int(p)] for p in both])
    return ratio((np.sign(lead) + 1) / 2)
