"""The reference implementation, in PyTorch. Run as a program, it writes golden.json anew."""

import json
import sys
import types
from typing import Any
from unittest import mock

import numpy as np
import torch
from published import GOLDEN, NETWORKS, checkpoint, clip, sampled

from futurepred_jax.models.resnet3d import frame_indices
from futurepred_jax.models.slowfast import Slow, SlowFast
from futurepred_jax.weights.naming import pytorchvideo_name


def _pytorchvideo() -> Any:
    """Its networks, without the torchvision that it imports for an operator that none of these has."""
    operators = types.ModuleType("torchvision.ops")
    operators.RoIAlign = None  # pyright: ignore[reportAttributeAccessIssue]
    stubs = {"torchvision": types.ModuleType("torchvision"), "torchvision.ops": operators}
    with mock.patch.dict(sys.modules, stubs):
        from pytorchvideo.models import resnet, slowfast
    return types.SimpleNamespace(resnet=resnet, slowfast=slowfast)


def build(network: Any) -> torch.nn.Module:
    """The network of the same fields, pooled over all places as for any clip."""
    library, depths = _pytorchvideo(), {50: network.blocks}
    if isinstance(network, SlowFast):
        make, fields = library.slowfast.create_slowfast, _slowfast_fields(network)
    else:
        make, fields = library.resnet.create_resnet, _resnet_fields(network)
    with mock.patch.dict(make.__globals__, _MODEL_STAGE_DEPTH=depths):
        return make(
            model_num_class=network.num_classes,
            dropout_rate=network.dropout,
            head_pool=torch.nn.AdaptiveAvgPool3d,
            **fields,
        )


def _resnet_fields(network: Any) -> dict[str, Any]:
    slow = isinstance(network, Slow)
    windows = [
        tuple((windows[i % len(windows)], 1, 1) for i in range(blocks))
        for blocks, windows in zip(network.blocks, network.windows, strict=True)
    ]
    return {
        "stem_dim_out": network.width,
        "stem_conv_kernel_size": (1 if slow else 5, 7, 7),
        "stage1_pool": None if slow else torch.nn.MaxPool3d,
        "stage_conv_a_kernel_size": tuple(windows),
    }


def _slowfast_fields(network: SlowFast) -> dict[str, Any]:
    return {
        "stem_dim_outs": (network.width, network.width // 8),
        "slowfast_fusion_conv_kernel_size": (network.fusion_window, 1, 1),
        "slowfast_fusion_conv_stride": (network.alpha, 1, 1),
    }


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
