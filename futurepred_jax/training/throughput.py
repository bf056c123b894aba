"""Throughput of training, and the measured matmul speed of devices, to which MFU is relative."""

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
    """Counts the steps and seconds of training alone; the clock stops during all other work.

    Args:
        steps: Steps of earlier runs.
        seconds: Seconds of earlier runs.
    """

    def __init__(self, *, steps: int, seconds: float) -> None:
        self.steps = steps
        self.seconds = seconds
        self._since: tuple[int, float] | None = None
        self._lap = (steps, seconds)

    def resume(self, step: int) -> None:
        """Starts the clock after ``step``, which the device has finished."""
        self._since = (step, time.perf_counter())

    def pause(self, step: int) -> None:
        """Stops the clock after ``step``, which the device has finished, unless it is stopped already."""
        if self._since is not None:
            self.steps += step - self._since[0]
            self.seconds += time.perf_counter() - self._since[1]
            self._since = None

    def lap(self) -> float | None:
        """Returns steps per second since the last lap, or None if no step was timed."""
        steps, seconds = self.steps - self._lap[0], self.seconds - self._lap[1]
        self._lap = (self.steps, self.seconds)
        return steps / seconds if steps > 0 else None

    @property
    def steps_per_second(self) -> float | None:
        """Steps per second over all steps, or None if no step was timed."""
        return self.steps / self.seconds if self.steps > 0 else None


def matmul_flops_per_second(device: jax.Device) -> float:  # pyright: ignore[reportInvalidTypeForm]
    """Returns the FLOP/s of the best of a few square matmuls: in float32 on CPU, in bfloat16 on other devices."""
    size, dtype = (1024, jnp.float32) if device.platform == "cpu" else (8192, jnp.bfloat16)
    matrix = jax.device_put(jnp.ones((size, size), dtype), device)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    seconds = min(_seconds(product, matrix) for _ in range(_REPEATS))
    return 2 * size**3 / seconds


def peak_flops_per_second(mesh: Mesh) -> float:
    """Returns the matmul FLOP/s of a whole mesh; the simulated CPU devices of a process count once."""
    device = mesh.local_devices[0]
    return matmul_flops_per_second(device) * (jax.process_count() if device.platform == "cpu" else mesh.size)


def peak_memory_bytes() -> int:
    """Returns the peak memory of this process's fullest device or, on CPU, of this process."""
    known = [stats["peak_bytes_in_use"] for device in jax.local_devices() if (stats := device.memory_stats())]
    if known:
        return max(known)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def hardware() -> str:
    """Returns the devices as text, such as "8 x NVIDIA H100 80GB HBM3" or "2-core CPU (Intel Xeon)"."""
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
