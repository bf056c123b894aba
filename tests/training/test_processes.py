"""Several processes train as one: killed, stopped and resumed on another number of them, with nothing lost."""

import signal

import pytest
from checkpoint_files import newest_progress
from processes import losses, training, wait_for_step

from futurepred_jax.training import distributed


def test_two_processes_killed_are_resumed_by_one_with_the_same_losses(tmp_path, compilation_cache):
    workdir = tmp_path / "run"
    with training(workdir, processes=2, devices=2, cache=compilation_cache) as running:
        wait_for_step(workdir, 60, running)
    killed, saved = losses(workdir), newest_progress(workdir).step
    assert saved % 50 == 0
    assert saved >= 50
    with training(workdir, processes=1, devices=4, cache=compilation_cache) as running:
        wait_for_step(workdir, max(killed), running)
    resumed = losses(workdir)
    assert {step: resumed[step] for step in killed} == killed
    assert max(killed) > saved  # so that some of them were computed by both


@pytest.mark.slow
def test_a_sigterm_to_one_of_two_processes_saves_the_state_of_both(tmp_path, compilation_cache):
    workdir = tmp_path / "run"
    with training(workdir, processes=2, devices=2, cache=compilation_cache) as running:
        wait_for_step(workdir, 10, running)
        running[1].send_signal(signal.SIGTERM)
        assert [process.wait(timeout=120) for process in running] == [0, 0]
    stopped, saved = losses(workdir), newest_progress(workdir).step
    assert saved == max(stopped)
    with training(workdir, processes=1, devices=4, cache=compilation_cache) as running:
        wait_for_step(workdir, saved + 1, running)
    assert {step: losses(workdir)[step] for step in stopped} == stopped


def test_without_a_cluster_nothing_is_waited_for():
    distributed.initialize()
    passed = []
    distributed.by_first("turn", lambda: passed.append("work"))
    with distributed.first_alone("turn"):
        passed.append("turn")
    assert passed == ["work", "turn"]


def test_half_an_address_is_refused():
    with pytest.raises(ValueError, match=r"--processes, --process not set"):
        distributed.initialize("127.0.0.1:1")


def test_a_problem_of_the_first_process_is_an_error():
    distributed.require(None)
    with pytest.raises(ValueError, match="the disk is on fire"):
        distributed.require("the disk is on fire")
