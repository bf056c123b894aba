"""The published networks by pytorchvideo, which the extra ``parity`` installs."""

import sys
import types
from typing import Any
from unittest import mock

import torch  # pyright: ignore[reportMissingImports]

from futurepred_jax.models.slowfast import Slow, SlowFast


def _pytorchvideo() -> Any:
    """Its networks, without the torchvision that it imports for an operator that none of these has."""
    operators = types.ModuleType("torchvision.ops")
    operators.RoIAlign = None  # pyright: ignore[reportAttributeAccessIssue]
    stubs = {"torchvision": types.ModuleType("torchvision"), "torchvision.ops": operators}
    with mock.patch.dict(sys.modules, stubs):
        from pytorchvideo.models import resnet, slowfast  # pyright: ignore[reportMissingImports]
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
