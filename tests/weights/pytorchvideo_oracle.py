"""The reference implementation, in PyTorch. Run as a program, it writes golden.json anew."""

import json
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from published import GOLDEN, NETWORKS, checkpoint, clip, sampled

from futurepred_jax.benchmarks.pytorchvideo import build
from futurepred_jax.models.resnet3d import frame_indices
from futurepred_jax.models.slowfast import Slow, SlowFast
from futurepred_jax.weights.naming import pytorchvideo_name


def load(module: torch.nn.Module, tensors: dict[str, np.ndarray]) -> None:
    """Gives the module these weights; every name must be known, and only counters may be missing."""
    result = module.load_state_dict({name: torch.from_numpy(t) for name, t in tensors.items()}, strict=False)
    assert result.unexpected_keys == []
    assert all(name.endswith("num_batches_tracked") for name in result.missing_keys)


def run(module: torch.nn.Module, network: Any, video: np.ndarray, *, train: bool) -> dict[str, np.ndarray]:
    """Every endpoint and the logits, channels last, of frames in [-1, 1]."""
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        return lambda _module, _inputs, output: kept.setdefault(name, output)

    hooks = [m.register_forward_hook(keep(name)) for name, m in _endpoints(module, network).items()]
    normalised = ((torch.from_numpy(video) + 1) / 2 - 0.45) / 0.225
    fast = normalised.permute(0, 4, 1, 2, 3)
    slow = fast[:, :, frame_indices(fast.shape[2], fast.shape[2] // getattr(network, "alpha", 1))]
    module.train(train)
    with torch.no_grad():
        logits = module([slow, fast] if isinstance(network, SlowFast) else fast)
    for hook in hooks:
        hook.remove()
    features = {name: output.permute(0, 2, 3, 4, 1).numpy() for name, output in kept.items()}
    return {**features, "logits": logits.numpy()}


def _endpoints(module: Any, network: Any) -> dict[str, torch.nn.Module]:
    names = ("stem", "res2", "res3", "res4", "res5")
    if isinstance(network, SlowFast):
        both = enumerate(("slow", "fast"))
        return {f"{p}/{n}": module.blocks[i].multipathway_blocks[j] for j, p in both for i, n in enumerate(names)}
    places = range(5) if isinstance(network, Slow) else (0, 1, 3, 4, 5)
    return {name: module.blocks[i] for name, i in zip(names, places, strict=True)}


def main() -> None:
    """Writes ``golden.json``."""
    found = {}
    for name, network in NETWORKS.items():
        module = build(network)
        load(module, checkpoint(network, pytorchvideo_name))
        found[name] = sampled(run(module, network, clip(), train=False))
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
