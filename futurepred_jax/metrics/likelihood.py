"""What a model thinks of the true tokens: bits, accuracy, and whether its probabilities can be taken at their word."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics import tokens
from futurepred_jax.metrics.ratios import Ratio, ratio

BINS = 15  # of confidence, equally wide; Guo et al. 2017, §4


class Likelihood(NamedTuple):
    """Of every true future token, in nats, given all that is true before.

    ``correct`` says that all of its digits are the likeliest, ``hit`` the same of each digit, and ``confidence`` is the
    probability of each likeliest digit.
    """

    nll: Float[np.ndarray, "b n"]
    correct: Bool[np.ndarray, "b n"]
    confidence: Float[np.ndarray, "b n g"]
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
    bits = tokens.bits_per_token(found.nll)
    per_frame = bits * found.nll.shape[1] / frames
    return {
        "token_accuracy": ratio(tokens.token_accuracy(found.correct)),
        "bits_per_token": ratio(bits),
        "bits_per_frame": ratio(per_frame),
        "bits_per_dimension": ratio(per_frame / frame_size),
    }


def calibration(found: Likelihood) -> Calibration:
    """How far confidence is from accuracy, mean over digits (Guo et al. 2017, eq. 3); 0 is perfect."""
    confidence, hit = found.confidence.ravel().astype(np.float64), found.hit.ravel()
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count, sure, right = (np.bincount(place, weights, BINS) for weights in (None, confidence, hit))
    sure, right = (np.divide(sums, count, out=np.full(BINS, np.nan), where=count > 0) for sums in (sure, right))
    share = count / len(place)
    return Calibration(float(np.nansum(share * np.abs(sure - right))), sure, right, share)


def pairs_ranked(nll: Float[np.ndarray, "n"], possible: Bool[np.ndarray, "n"], pair: Int[np.ndarray, "n"]) -> Ratio:
    """Of how many pairs of a possible and an impossible clip the model finds the possible one likelier; ties are half.

    Args:
        nll: Nats of each clip's future.
        possible: What it is.
        pair: Number of its pair; a clip alone is left out.
    """
    both = np.intersect1d(pair[possible], pair[~possible])
    good, bad = ({int(p): v for p, v in zip(pair[kind], nll[kind], strict=True)} for kind in (possible, ~possible))
    lead = np.array([bad[int(p)] - good[int(p)] for p in both])
    return ratio((np.sign(lead) + 1) / 2)
