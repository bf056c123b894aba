"""Parsing of compiled programs as XLA prints them: their instructions, how often each runs, and its bytes."""

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(
    r"^\s+(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<shape>.+?) (?P<opcode>[a-z][\w\-]*)\((?P<operands>[^)]*)\)(?P<rest>.*)$"
)
_ARRAY = re.compile(r"\b(?P<dtype>[a-z]+\d*\w*)\[(?P<dims>[\d,]*)\](?:\{(?P<layout>[^}]*)\})?")
_CALLED = re.compile(r"(?:calls|to_apply|body|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'known_trip_count":\{"n":"(\d+)"')
_CONSTANT = re.compile(r"^[su]\d+\[\]")

CALLS = (
    "while",
    "call",
    "conditional",
    "fusion",
    "async-start",
)  # other instructions apply a computation to single elements


@dataclasses.dataclass(frozen=True)
class Instruction:
    """An instruction, one line of a computation.

    Attributes:
        name: Its name.
        opcode: Its operation.
        shape: Shape of the result, as printed.
        operands: Names of its operands.
        rest: Its attributes, as printed.
    """

    name: str
    opcode: str
    shape: str
    operands: tuple[str, ...]
    rest: str

    @property
    def size(self) -> int:
        """Bytes of the result in any memory."""
        return sum(_bytes(array) for array in _ARRAY.finditer(self.shape))

    @property
    def hbm(self) -> int:
        """Bytes of the result in the device's main memory, without the scratchpad (memory space 1 and up)."""
        far = (array for array in _ARRAY.finditer(self.shape) if not re.search(r"S\([1-9]", array["layout"] or ""))
        return sum(_bytes(array) for array in far)


Computation = dict[str, Instruction]
"""Instructions by name, in order."""


class Executed(NamedTuple):
    """An instruction that runs.

    Attributes:
        instruction: The instruction.
        computation: The computation that it is part of.
        times: How often it runs in a call.
        fusion: Name of the fusion that it is part of, or "".
    """

    instruction: Instruction
    computation: Computation
    times: int
    fusion: str


def executed(text: str) -> Iterator[Executed]:
    """Yields all instructions of a call of the program, those in loops with the number of iterations.

    All branches of a conditional are counted. If XLA does not state a loop's number of iterations, it is the largest
    integer constant of the loop's condition.

    Args:
        text: The program, as ``compiled.as_text()`` prints it.
    """
    entry, computations = _parse(text)
    yield from _visit(entry, computations, 1, "")


def _visit(name: str, computations: dict[str, Computation], times: int, fusion: str) -> Iterator[Executed]:
    for instruction in computations[name].values():
        yield Executed(instruction, computations[name], times, fusion)
        if instruction.opcode in CALLS:
            turns = _turns(instruction, computations) if instruction.opcode == "while" else 1
            for called in _called(instruction):
                inside = called if instruction.opcode == "fusion" else fusion
                yield from _visit(called, computations, times * turns, inside)


def _called(instruction: Instruction) -> list[str]:
    branches = _BRANCHES.search(instruction.rest)
    return _CALLED.findall(instruction.rest) + (re.findall(r"[\w.\-]+", branches[1]) if branches else [])


def _turns(loop: Instruction, computations: dict[str, Computation]) -> int:
    if known := _TRIPS.search(loop.rest):
        return int(known[1])
    condition = re.search(r"condition=%?([\w.\-]+)", loop.rest)
    lines = [x.instruction for x in _visit(condition[1], computations, 1, "")] if condition else []
    bounds = [int(x.operands[0]) for x in lines if x.opcode == "constant" and _CONSTANT.match(x.shape)]
    return max(bounds, default=1)


def _parse(text: str) -> tuple[str, dict[str, Computation]]:
    """Returns the name of the entry computation, and all computations."""
    entry, computations, current = "", {}, {}
    for line in re.sub(r"/\*index=\d+\*/", "", text).splitlines():
        if found := _COMPUTATION.match(line):
            current = computations[found["name"]] = {}
            entry = found["name"] if found["entry"] else entry
        elif found := _INSTRUCTION.match(line):
            name, shape, opcode, operands, rest = found.groups()
            current[name] = Instruction(name, opcode, shape, tuple(re.findall(r"[\w.\-]+", operands)), rest)
    return entry, computations


def _bytes(array: re.Match) -> int:
    bits = 8 if array["dtype"] == "pred" else int((re.search(r"\d+", array["dtype"]) or "0")[0])
    return math.prod(int(n) for n in array["dims"].split(",") if n) * bits // 8
