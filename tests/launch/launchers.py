"""Where the launchers are, and stand-ins for the commands that they call."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "launch"
BIN = str(Path(sys.executable).parent)

Shell = Callable[..., subprocess.CompletedProcess[str]]


def which(program: str) -> str | None:
    """A program of this virtual environment, or of the PATH."""
    return shutil.which(program, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")


def stand_in(folder: Path, name: str, script: str) -> None:
    """Puts a shell script of that name into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\n{script}\n")
    path.chmod(0o755)
