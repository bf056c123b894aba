"""Facts about a training and an evaluation, as pairs of a term and a text."""

from collections.abc import Mapping
from typing import Any

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.workdir import Log, Training

Facts = list[tuple[str, str]]

THROUGHPUT = {"clips_per_second": "Clips per second", "tokens_per_second": "Tokens per second"}


def training_facts(training: Training) -> Facts:
    """Returns the model, config, steps, time, hardware and throughput of a training."""
    summary, config = training.summary, training.config
    named = [(term, str(config[key])) for key, term in {"name": "Config", "preset": "Preset"}.items() if key in config]
    facts = [
        ("Model", str(summary["model"])),
        *named,
        ("Config digest", training.digest),
        ("Parameters", formats.count(summary["parameters"]["total"])),
        ("Steps", formats.count(summary["steps"])),
        ("Training time", formats.duration(summary["seconds"])),
        ("Hardware", str(summary["hardware"])),
        ("JAX", str(summary["jax"])),
        *_throughput(summary.get("throughput", {})),
    ]
    finished = [record["time"] for record in training.log.records if record.get("time") is not None]
    return [*facts, ("Last record", formats.moment(max(finished)))] if finished else facts


def protocol_facts(protocol: Mapping[str, Any], split: Mapping[str, Any]) -> Facts:
    """Returns which clips and frames of a split were scored, and how futures were sampled."""
    lengths = [("context_frames", "context"), ("future_frames", "future")]
    known = [f"{split[key]} {word}" for key, word in lengths if split.get(key) is not None]
    facts = [
        ("Clips", formats.count(split["clips"])),
        ("Frames", " + ".join(known) or formats.NOTHING),
        ("Sampling", split.get("sampling") or formats.NOTHING),
        ("Split sha256", str(split["sha256"])[:12]),
    ]
    return [*facts, ("Protocol version", str(protocol["version"]))]


def rules(protocol: Mapping[str, Any]) -> Facts:
    """Returns every rule of the evaluation protocol."""
    return [(key.replace("_", " ").capitalize(), formats.plain(value)) for key, value in protocol.items()]


def log_notes(log: Log) -> list[str]:
    """Returns a note about unreadable lines of ``metrics.jsonl``, if there are any."""
    if not log.unreadable:
        return []
    lines = formats.listing([formats.count(line) for line in log.unreadable[:5]])
    more = "" if len(log.unreadable) <= 5 else f" and {len(log.unreadable) - 5} more"
    cause = "cut short, as a process killed while writing leaves it" if log.unreadable == [log.lines] else "unreadable"
    many = len(log.unreadable) > 1
    return [
        f"{'Lines' if many else 'Line'} {lines}{more} of metrics.jsonl {'are' if many else 'is'} {cause}; left out."
    ]


def _throughput(throughput: Mapping[str, Number | None]) -> Facts:
    facts = [
        (THROUGHPUT.get(name, name.replace("_", " ").capitalize()), formats.significant(value))
        for name, value in throughput.items()
        if name != "mfu"
    ]
    mfu = throughput.get("mfu")
    return facts if mfu is None else [*facts, ("MFU", formats.percent(mfu))]
