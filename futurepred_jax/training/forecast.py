"""Reports of compiled programs as text."""

from futurepred_jax.training.ahead import Compiled, Memory
from futurepred_jax.training.collectives import Traffic
from futurepred_jax.training.roofline import Roofline

MIB = 2**20


def describe(program: Compiled) -> str:
    """Returns a report of a program's memory, collectives and least time, as lines of text."""
    head = f"{program.name} on {program.devices} x {program.chip}, compiled in {program.seconds:.0f} s"
    work = f"  {program.parameters:,} parameters, {program.flops:.3g} FLOPs a call"
    lines = [head, work, *_memory(program.memory)]
    if program.collectives is not None and program.roofline is not None:
        lines += [*_collectives(program.collectives), *_roofline(program.roofline)]
    return "\n".join(lines)


def _memory(memory: Memory) -> list[str]:
    parts = {**memory.arguments, "outputs": memory.outputs, "temporaries": memory.temporaries, "code": memory.code}
    rows = [f"    {name:<22} {size / MIB:>10,.1f}" for name, size in parts.items() if size]
    verdict = "fits" if memory.fits else "does not fit"
    total = f"    {'total':<22} {memory.total / MIB:>10,.1f}  of {memory.limit / MIB:,.0f}: {verdict}"
    return ["  memory of a device, MiB", *rows, total]


def _collectives(found: dict[str, Traffic]) -> list[str]:
    if not found:
        return ["  no collectives"]
    head = f"  {'collectives of a call':<24} {'count':>8} {'MiB':>12} {'MiB sent':>12}"
    rows = [
        f"    {kind:<22} {traffic.count:>8,} {traffic.bytes / MIB:>12,.2f} {traffic.sent / MIB:>12,.2f}"
        for kind, traffic in sorted(found.items())
    ]
    return [head, *rows]


def _roofline(best: Roofline) -> list[str]:
    parts = ", ".join(f"{part} {1e3 * getattr(best, part):.3g} ms" for part in ("compute", "memory", "network"))
    return [
        f"  roofline: {parts}",
        f"  at best {1e3 * best.seconds:.3g} ms a call, bound by {best.bound}, at {best.mfu:.1%} MFU",
    ]
