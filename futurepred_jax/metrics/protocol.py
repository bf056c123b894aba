"""The rules behind every score, frozen: what changes a score changes VERSION."""

from typing import Any

from futurepred_jax.metrics import image, motion
from futurepred_jax.metrics.bootstrap import LEVEL

VERSION = "1"


def describe_protocol() -> dict[str, Any]:
    """What a reader of ``evaluation.json`` must know of its scores."""
    return {
        "version": VERSION,
        "pixel_range": [0, 1],
        "frames_scored": "future",
        "truth": "noise-free, also where the context is noisy",
        "recorded": "of recorded videos only the pixels are known: no foreground, positions, recall, no floor redrawn",
        "context": "noisy for the model; noise-free for floors and reconstruction, so that they are at their strongest",
        "psnr": f"mean over clips of the PSNR of the clip's MSE; zero error counts as {image.CAP:g} dB",
        "ssim": "11 x 11 Gaussian window, sigma 1.5, population covariance, windows inside the frame, mean of channels",
        "foreground": f"union of the true object masks, dilated by {image.DILATION} px",
        "predictable": "foreground of objects alive at some time of the context, less what later ones touch",
        "position": "px from the centroid of the object's truly visible pixels, over judged objects that are found",
        "ade": "mean over frames of the mean over objects; fde: the last frame; objects not found cost recall only",
        "judged": "targets of which at least max(6, 12 (H / 64)^2) px and half are visible",
        "tracker": {"sigma": motion.SIGMA, "gate": motion.GATE, "detected": motion.DETECTED},
        "skill": "1 - position error / floor's position error, over the objects found in both",
        "margins": f"subject minus floor, mean over clips, {100 * LEVEL:g} % bootstrap interval over clips",
    }
