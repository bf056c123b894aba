"""The roofline model: the least time of a program, given by its arithmetic, memory traffic or network traffic."""

import dataclasses

from futurepred_jax.training.hlo import Executed, executed
from futurepred_jax.training.topology import Topology

# Instructions that move no bytes.
FREE = (
    "after-all",
    "bitcast",
    "call",
    "conditional",
    "constant",
    "get-tuple-element",
    "iota",
    "opt-barrier",
    "parameter",
    "partition-id",
    "replica-id",
    "tuple",
    "while",
)


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Least seconds of a call for each part of a device; at best all parts work at the same time.

    Attributes:
        compute: Seconds of arithmetic.
        memory: Seconds of memory traffic.
        network: Seconds of traffic between devices.
    """

    compute: float
    memory: float
    network: float

    @property
    def seconds(self) -> float:
        """Least seconds of a call."""
        return max(self.compute, self.memory, self.network)

    @property
    def bound(self) -> str:
        """The slowest part: compute, memory or network."""
        return max(("compute", "memory", "network"), key=lambda name: getattr(self, name))

    @property
    def mfu(self) -> float:
        """Largest share of the device's peak FLOP/s that the program can reach, in [0, 1]."""
        return self.compute / self.seconds


def roofline(*, flops: float, hbm: int, sent: float, topology: Topology) -> Roofline:
    """Returns the roofline of a program from the work of one device.

    Args:
        flops: Analytic floating-point operations.
        hbm: Bytes read and written in the device's main memory.
        sent: Bytes sent to other devices.
        topology: The hardware.
    """
    chip = topology.chip
    return Roofline(flops / chip.flops, hbm / chip.bandwidth, sent / topology.link)


def hbm_traffic(text: str) -> int:
    """Returns the bytes that one device reads and writes in its main memory, with whole operands and results.

    This overestimates gathers and slices that read a small part of their operand. An update in place counts as the
    update, read and written.

    Args:
        text: The optimised program, as ``compiled.as_text()`` prints it.
    """
    return sum(line.times * _moved(line) for line in executed(text) if not line.fusion)


def _moved(line: Executed) -> int:
    instruction = line.instruction
    if instruction.opcode in FREE or instruction.opcode.endswith("-done"):
        return 0
    if instruction.opcode.endswith("-start"):
        return instruction.hbm  # source and destination both
    read = [line.computation[name].hbm for name in instruction.operands if name in line.computation]
    if "dynamic-update-slice" in instruction.name.replace("_", "-"):  # XLA names fusions that end in one like this, too
        return 2 * (sum(read) - max(read, default=0))
    return sum(read) + instruction.hbm
