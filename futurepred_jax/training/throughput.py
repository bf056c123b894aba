"""How fast training is, and how much of the device's own matmul speed that is (MFU)."""

import os
import pathlib
import platform
import resource
import sys
import time

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

_REPEATS = 5


class Meter:
    """Counts steps and seconds of training alone: the clock stands still while anything else happens."""

    def __init__(self, *, steps: int, seconds: float) -> None:
        """Continue from the counts of earlier runs."""
        self.steps = steps
        self.seconds = seconds
        self._since: tuple[int, float] | None = None
        self._lap = (steps, seconds)

    def resume(self, step: int) -> None:
        """Start the clock after ``step``, whose work the device has finished."""
        self._since = (step, time.perf_counter())

    def pause(self, step: int) -> None:
        """Stop the clock after ``step``, whose work the device has finished; no effect while it stands."""
        if self._since is not None:
            self.steps += step - self._since[0]
            self.seconds += time.perf_counter() - self._since[1]
            self._since = None

    def lap(self) -> float | None:
        """Steps a second since the lap before, or None where no step was timed."""
        steps, seconds = self.steps - self._lap[0], self.seconds - self._lap[1]
        self._lap = (self.steps, self.seconds)
        return steps / seconds if steps > 0 else None

    @property
    def steps_per_second(self) -> float | None:
        """The rate over all that was counted, or None before anything was."""
        return self.steps / self.seconds if self.steps > 0 else None


def matmul_flops_per_second(device: jax.Device) -> float:  # pyright: ignore[reportInvalidTypeForm]
    """FLOP/s of the best of a few square matmuls on ``device``: float32 on a CPU, bfloat16 elsewhere."""
    size, dtype = (1024, jnp.float32) if device.platform == "cpu" else (8192, jnp.bfloat16)
    matrix = jax.device_put(jnp.ones((size, size), dtype), device)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    seconds = min(_seconds(product, matrix) for _ in range(_REPEATS))
    return 2 * size**3 / seconds


def peak_flops_per_second(mesh: Mesh) -> float:
    """Matmul speed of the whole mesh; simulated CPU devices share one CPU a process and count once."""
    device = mesh.local_devices[0]
    return matmul_flops_per_second(device) * (jax.process_count() if device.platform == "cpu" else mesh.size)


def peak_memory_bytes() -> int:
    """Most memory ever in use: on the fullest of this process's devices, or on a CPU by the process."""
    known = [stats["peak_bytes_in_use"] for device in jax.local_devices() if (stats := device.memory_stats())]
    if known:
        return max(known)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def hardware() -> str:
    """The devices in words, such as "8 x NVIDIA H100 80GB HBM3" or "2-core CPU (Intel Xeon)"."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"{os.cpu_count()}-core CPU ({_cpu_name()})"
    return f"{jax.device_count()} x {device.device_kind}"


def _seconds(product: jax.stages.Wrapped, matrix: jax.Array) -> float:
    start = time.perf_counter()
    product(matrix, matrix).block_until_ready()
    return time.perf_counter() - start


def _cpu_name() -> str:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
