"""Data of accelerators that need not be present, and their devices as targets of compilation."""

import dataclasses
import importlib.util
import os
import re

import jax
from jax.experimental import topologies

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """Data of one device.

    Attributes:
        platform: ``tpu`` or ``cuda``.
        memory: Bytes that a program may use.
        flops: FLOP/s of a product of float32 matrices at JAX's default precision: one bfloat16 pass on TPU, TF32 on
            GPU.
        bandwidth: Bytes per second of HBM.
        link: Bytes per second sent to the other devices of a node, over all links.
        node: Number of devices of a node; 0 if links join all devices.
        network: Bytes per second sent to other nodes.
        target: Description for XLA, for platforms whose plugin has none.
    """

    platform: str
    memory: int
    flops: float
    bandwidth: float
    link: float
    node: int = 0
    network: float = 0.0
    target: str = ""


@dataclasses.dataclass(frozen=True)
class Topology:
    """Devices to compile for, which can neither hold arrays nor run programs.

    Attributes:
        kind: Name of the chip.
        chip: Its data.
        devices: The devices.
    """

    kind: str
    chip: Chip
    devices: list

    @property
    def link(self) -> float:
        """Bytes per second that a device sends in a collective of all devices, over the slowest link between them."""
        many = self.chip.node and len(self.devices) > self.chip.node
        return self.chip.network if many else self.chip.link


def _target(name: str, capability: int, **facts: int | float) -> str:
    """Returns a ``GpuTargetConfigProto`` as text, with a device's own facts and those common to all since Ampere."""
    shared = {
        "threads_per_block_limit": 1024,
        "threads_per_warp": 32,
        "threads_per_core_limit": 2048,
        "shared_memory_per_block": 49152,
        "registers_per_core_limit": 65536,
        "registers_per_block_limit": 65536,
        "block_dim_limit_x": 2**31 - 1,
        "block_dim_limit_y": 65535,
        "block_dim_limit_z": 65535,
    }
    fields = " ".join(f"{field}: {value}" for field, value in {**shared, **facts}.items())
    return (
        f"gpu_device_info {{ {fields} cuda_compute_capability {{ major: {capability} }} }} "
        f'platform_name: "CUDA" dnn_version_info {{ major: 9 minor: 8 }} device_description_str: "{name}"'
    )


H100_MEMORY, A100_MEMORY = 84_978_434_048, 85_100_068_864  # bytes that the driver reports
GPU_SHARE = 0.75  # of the memory, which JAX's allocator takes by default

# TPU: cloud.google.com/tpu/docs/v5e, v5p and v6e, of whose bidirectional bandwidth half is one way. GPU: NVIDIA's data
# sheets of H100 SXM and A100 80GB SXM (bfloat16 without sparsity, half of NVLink's bidirectional bandwidth), a network
# of one port of 400 or 200 Gbit/s for each GPU as in DGX H100 and DGX A100; XLA's facts as in OpenXLA's gpu_specs.
CHIPS: dict[str, Chip] = {
    "v5e": Chip(platform="tpu", memory=16 * GIB, flops=197e12, bandwidth=819e9, link=200e9),
    "v5p": Chip(platform="tpu", memory=95 * GIB, flops=459e12, bandwidth=2765e9, link=600e9),
    "v6e": Chip(platform="tpu", memory=32 * GIB, flops=918e12, bandwidth=1638e9, link=400e9),
    "h100": Chip(
        platform="cuda",
        memory=int(GPU_SHARE * H100_MEMORY),
        flops=989e12,
        bandwidth=3352e9,
        link=450e9,
        node=8,
        network=50e9,
        target=_target(
            "NVIDIA H100 80GB HBM3",
            9,
            core_count=132,
            fpus_per_core=128,
            clock_rate_ghz=1.98,
            l2_cache_size=52_428_800,
            memory_bandwidth=3_352_320_000_000,
            device_memory_size=H100_MEMORY,
            shared_memory_per_core=233_472,
            shared_memory_per_block_optin=232_448,
        ),
    ),
    "a100": Chip(
        platform="cuda",
        memory=int(GPU_SHARE * A100_MEMORY),
        flops=312e12,
        bandwidth=2039e9,
        link=300e9,
        node=8,
        network=25e9,
        target=_target(
            "NVIDIA A100-SXM4-80GB",
            8,
            core_count=108,
            fpus_per_core=64,
            clock_rate_ghz=1.41,
            l2_cache_size=41_943_040,
            memory_bandwidth=2_039_040_000_000,
            device_memory_size=A100_MEMORY,
            shared_memory_per_core=167_936,
            shared_memory_per_block_optin=166_912,
        ),
    ),
}

NEEDS = {"tpu": ("libtpu", "tpu"), "cuda": ("jax_cuda12_plugin", "cuda-aot")}  # module, and the extra that brings it

# libtpu looks for the machine it is on, and for other processes that use it, unless told not to.
WITHOUT_A_TPU = {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1", "TPU_WORKER_HOSTNAMES": "localhost"}


def find(name: str) -> Topology:
    """Returns the devices of a topology.

    It must be called before any other use of JAX, which it keeps from initialising accelerators.

    Args:
        name: CHIP:SHAPE, such as ``v5e:4x4``, ``v5p:2x2x1`` or ``h100:8``.

    Raises:
        ValueError: If the chip is unknown, has no such shape, or its compiler is not installed.
    """
    kind, _, shape = name.partition(":")
    if kind not in CHIPS or not re.fullmatch(r"\d+(x\d+)*", shape):
        raise ValueError(f"topology {name!r}: say CHIP:SHAPE such as v5e:4x4 or h100:8, CHIP one of {', '.join(CHIPS)}")
    chip = CHIPS[kind]
    module, extra = NEEDS[chip.platform]
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"compiling for {name} needs {module}: pip install 'futurepred-jax[{extra}]'")
    jax.config.update("jax_platforms", "cpu")
    try:
        found = _tpu(name) if chip.platform == "tpu" else _cuda(chip, shape)
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(f"topology {name!r} is not one that {kind} comes in: {_first_line(error)}") from error
    return Topology(kind, chip, list(found.devices))


def _tpu(name: str) -> topologies.TopologyDescription:
    for variable, value in WITHOUT_A_TPU.items():
        os.environ.setdefault(variable, value)
    return topologies.get_topology_desc(platform="tpu", topology_name=name)


def _cuda(chip: Chip, shape: str) -> topologies.TopologyDescription:
    count = int(shape) if shape.isdigit() else 0
    each = min(count, chip.node)
    if count < 1 or count % each:
        raise ValueError(f"{shape} GPUs: give their number, at most {chip.node} or a multiple of it")
    nodes = f"1x{count // each}x{each}"  # slices, nodes, devices of each
    return topologies.get_topology_desc(platform="cuda", target_config=chip.target, topology=nodes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
