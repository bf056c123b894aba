"""What a model thinks of the true tokens: bits, accuracy, and whether its probabilities can be taken at their word."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics import tokens
from futurepred_jax.metrics.ratios import Ratio, ratio

BINS = 15  # of confidence, equally wide; Guo et al. 2017, §4
TEMPERATURES = tuple(2.0 ** (step / 12) for step in range(-9, 10))  # from 0.59 to 1.68, each 6 % above the one before
PLAIN = TEMPERATURES.index(1.0)


class Likelihood(NamedTuple):
    """Of every true future token, given all that is true before, with the logits divided by each of ``TEMPERATURES``.

    ``nll`` is in nats, ``correct`` says that all of its digits are the likeliest, ``hit`` the same of each digit, and
    ``confidence`` is the probability of each likeliest digit.
    """

    nll: Float[np.ndarray, "b n k"]
    correct: Bool[np.ndarray, "b n"]
    confidence: Float[np.ndarray, "b n g k"]
    hit: Bool[np.ndarray, "b n g"]


class Calibration(NamedTuple):
    """Expected calibration error over ``BINS`` bins, and each bin's mean confidence, accuracy and share of digits."""

    error: float
    confidence: Float[np.ndarray, "bins"]
    accuracy: Float[np.ndarray, "bins"]
    share: Float[np.ndarray, "bins"]


def likelihood_ratios(found: Likelihood, *, frames: int, frame_size: int) -> dict[str, Ratio]:
    """Accuracy and bits, one value a clip.

    Args:
        found: Of all clips.
        frames: Future frames that the tokens make.
        frame_size: Pixels times channels of a frame.
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
    """How far confidence is from accuracy, mean over digits (Guo et al. 2017, eq. 3); 0 is perfect."""
    return _calibration(found.confidence[..., PLAIN], found.hit)


def tempered(found: Likelihood) -> dict[str, float]:
    """The temperature at which the true tokens are likeliest, and what it mends (Guo et al. 2017, §4.2).

    Bits and calibration error are of each second clip at the temperature that suits the others, so that none is fitted
    to itself; a split of one clip has none.
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
    """Of how many pairs of a possible and an impossible clip the model finds the possible one likelier; ties are half.

    None without a pair.

    Args:
        nll: Nats of each clip's future.
        possible: What it is.
        pair: Number of its pair; a clip alone is left out.
    """
    both = np.intersect1d(pair[possible], pair[~possible])
    if not both.size:
        return None
    good, bad = ({int(p): v for p, v in zip(pair[kind], nll[kind], strict=True)} for kind in (possible, ~possible))
    lead = np.array([bad[int(p)] - good[int(p)] for p in both])
    return ratio((np.sign(lead) + 1) / 2)
