"""The rules of the scores, which are written into every evaluation. A change of a score must change VERSION."""

from typing import Any

from futurepred_jax.metrics import clutter, image, likelihood, objects, permanence, samples, tracking
from futurepred_jax.metrics.bootstrap import LEVEL

VERSION = "5"
"""1 found a third of the objects in coloured noise. 2 finds one only where its colour is compact: half of the score
inside the gate, and of that within twice the reach, must lie within reach of its centroid, 1.5 radii and a pixel, and
only that half counts. 3 scores all four horizons of test_long, of which those before scored the first. 4 widens the
tracker's gate only while an object is truly out of view, and looks around it within three times the reach: those before
widened it with every frame in which a prediction had lost the object, and took for it what of its colour turned up far
away. 5 scores, on probe_permanence, an object that came out as another also where it is one more than a clip has."""


def describe_protocol() -> dict[str, Any]:
    """Returns the rules that ``evaluation.json`` states with its scores."""
    return {
        "version": VERSION,
        "pixel_range": [0, 1],
        "frames_scored": "future; of several horizons likelihood is that of the first, and no first guess is scored",
        "truth": "noise-free, also where the context is noisy",
        "recorded": "of recorded videos only the pixels are known: no foreground, positions, recall, no floor redrawn",
        "context": "noisy for the model; noise-free for floors and reconstruction, so that they are at their strongest",
        "psnr": f"mean over clips of the PSNR of the clip's MSE; zero error counts as {image.CAP:g} dB",
        "ssim": "11 x 11 Gaussian window, sigma 1.5, population covariance, windows inside the frame, mean of channels",
        "mse_frame": "squared error summed over a frame's pixels and channels, mean over frames; mae_frame likewise",
        "foreground": f"union of the true object masks, dilated by {image.DILATION} px",
        "predictable": f"what no object touches, by {image.DILATION} px, that was born after the context; of PSNR and "
        "SSIM, there in windows wholly inside, and of the foreground",
        "openstl": "of recorded videos: errors summed over the pixels of a frame; SSIM in even 7 x 7 windows, sample "
        "variances, a range of 2; PSNR frame by frame; true channels that are equal are one, the prediction's mean",
        "lpips": "version 0.1 of the published weights, frames at their own size, mean over frames",
        "fvd": "Inception-I3D, Kinetics-400 logits of noise-free context + prediction, stretched to 224 x 224; against "
        "the same split's true clips",
        "position": "px from the centroid of the object's truly visible pixels, over judged objects that are found",
        "ade": "mean over frames of the mean over objects; fde: the last frame; objects not found cost recall only",
        "judged": "targets of which at least max(6, 12 (H / 64)^2) px and half are visible",
        "tracker": {
            "sigma": tracking.SIGMA,
            "gate": tracking.GATE,
            "gate_grows": f"by {tracking.FASTEST:g} a frame since while the object is truly not in view",
            "detected": tracking.DETECTED,
            "reach": tracking.REACH,
            "around": tracking.AROUND,
            "compact": tracking.COMPACT,
        },
        "objects": "position error, recall and mask IoU of one target: means over the frames in which it is judged",
        "mask_iou": f"pixels within reach of likeness in chroma >= {objects.ALIKE:g}; 0 for objects not found",
        "count_error": "absolute difference of the numbers of objects found and judged, mean over frames; objects "
        "partly in view do not count",
        "false_detections": "a frame: objects found where they are not, and blobs of a colour that no object has",
        "permanence": f"of objects hidden for {permanence.HIDDEN} frames or more, the share found within "
        f"{tracking.REACH:g} radii in the first {permanence.RETURN} frames in which they are judged again",
        "hallucination": "share of the hidden frames in which the object is found",
        "clutter": f"an object is there if the picture explains {100 * clutter.PRESENT:g} % of the squared contrast of "
        "the scene with it against the scene without it; transients not born in the context are left out",
        "transients_cut": "share of living transients that are not there; transients_left: of ended ones that are",
        "samples": f"positions over all judged objects, lost ones where they were last; regions are normal, widened by "
        f"{samples.JITTER:g} px",
        "calibration_error": f"of the likeliest digit's probability, {likelihood.BINS} equal bins",
        "fitted": "every second clip at the temperature, of those listed, at which the other clips are likeliest; "
        "fitted_temperature itself is that of all clips",
        "temperatures": likelihood.TEMPERATURES,
        "skill": "1 - position error / floor's position error, over the objects found in both",
        "margins": f"subject minus floor, mean over clips, {100 * LEVEL:g} % bootstrap interval over clips",
        "intervals": f"{100 * LEVEL:g} % bootstrap over clips",
    }
