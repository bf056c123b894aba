"""Tables of what the code knows by name, and texts that stand elsewhere in the repository, as Markdown."""

import dataclasses
import importlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from futurepred_jax import pretrained
from futurepred_jax.configs import NAMES
from futurepred_jax.data.splits import CLUTTER_LEVELS, SPLITS, TWIN, Intensities
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.metrics.protocol import describe_protocol
from futurepred_jax.modes import MODES
from futurepred_jax.reporting.vocabulary import METRICS, PREDICTORS

ROOT = Path(__file__).resolve().parents[2]


def modes() -> str:
    """What ``--mode`` takes."""
    return table(["mode", "what it does"], ([f"`{name}`", mode.help] for name, mode in MODES.items()))


def families() -> str:
    """Motions."""
    return table(["family", "path"], ([f"`{name}`", _first_line(family)] for name, family in FAMILIES.items()))


def levels() -> str:
    """How strong each kind of clutter is."""
    kinds = [field.name for field in dataclasses.fields(CLUTTER_LEVELS["clean"])]
    rows = ([f"`{name}`", *[f"{getattr(level, kind):g}" for kind in kinds]] for name, level in CLUTTER_LEVELS.items())
    return table(["level", *kinds], rows)


def splits() -> str:
    """How each differs from training."""
    rows = (
        [f"`{name}`", ", ".join(f"`{field}={_short(value)}`" for field, value in changes.items()) or "as training"]
        for name, changes in SPLITS.items()
        if not name.endswith(TWIN)
    )
    return table(["split", "what is set in it"], rows)


def scores() -> str:
    """What is measured."""
    better = {1: "higher", -1: "lower", 0: ""}
    rows = ([f"`{m.name}`", m.label, m.unit, better[m.sign], m.definition] for m in METRICS.values())
    return table(["score", "label", "unit", "better", "definition"], rows)


def predictors() -> str:
    """Who stands in a table of scores."""
    rows = ([p.label, p.role, p.definition] for p in PREDICTORS.values())
    return table(["predictor", "role", "definition"], rows)


def protocol() -> str:
    """The rules of ``evaluation.json``."""
    return table(["rule", "how it is"], ([f"`{name}`", str(rule)] for name, rule in describe_protocol().items()))


def results() -> str:
    """The section of the README."""
    text = (ROOT / "README.md").read_text()
    return text.split("\n## Results\n")[1].split("\n## ")[0].strip()


def lab_book() -> str:
    """What each config's docstring says of its presets."""
    return "\n\n".join(f"### {name}\n\n{_paragraphs(_doc(name))}" for name in NAMES)


def cards() -> str:
    """The cards of the models that come with the package, a level down."""
    texts = [(pretrained.FOLDER / f"{name}.md").read_text() for name in pretrained.names()]
    return "\n\n".join(re.sub("^#", "##", text.strip(), flags=re.MULTILINE) for text in texts)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "¦").replace("\n", " ") for cell in line) + " |" for line in lines
    )


def _short(value: object) -> str:
    """A value; of intensities those that are not zero."""
    if not isinstance(value, Intensities):
        return repr(value)
    strong = {name: strength for name, strength in dataclasses.asdict(value).items() if strength}
    return ", ".join(f"{name} {strength:g}" for name, strength in strong.items())


def _first_line(function: object) -> str:
    return (function.__doc__ or "Rolling spheres that meet one another and the walls.").splitlines()[0]


def _doc(name: str) -> str:
    return importlib.import_module(f"futurepred_jax.configs.{name}").__doc__ or ""


def _paragraphs(text: str) -> str:
    """Paragraphs as they are, and commands as code."""
    parts = text.strip().split("\n\n")
    return "\n\n".join(f"`{part}`" if part.startswith("python ") else part for part in parts)


TABLES = {
    "modes": modes,
    "families": families,
    "levels": levels,
    "splits": splits,
    "scores": scores,
    "predictors": predictors,
    "protocol": protocol,
    "results": results,
    "lab_book": lab_book,
    "cards": cards,
}
"""By the name in a page's comment ``<!-- from the code: NAME -->``."""
