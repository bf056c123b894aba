"""The metrics and predictors that a report knows, with labels, units, directions and definitions."""

import dataclasses
from typing import Literal

Role = Literal["ceiling", "model", "floor", "other"]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric as reports show it.

    Attributes:
        name: Its name in ``evaluation.json``.
        label: Its name on pages.
        unit: Its unit, if it has one.
        digits: Number of digits after the point that are printed.
        sign: 1 if higher is better, -1 if lower is better, 0 if neither is.
        definition: What it measures, in a sentence.
    """

    name: str
    label: str
    unit: str = ""
    digits: int = 3
    sign: int = 0
    definition: str = ""

    @property
    def word(self) -> str:
        """The label inside a sentence: lower case unless it is an abbreviation, such as "foreground PSNR" or "PSNR"."""
        return self.label if self.label[:2].isupper() else self.label[0].lower() + self.label[1:]


@dataclasses.dataclass(frozen=True)
class PredictorLabel:
    """How reports name and define a predictor: the model, a floor that it must beat, or a ceiling."""

    name: str
    label: str
    role: Role = "other"
    definition: str = ""


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "psnr", "PSNR", "dB", 2, 1, "Peak signal-to-noise ratio of a clip's future pixels, mean over the clips."
        ),
        Metric("ssim", "SSIM", "", 3, 1, "Structural similarity, 11 × 11 Gaussian window, σ 1.5; 1 is identical."),
        Metric(
            "foreground_psnr",
            "Foreground PSNR",
            "dB",
            2,
            1,
            "PSNR over the true objects' pixels and 2 px around them: an easy background cannot lift it.",
        ),
        Metric(
            "ade", "ADE", "px", 2, -1, "Distance of the objects found from their true places, mean over all frames."
        ),
        Metric("fde", "FDE", "px", 2, -1, "Distance of the objects found from their true places in the last frame."),
        Metric(
            "position_error", "Position error", "px", 2, -1, "Distance of the objects found from their true places."
        ),
        Metric("recall", "Recall", "", 3, 1, "Share of the visible true objects that are found in the prediction."),
        Metric("mse", "MSE", "", 5, -1, "Mean squared error per pixel and channel, range [0, 1]."),
        Metric("mae", "MAE", "", 4, -1, "Mean absolute error per pixel and channel, range [0, 1]."),
        Metric(
            "token_accuracy", "Token accuracy", "", 3, 1, "Share of future tokens whose likeliest code is the true one."
        ),
        Metric(
            "bits_per_token", "Bits per token", "bit", 2, -1, "Exact negative log₂-likelihood of a true future token."
        ),
        Metric(
            "bits_per_dimension",
            "Bits per dimension",
            "bit",
            4,
            -1,
            "Bits of a future frame's tokens, divided by its pixels times channels.",
        ),
        Metric(
            "foreground_psnr_predictable",
            "Predictable foreground",
            "dB",
            2,
            1,
            "Foreground PSNR without the pixels touched by objects that appear after the context.",
        ),
        Metric(
            "psnr_predictable",
            "Predictable PSNR",
            "dB",
            2,
            1,
            "PSNR without the pixels touched by objects that appear after the context.",
        ),
        Metric(
            "ssim_predictable",
            "Predictable SSIM",
            "",
            3,
            1,
            "SSIM of the windows that no object touches which appears after the context.",
        ),
        Metric(
            "ade_travelled", "ADE / distance", "", 3, -1, "ADE over the distance that the objects really travelled."
        ),
        Metric("mse_frame", "MSE a frame", "", 1, -1, "Squared error summed over a frame's pixels and channels."),
        Metric("mae_frame", "MAE a frame", "", 1, -1, "Absolute error summed over a frame's pixels and channels."),
        Metric(
            "openstl_mse",
            "OpenSTL MSE",
            "",
            1,
            -1,
            "Squared error summed over the pixels of a frame, as OpenSTL has it.",
        ),
        Metric(
            "openstl_mae",
            "OpenSTL MAE",
            "",
            1,
            -1,
            "Absolute error summed over the pixels of a frame, as OpenSTL has it.",
        ),
        Metric(
            "openstl_ssim",
            "OpenSTL SSIM",
            "",
            3,
            1,
            "Structural similarity as OpenSTL has it, 7 × 7 windows and a data range of 2: higher than SSIM.",
        ),
        Metric(
            "openstl_psnr",
            "OpenSTL PSNR",
            "dB",
            2,
            1,
            "PSNR of each frame, mean over frames and clips, as OpenSTL has it.",
        ),
        Metric("lpips_alex", "LPIPS (AlexNet)", "", 3, -1, "How different two frames look to AlexNet; 0 is identical."),
        Metric("lpips_vgg", "LPIPS (VGG)", "", 3, -1, "How different two frames look to VGG-16; 0 is identical."),
        Metric(
            "kvd",
            "KVD",
            "",
            3,
            -1,
            "Kernel distance of I3D features from those of true clips, context included; unbiased in their number.",
        ),
        Metric(
            "fvd",
            "FVD",
            "",
            0,
            -1,
            "Fréchet distance of the same features; it depends on the number of clips, so compare it with real clips.",
        ),
        Metric("mask_iou", "Mask IoU", "", 3, 1, "Overlap of every object's predicted and true mask, 0 if not found."),
        Metric("count_error", "Count error", "", 2, -1, "Objects too many or too few in a frame."),
        Metric("false_detections", "False detections", "", 2, -1, "Objects a frame that match nothing that is there."),
        Metric("permanence", "Permanence", "", 3, 1, "Share of hidden objects found near their place once seen again."),
        Metric("permanence_error", "Error on return", "px", 2, -1, "Position error of hidden objects once seen again."),
        Metric("hallucination", "Hallucination", "", 3, -1, "Share of hidden frames in which the object is drawn."),
        Metric("clutter_recall", "Clutter recall", "", 3, 1, "Share of the persistent clutter that is still there."),
        Metric("transients_cut", "Transients cut", "", 3, -1, "Share of the passing clutter that ended too early."),
        Metric(
            "transients_left", "Transients left", "", 3, -1, "Share of the clutter past its end that is still there."
        ),
        Metric("ade_best", "ADE, best sample", "px", 2, -1, "Position error of the best of several sampled futures."),
        Metric(
            "ade_mean", "ADE, mean sample", "px", 2, -1, "Position error of sampled futures, lost objects included."
        ),
        Metric(
            "energy_score",
            "Energy score",
            "px",
            2,
            -1,
            "Distance of sampled positions from the truth, minus half their distance from each other.",
        ),
        Metric("coverage_50", "Coverage, 50 %", "", 3, 0, "Share of true positions in the 50 % region of the samples."),
        Metric("coverage_90", "Coverage, 90 %", "", 3, 0, "Share of true positions in the 90 % region of the samples."),
        Metric("bits_per_frame", "Bits per frame", "bit", 1, -1, "Bits of all tokens of a future frame."),
        Metric(
            "calibration_error",
            "Calibration error",
            "",
            3,
            -1,
            "Difference between the probability of the likeliest code and how often it is right.",
        ),
        Metric(
            "calibration_error_fitted",
            "Calibration error, fitted",
            "",
            3,
            -1,
            "Calibration error of every second clip, at the temperature fitted to the other clips.",
        ),
        Metric(
            "bits_per_token_fitted",
            "Bits per token, fitted",
            "bit",
            2,
            -1,
            "Bits per token of every second clip, at the temperature fitted to the other clips.",
        ),
        Metric(
            "fitted_temperature", "Fitted temperature", "", 2, 0, "Temperature at which the true tokens are likeliest."
        ),
        Metric(
            "pairs_ranked", "Pairs ranked", "", 3, 1, "Share of pairs whose possible clip is likelier; ½ is chance."
        ),
    )
}

PREDICTORS = {
    label.name: label
    for label in (
        PredictorLabel(
            "true_parameters",
            "True parameters",
            "ceiling",
            "The true scene rendered without objects that appear after the context: all that can be predicted.",
        ),
        PredictorLabel(
            "tokenizer_reconstruction",
            "Tokenizer reconstruction",
            "ceiling",
            "The true future encoded and decoded: no prediction made of these tokens can be expected to do better.",
        ),
        PredictorLabel("model", "Model", "model", "The future that the model predicts from the noisy context."),
        PredictorLabel(
            "first_guess",
            "First guess",
            "other",
            "The last frame's pixels moved to where the outlook expects them; the model starts from it.",
        ),
        PredictorLabel(
            "shuffled_pathway",
            "Shuffled pathway",
            "other",
            "The model while its motion pathway watches another clip; the difference is what the pathway contributes.",
        ),
        PredictorLabel(
            "constant_velocity",
            "Constant velocity",
            "floor",
            "The true state at the end of the context, continued at constant velocity and rendered. It knows the true "
            "state and the renderer; beating it on curved motion shows learned dynamics.",
        ),
        PredictorLabel("copy_last", "Copy-last-frame", "floor", "The last noise-free context frame, repeated."),
        PredictorLabel("context_mean", "Context mean", "floor", "The mean of the noise-free context frames."),
        PredictorLabel("mean_frame", "Mean frame", "floor", "The mean picture of the training split, for every clip."),
        PredictorLabel(
            "black_frame", "Black frame", "floor", "Black frames. A model that scores no better has predicted nothing."
        ),
    )
}

HEADLINE = ("psnr", "ssim", "foreground_psnr", "ade")
"""The metrics on which the summary compares a model with its floors."""


def metric(name: str) -> Metric:
    """Returns the metric of a name; an unlisted one is labelled by its name and has no better direction."""
    return METRICS.get(name, Metric(name, name.replace("_", " ").capitalize()))


def predictor_label(name: str) -> PredictorLabel:
    """Returns the label of a predictor; an unlisted one is labelled by its name and is no floor."""
    return PREDICTORS.get(name, PredictorLabel(name, name.replace("_", " ").capitalize()))


def style_of(name: str) -> str:
    """Returns the CSS class of a predictor's marks."""
    return f"is-{name.replace('_', '-')}" if name in PREDICTORS else "is-other"
