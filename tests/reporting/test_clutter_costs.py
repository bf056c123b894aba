"""What clutter costs, as the page shows it: paired differences, marked only where they are beyond doubt."""

import re

import numpy as np
from workdirs import model_of, write_workdir

from futurepred_jax.metrics.table import EFFECTS
from futurepred_jax.report import write_report
from futurepred_jax.reporting.effects import COLUMNS, effects
from futurepred_jax.reporting.models import Model

CLIPS = 40


def clips(shift: float, spread: float) -> dict:
    """Every score a clip, ``shift`` away from the same clips' in the twin."""
    base, luck = np.random.default_rng(0).normal(20, 3, CLIPS), np.random.default_rng(1).normal(0, spread, CLIPS)
    scores = {name: (base + shift + luck).tolist() for name, _, _ in EFFECTS}
    return {"index": list(range(CLIPS)), "scores": {"model": scores, "copy_last": scores, "black_frame": scores}}


def model(shift: float, spread: float = 0.1) -> Model:
    one = model_of({"scores": {}})
    run = one.runs[0]
    known = {"test_a": clips(shift, spread), "test_a_clean": clips(0.0, 0.0), "test_b": clips(0.0, 0.0)}
    return Model("ours", (run.__class__(run.training, run.evaluation, known, []),))


def test_a_split_with_a_twin_has_a_row_for_the_model_and_for_who_stands_beside_it():
    rows = effects([model(-1.0)], ["test_a", "test_a_clean", "test_b"])
    assert [(row.split, row.label) for row in rows] == [("test_a", "Model"), ("test_a", "Copy-last-frame")]
    cells = dict(zip([column.name for column in COLUMNS], rows[0].cells, strict=True))
    assert re.fullmatch(r"−(0\.9|1\.0)\d", cells["psnr"].text)
    assert (cells["psnr"].mark, cells["ade"].mark) == ("loss", "gain")  # a smaller position error is better
    assert cells["psnr"].doubt.startswith("[−1.")


def test_a_difference_in_doubt_is_not_marked():
    cells = effects([model(-0.1, spread=5.0)], ["test_a", "test_a_clean"])[0].cells
    assert {cell.mark for cell in cells} == {""}


def test_without_a_twin_or_without_clips_nothing_is_told():
    assert effects([model(-1.0)], ["test_a"]) == []
    assert effects([model_of({"scores": {}})], ["test_a", "test_a_clean"]) == []


def test_two_models_are_told_apart():
    rows = effects([model(-1.0), model(-2.0)], ["test_a", "test_a_clean"])
    assert [row.style for row in rows] == ["is-model", "is-model-1", "is-copy-last"]


def test_the_page_has_the_table_where_there_is_something_to_tell(tmp_path):
    both, one = (
        write_workdir(tmp_path / name, films=1, splits=("test_a", name)) for name in ("test_a_clean", "test_b")
    )
    page = write_report(both).read_text()
    assert "What clutter costs" in page
    assert '<td class="">+0.00<small class="interval">[+0.00, +0.00]</small></td>' in page  # the very same clips
    assert "What clutter costs" not in write_report(one).read_text()
