"""Traffic between the devices of a compiled program: its collectives by kind, and their bytes."""

import dataclasses
import math
import re

from futurepred_jax.training.hlo import Executed, executed

# Bytes that one of n devices sends for each byte of the array, in a ring or directly to all others.
SENT = {
    "all-gather": lambda n: (n - 1) / n,
    "all-reduce": lambda n: 2 * (n - 1) / n,
    "reduce-scatter": lambda n: (n - 1) / n,
    "all-to-all": lambda n: (n - 1) / n,
    "collective-permute": lambda n: float(n > 1),
}

# Name of TPU fusions of an all-reduce of which each device keeps only its own part.
SCATTERED = "all-reduce-scatter"

_LISTED = re.compile(r"replica_groups=\{\{([\d,]+)\}")
_IOTA = re.compile(r"replica_groups=\[\d+,(\d+)\]<=")
_MESH = re.compile(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}")


@dataclasses.dataclass(frozen=True)
class Traffic:
    """All collectives of one kind in a call of a program.

    Attributes:
        count: Number of times that one runs.
        bytes: Size of their arrays: of the results of all-gathers, and of the operands on each device of others.
        sent: Bytes that one device sends.
    """

    count: int = 0
    bytes: int = 0
    sent: float = 0.0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.count + other.count, self.bytes + other.bytes, self.sent + other.sent)


def collectives(text: str, *, devices: int) -> dict[str, Traffic]:
    """Returns the collectives of a program by kind, with those in loops counted for every iteration.

    Args:
        text: The optimised program of one device, as ``compiled.as_text()`` prints it.
        devices: Number of devices that run it together.
    """
    found: dict[str, Traffic] = {}
    for line in executed(text):
        kind = line.instruction.opcode.removesuffix("-start")
        if kind in SENT:
            kind = "reduce-scatter" if line.fusion.startswith(SCATTERED) else kind
            found[kind] = found.get(kind, Traffic()) + _traffic(kind, line, devices)
    return found


def _traffic(kind: str, line: Executed, devices: int) -> Traffic:
    ways = _group(line.instruction.rest, devices)
    size = sum(line.computation[name].size for name in line.instruction.operands)
    size *= line.times * (ways if kind == "all-gather" else 1)
    return Traffic(line.times, size, size * SENT[kind](ways))


def _group(attributes: str, devices: int) -> int:
    """Returns the number of devices of a group, in any of XLA's notations; all devices without a group."""
    if listed := _LISTED.search(attributes):
        return len(listed[1].split(","))
    if iota := _IOTA.search(attributes):
        return int(iota[1])
    if mesh := _MESH.search(attributes):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", mesh[1]))
        parts = re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", mesh[2])  # part of an axis has a size of its own
        return math.prod(int(part or sizes[axis]) for axis, part in parts)
    return devices
