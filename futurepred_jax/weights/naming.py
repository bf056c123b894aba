"""The name that each publisher gave to a variable of ours: one function for each form of checkpoint."""

import re
from collections.abc import Callable, Iterable

PYTORCHVIDEO_BLOCKS = {
    "I3D": {"stem": 0, "res2": 1, "res3": 3, "res4": 4, "res5": 5, "head": 6},  # block 2 is the temporal pool
    "Slow": {"stem": 0, "res2": 1, "res3": 2, "res4": 3, "res5": 4, "head": 5},
    "SlowFast": {"stem": 0, "res2": 1, "res3": 2, "res4": 3, "res5": 4, "head": 6},  # block 5 joins the pathways
}
PATHWAYS = ("slow", "fast")  # in the order of their numbers in checkpoints
PYTORCH_LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
CAFFE2_LEAVES = {"w": "weight", "s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"}
CAFFE2_STEMS = {"conv1": "conv", "res_conv1_bn": "bn"}
INCEPTION_BRANCHES = {
    "branch0": "Branch_0/Conv3d_0a_1x1",
    "branch1a": "Branch_1/Conv3d_0a_1x1",
    "branch1b": "Branch_1/Conv3d_0b_3x3",
    "branch2a": "Branch_2/Conv3d_0a_1x1",
    "branch2b": "Branch_2/Conv3d_0b_3x3",
    "branch3": "Branch_3/Conv3d_0b_1x1",
}

Naming = Callable[[str, str], str]
"""From our path, such as ``params/res2/block0/a/conv/kernel``, and the network's class to the publisher's name."""


def pytorchvideo_name(path: str, network: str) -> str:
    """As in ``blocks.1.res_blocks.0.branch2.conv_a.weight``."""
    blocks = PYTORCHVIDEO_BLOCKS[network]
    pathway, stage, places, part, leaf = _parse(path)
    if stage == "head":
        return f"blocks.{blocks[stage]}.proj.{leaf}"
    if pathway == "lateral":
        module = "conv_fast_to_slow" if part == "conv" else "norm"
        return f"blocks.{blocks[stage]}.multipathway_fusion.{module}.{leaf}"
    prefix = f"blocks.{blocks[stage]}."
    if network == "SlowFast":
        prefix += f"multipathway_blocks.{PATHWAYS.index(pathway)}."
    if stage == "stem":
        return f"{prefix}{part}.{leaf}"
    block, unit = places
    module = f"branch1_{part}" if unit == "shortcut" else f"branch2.{part}_{unit}"
    return f"{prefix}res_blocks.{block.removeprefix('block')}.{module}.{leaf}"


def pyslowfast_name(path: str, network: str) -> str:
    """As in ``s2.pathway0_res0.branch2.a.weight``, whatever the network."""
    del network
    pathway, stage, places, part, leaf = _parse(path)
    if stage == "head":
        return f"head.projection.{leaf}"
    number = 1 if stage == "stem" else int(stage.removeprefix("res"))
    if pathway == "lateral":
        return f"s{number}_fuse.{'conv_f2s' if part == 'conv' else 'bn'}.{leaf}"
    prefix = f"s{number}.pathway{PATHWAYS.index(pathway)}_"
    if stage == "stem":
        return f"{prefix}stem.{'conv' if part == 'conv' else 'bn'}.{leaf}"
    block, unit = places
    module = "branch1" if unit == "shortcut" else f"branch2.{unit}"
    return f"{prefix}res{block.removeprefix('block')}.{module}{'' if part == 'conv' else '_bn'}.{leaf}"


def _parse(path: str) -> tuple[str, str, list[str], str, str]:
    """Pathway, stage, places inside of the stage, "conv" or "norm", and PyTorch's name of the leaf."""
    _, top, *places, part, leaf = path.split("/")
    pathway, _, stage = top.rpartition("_")
    return pathway or "slow", stage, places, part, PYTORCH_LEAVES[leaf]


def of_caffe2(blob: str) -> str:
    """PySlowFast's name of a Caffe2 blob: ``res2_0_branch2a_bn_riv`` is ``s2.pathway0_res0.branch2.a_bn.running_var``.

    A blob of the Fast pathway begins with ``t_``. A name of no such form is returned as it is.
    """
    stem, _, ending = blob.rpartition("_")
    leaf = CAFFE2_LEAVES.get(ending)
    if leaf is None:
        return blob
    if stem == "pred":
        return f"head.projection.{leaf}"
    pathway, stem = int(stem.startswith("t_")), stem.removeprefix("t_")
    if stem in CAFFE2_STEMS:
        return f"s1.pathway{pathway}_stem.{CAFFE2_STEMS[stem]}.{leaf}"
    if match := re.fullmatch(r"(?:pool(1)|res(\d)_\d+_branch2c_bn)_subsample(_bn)?", stem):
        return f"s{match[1] or match[2]}_fuse.{'bn' if match[3] else 'conv_f2s'}.{leaf}"
    if match := re.fullmatch(r"res(\d)_(\d+)_branch([12])([abc]?)(_bn)?", stem):
        unit = f".{match[4]}" if match[4] else ""
        return f"s{match[1]}.pathway{pathway}_res{match[2]}.branch{match[3]}{unit}{match[5] or ''}.{leaf}"
    return blob


def inception_name(path: str, network: str) -> str:
    """As in ``params/Mixed_3b/Branch_1/Conv3d_0a_1x1/Conv_0/kernel``: nested dictionaries, and slashes in keys."""
    del network
    collection, *places, leaf = path.split("/")
    if places == ["logits"]:
        return f"{collection}/Logits/Conv3d_0c_1x1/Conv_0/{leaf}"
    *modules, part = (INCEPTION_BRANCHES.get(place, place) for place in places)
    return "/".join([collection, *modules, "Conv_0" if part == "conv" else "BatchNorm_0", leaf])


def naming_of(names: Iterable[str]) -> Naming:
    """Whose names these are.

    Raises:
        ValueError: for names of no known publisher.
    """
    known = {"blocks.": pytorchvideo_name, "s1.": pyslowfast_name, "params/": inception_name}
    names = list(names)
    for prefix, naming in known.items():
        if any(name.startswith(prefix) for name in names):
            return naming
    raise ValueError(f"names as {sorted(names)[:3]}: known begin with {', '.join(known)}")
