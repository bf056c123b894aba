"""What is too large, too long or no video is refused with the rule, before it is decoded."""

import sys
from pathlib import Path

import numpy as np
import pytest

from futurepred_jax.data.recorded import Cut
from futurepred_jax.demo import uploads

sys.path.append(str(Path(__file__).parents[1] / "data/recorded"))
from movies import write_movie  # noqa: E402

CUT = Cut(size=16, frames=9, fps=6.0)
