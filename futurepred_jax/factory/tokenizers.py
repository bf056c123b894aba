"""A predictor's tokenizer: where it is, whether it is the right one, and whether it is good enough."""

import json

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.training import identity

GATE_SPLIT = "val_iid"
# Tokenizers by the name in ``config.model``, and why no predictor is trained on their tokens.
NOT_FOR_PREDICTORS = {
    "magvit_v1": "its context tokens see the future, so a predictor would be told what it should predict; take the "
    "causal tokenizer of configs/tokenizer.py",
    "image_magvit": "it knows single frames; start the tokenizer of configs/tokenizer.py from it, by init.image",
}


class GateError(ValueError):
    """A tokenizer is not good enough for a predictor to be trained on its tokens."""


def tokenizer_config(config: ConfigDict) -> ConfigDict:
    """The tokenizer's own config inside a predictor's.

    Raises:
        ValueError: its tokens are not for predictors: those of a context tell of the future, or they are of images.
    """
    codec = config.tokenizer.config
    if (name := codec.model.get("name")) in NOT_FOR_PREDICTORS:
        raise ValueError(f"{name} is for reconstruction only: {NOT_FOR_PREDICTORS[name]}")
    return codec


def tokenizer_workdir(config: ConfigDict, workdir: epath.PathLike) -> epath.Path:
    """``config.tokenizer.workdir``, by default beside the predictor's: all predictors of a preset share it."""
    default = epath.Path(workdir).parent / f"{tokenizer_config(config).name}-{config.preset}"
    return epath.Path(config.tokenizer.workdir) if config.tokenizer.workdir else default


def require_gate(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Refuses a tokenizer that does not draw the objects, by its reconstructions of held-out clips.

    Recorded videos have no objects to find: of them it must draw more than the mean frame, by ``config.recorded_gate``
    dB.

    Raises:
        ValueError: if the tokenizer is of another config, or was not evaluated.
        GateError: if a held-out score is below ``config.gate``.
    """
    place = tokenizer_workdir(config, workdir)
    identity.require_same(place, tokenizer_config(config).to_dict())
    path = place / "evaluation.json"
    if not path.exists():
        raise ValueError(f"no evaluation.json in {place}: run the tokenizer's config there with --mode=evaluate first")
    scores = json.loads(path.read_text())["splits"][GATE_SPLIT]["scores"]
    found, gate = scores["tokenizer_reconstruction"], config.gate.to_dict()
    if config.data.source != "clutter":
        gate = {"psnr": scores["mean_frame"]["psnr"] + config.recorded_gate}
    failed = [
        f"{name} {found[name]:.3g}, at least {least:.3g} needed"
        for name, least in gate.items()
        if not found[name] >= least
    ]
    if failed:
        raise GateError(
            f"the tokenizer of {place} does not pass the gate on {GATE_SPLIT}: {'; '.join(failed)}. "
            "A predictor cannot be better than its tokens: train the tokenizer longer or better, or lower config.gate"
        )
