"""The least time that a program can take: of its arithmetic, its memory and its network, the slowest."""

import dataclasses

from futurepred_jax.training.hlo import Executed, executed
from futurepred_jax.training.topology import Topology

# Instructions that move no bytes of their own.
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
    """Seconds that each part of a device would need by itself; all at once is the best that a program can do."""

    compute: float
    memory: float
    network: float

    @property
    def seconds(self) -> float:
        """Of one run."""
        return max(self.compute, self.memory, self.network)

    @property
    def bound(self) -> str:
        """The part that is slowest."""
        return max(("compute", "memory", "network"), key=lambda name: getattr(self, name))

    @property
    def mfu(self) -> float:
        """Share of the device's peak arithmetic that the analytic work can reach."""
        return self.compute / self.seconds


def roofline(*, flops: float, hbm: int, sent: float, topology: Topology) -> Roofline:
    """The roofline of a program, from what one device does.

    Args:
        flops: analytic.
        hbm: bytes that it reads and writes in its memory.
        sent: bytes that it sends to others.
        topology: the hardware.
    """
    chip = topology.chip
    return Roofline(flops / chip.flops, hbm / chip.bandwidth, sent / topology.link)


def hbm_traffic(text: str) -> int:
    """Bytes that one device reads and writes in its main memory, each operand and each result in whole.

    A gather or slice that reads little of its operand is so counted too high; an update in place is counted as the
    update, read and written.

    Args:
        text: the optimised program, as ``compiled.as_text()`` prints it.
    """
    return sum(line.times * _moved(line) for line in executed(text) if not line.fusion)


def _moved(line: Executed) -> int:
    instruction = line.instruction
    if instruction.opcode in FREE or instruction.opcode.endswith("-done"):
        return 0
    if instruction.opcode.endswith("-start"):
        return instruction.hbm  # source and destination both
    read = [line.computation[name].hbm for name in instruction.operands if name in line.computation]
    if "dynamic-update-slice" in instruction.name.replace("_", "-"):  # so XLA names fusions that end in one, too
        return 2 * (sum(read) - max(read, default=0))
    return sum(read) + instruction.hbm
