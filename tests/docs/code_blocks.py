"""Code blocks of the documentation, and programs that stand in for those that install, train for long or serve."""

import re
import stat
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("python", "console")
SHOWN = ("text", "diff")  # what takes hardware, the reader's files or longer than it shows; what another test applies


class Block(NamedTuple):
    """One code block; ``line`` is that of its first line in the page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT / 'docs')}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Those of a page, in order."""
    text = page.read_text()
    return [Block(page, text[: found.start()].count("\n") + 2, found[1], found[2]) for found in FENCE.finditer(text)]


def commands(block: Block) -> str:
    """The lines of a console block that are typed, as a script that waits for what runs beside it."""
    lines = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
    return "\n".join([*lines, "wait"])


def promised(block: Block) -> list[str]:
    """The lines that a console block says are printed."""
    return [line for line in block.text.splitlines() if not line.startswith("$ ")]


PYTHON = f"""#!{sys.executable}
import os, sys

line = sys.argv[1:]
if "futurepred_jax.main" in line:
    given = next((a.split("=")[1] for a in line if a.startswith("--config=")), "baseline")
    name, _, preset = given.split("/")[-1].replace(".py", "").partition(":")
    at = line.index("futurepred_jax.main") + 1
    line = [*line[:at], f"--config={{name}}:debug", *[a for a in line[at:] if not a.startswith("--config=")]]
    if not any(a.startswith("--workdir=") for a in line):
        line.append(f"--workdir=runs/{{name}}-{{preset or 'tiny'}}")
    built_from = ["tokenizer.config.", "outlook.config."] if name == "baseline" else []
    line += [f"--config.{{part}}train.{{what}}" for part in ["", *built_from] for what in ("steps=4", "warmup_steps=1")]
    line += ["--config.data.train_clips=64", "--config.predictions.clips=2", "--config.evaluation.samples=0"]
    line += ["--config.gate.foreground_psnr=0.0"] if name == "baseline" else []
if "futurepred_jax.demo" in line:
    line.append("--only_check_args")
os.execv({sys.executable!r}, [{sys.executable!r}, *line])
"""

PIP = f"""#!{sys.executable}
import re, sys, tomllib

extras = tomllib.load(open({str(ROOT / "pyproject.toml")!r}, "rb"))["project"]["optional-dependencies"]
assert sys.argv[1] == "install", sys.argv
for extra in re.findall(r"[\\w-]+", "".join(re.findall(r"\\[(.*?)\\]", " ".join(sys.argv)))):
    assert extra in extras, f"no extra {{extra}}: there are {{', '.join(extras)}}"
"""


def write_programs(folder: Path) -> None:
    """``python``, whose trainings are cut down to four steps, and ``pip``, which only looks the extras up."""
    for name, text in (("python", PYTHON), ("pip", PIP)):
        path = folder / name
        path.write_text(textwrap.dedent(text))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
