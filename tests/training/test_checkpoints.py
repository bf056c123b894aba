import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from checkpoint_files import assert_equal, damage, newest_good, newest_progress
from jax.sharding import PartitionSpec
from regression_job import make_job

from futurepred_jax.training import checkpoints, manifest
from futurepred_jax.training.checkpoints import CheckpointError, Progress, Saver
from futurepred_jax.training.program import make_program


@pytest.fixture(scope="module")
def program():
    return make_program(make_job())


def numbered(state, number):
    """The state with recognisable values."""
    return jax.tree.map(lambda x: x + jnp.asarray(number, x.dtype), state)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, program):
    """Three checkpoints, of which two are kept."""
    folder = tmp_path_factory.mktemp("saved")
    state = program.init()
    with Saver(folder, start=0) as saver:
        for step in (5, 10, 15):
            saver.save(numbered(state, step), Progress(step=step, seconds=0.1 * step, window={"count": step}))
    return folder


@pytest.fixture
def workdir(tmp_path, saved):
    """A copy of them, to be damaged."""
    return shutil.copytree(saved, tmp_path / "copy")


def test_the_newest_is_restored_bit_by_bit_with_its_progress(workdir, program):
    newest = newest_good(workdir)
    assert sorted(path.name for path in (workdir / "checkpoints").iterdir()) == ["10", "15"]
    state = checkpoints.restore(newest, program.abstract)
    assert_equal(state, numbered(program.init(), 15))
    assert newest_progress(workdir) == Progress(step=15, seconds=1.5, window={"count": 15})


def test_a_checkpoint_is_restored_on_another_mesh(workdir):
    everywhere = ((r"kernel", PartitionSpec("fsdp")),)
    other = make_program(make_job(mesh_shape={"data": 2, "fsdp": 4}, sharding_rules=everywhere))
    state = checkpoints.restore(newest_good(workdir), other.abstract)
    assert state.params["hidden"]["kernel"].sharding.spec == PartitionSpec("fsdp")
    assert_equal(state, numbered(other.init(), 15))


@pytest.mark.parametrize("part", checkpoints.ITEMS)
def test_one_flipped_bit_makes_the_older_one_used_and_says_so(workdir, program, caplog, part):
    path = damage(workdir, 15, part=part)
    newest = newest_good(workdir)
    assert newest.name == "10"
    assert_equal(checkpoints.restore(newest, program.abstract), numbered(program.init(), 10))
    assert "checkpoints/15 is damaged" in caplog.text
    assert path.name in caplog.text


def test_a_cut_or_missing_file_or_manifest_is_damage_too(workdir):
    folder = newest_good(workdir)
    path = damage(workdir, 15)
    path.write_bytes(path.read_bytes()[:-1])
    assert "bytes and should have" in str(manifest.problem(folder))
    path.unlink()
    assert f"{path.name} is missing" in str(manifest.problem(folder))
    (folder / manifest.NAME).unlink()
    assert "missing or unreadable" in str(manifest.problem(folder))


def test_when_all_are_damaged_the_error_names_the_remedy_and_nothing_goes(workdir):
    for step in (10, 15):
        damage(workdir, step)
    before = sorted(workdir.rglob("*"))
    with pytest.raises(CheckpointError, match=r"every checkpoint in .* is damaged. Restore .* or remove it"):
        checkpoints.newest(workdir)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoints.load_params(workdir)
    assert sorted(workdir.rglob("*")) == before


def test_a_damaged_step_is_saved_again_when_training_comes_to_it(workdir, program):
    damage(workdir, 15)
    with Saver(workdir, start=10) as saver:
        saver.save(numbered(program.init(), 99), Progress(step=15))
    state = checkpoints.restore(newest_good(workdir), program.abstract)
    assert_equal(state.params, numbered(program.init(), 99).params)


def test_an_unfinished_save_is_passed_over_and_replaced(workdir, program):
    unfinished = workdir / "checkpoints" / "20.orbax-checkpoint-tmp"
    shutil.copytree(workdir / "checkpoints" / "15" / "optimizer", unfinished / "optimizer")
    assert newest_good(workdir).name == "15"
    with Saver(workdir, start=15) as saver:
        saver.save(numbered(program.init(), 20), Progress(step=20))
    assert not unfinished.exists()
    assert_equal(checkpoints.restore(newest_good(workdir), program.abstract), numbered(program.init(), 20))


def test_weights_for_inference_are_the_averaged_ones_as_numpy(tmp_path, program):
    state = program.init()
    averaged = jax.tree.map(lambda x: x + 1, state.params)
    state = type(state)(state.step, state.params, averaged, state.model_state, state.opt_state)
    with Saver(tmp_path, start=0) as saver:
        saver.save(state, Progress(step=5))
    params, model_state = checkpoints.load_params(tmp_path)
    assert_equal(params, averaged)
    assert_equal(model_state, state.model_state)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(params))


def test_weights_without_an_average_are_the_parameters(tmp_path):
    program = make_program(make_job(ema_decay=0.0))
    state = program.init()
    with Saver(tmp_path, start=0) as saver:
        saver.save(state, Progress(step=5))
    assert_equal(checkpoints.load_params(tmp_path).params, state.params)


def test_no_checkpoint_is_an_error_for_inference_and_a_fresh_start_for_training(tmp_path):
    assert checkpoints.newest(tmp_path) is None
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*: train there first"):
        checkpoints.load_params(tmp_path)


def test_the_best_weights_are_those_of_the_lowest_score(tmp_path, program):
    with Saver(tmp_path, start=0) as saver:
        for step, score in [(5, 2.0), (10, 1.0), (15, 3.0), (20, float("nan"))]:
            saver.save(numbered(program.init(), step), Progress(step=step, score=score))
    assert_equal(checkpoints.load_params(tmp_path, "best").params, numbered(program.init(), 10).ema_params)
    assert_equal(checkpoints.load_params(tmp_path).params, numbered(program.init(), 20).ema_params)
    with pytest.raises(ValueError, match="'worst': known are newest, best"):
        checkpoints.load_params(tmp_path, "worst")


@pytest.mark.parametrize("change", ["shape", "name"])
def test_a_checkpoint_of_another_model_does_not_fit(workdir, change):
    def init(key):
        params, model_state = make_job().init(key)
        if change == "name":
            params["tail"] = params.pop("head")
        else:
            params["head"]["kernel"] = jnp.zeros((17, 1))
        return params, model_state

    other = make_program(make_job(init=init))
    with pytest.raises(CheckpointError, match="does not fit the model being trained"):
        checkpoints.restore(newest_good(workdir), other.abstract)


def test_a_disk_without_room_is_told_before_anything_is_written(workdir, program, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore
    told = r"cannot write the checkpoint of step 20 .*No space left on device: 1\.\d MB are needed, 0\.0 MB are free"
    with pytest.raises(CheckpointError, match=told), Saver(workdir, start=15) as saver:
        saver.save(program.init(), Progress(step=20))
    assert newest_progress(workdir).step == 15
