"""What all launchers have in common, and the parts that run on the machine."""

import os
import signal
import subprocess
import sys
import time

import pytest
from launchers import LAUNCH, ROOT, stand_in, which

SCRIPTS = sorted([*LAUNCH.glob("*.sh"), LAUNCH / "slurm.sbatch"])
STARTED = [LAUNCH / name for name in ("ec2_gpu.sh", "tpu_vm.sh", "xpk.sh", "slurm.sbatch")]


def test_shellcheck_finds_nothing():
    if which("shellcheck") is None:
        pytest.skip("needs shellcheck, of the extra dev")
    line = [which("shellcheck"), *[path.name for path in SCRIPTS]]
    found = subprocess.run(line, cwd=LAUNCH, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("script", STARTED, ids=lambda path: path.name)
def test_help_tells_how_to_start_what_it_costs_and_how_to_end_it(shell, script):
    said = shell("bash", script, "--help")
    assert said.returncode == 0
    assert all(
        word in said.stdout
        for word in (script.name, "--dry-run", "cost", "WORKDIR" if "slurm" in script.name else "down")
    )


def test_a_script_that_stops_at_errors_is_the_only_kind():
    for path in SCRIPTS:
        assert path.name == "common.sh" or "set -euo pipefail" in path.read_text(), path.name


@pytest.mark.parametrize("script", ["ec2_gpu.sh", "tpu_vm.sh", "xpk.sh"])
@pytest.mark.parametrize(
    ("line", "words"), [([], "up"), (["start"], "up"), (["up", "--nmae=x"], "--name"), (["up", "x"], "--")]
)
def test_misspelt_words_are_answered_with_the_known_ones(shell, script, line, words):
    refused = shell(LAUNCH / script, *line)
    assert refused.returncode == 2
    assert words in refused.stderr


@pytest.mark.slow
def test_xpk_takes_the_workload_and_would_restart_what_was_stopped(shell, commands, tmp_path):
    xpk = which("xpk")
    if xpk is None:
        pytest.skip("needs xpk: pip install xpk")
    stand_in(commands, "xpk", f'exec {xpk} "$@" --dry-run')
    place = ["--name=run", "--cluster=cluster", "--zone=us-west4-a", "--project=project"]
    more = ["--type=v5litepod-16", "--store=gs://bucket/runs", "--source=git+https://example.org/repository"]
    up = shell(LAUNCH / "xpk.sh", "up", *place, *more, "--", "--config=baseline:small")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "exec bash train.sh gs://bucket/runs/run --config=baseline:small" in up.stdout
    assert "maxRestarts: 1000" in up.stdout
    assert "terminationGracePeriodSeconds: 120" in up.stdout
    assert "143," in next(line for line in up.stdout.splitlines() if "values: [42" in line)
    for verb in ("status", "down"):
        done = shell(LAUNCH / "xpk.sh", verb, *place)
        assert done.returncode == 0, done.stdout + done.stderr
    assert shell(LAUNCH / "xpk.sh", "cluster", *place[1:], more[0]).returncode == 0
    assert shell(LAUNCH / "xpk.sh", "down-cluster", *place[1:]).returncode == 0


SKY = """
import sys, sky, yaml
config = yaml.safe_load(open(sys.argv[1]))
task = sky.Task.from_yaml_config(config, env_overrides=[("STORE", "s3://bucket/prefix")])
assert all(resources.use_spot for resources in task.resources)
print(sorted(task.storage_mounts), task.file_mounts)
"""


@pytest.mark.slow
def test_skypilot_takes_the_task(shell, tmp_path):
    sky = which("sky")
    if sky is None:
        pytest.skip("needs SkyPilot: pip install skypilot")
    python = os.path.join(os.path.dirname(os.path.realpath(sky)), "python")
    read = shell(python, "-c", SKY, LAUNCH / "skypilot.yaml")
    assert read.returncode == 0, read.stderr
    assert "/store" in read.stdout
    for sent in ("machine.sh", "train.sh"):
        assert f"'launch/{sent}'" in read.stdout
        assert (ROOT / "launch" / sent).exists()


UV = """
echo "$*" >>calls
[[ $1 == venv ]] || exit 0
mkdir -p "${@: -1}/bin"
for program in futurepred-jax python; do ln -s /bin/true "${@: -1}/bin/$program"; done
"""


@pytest.mark.parametrize(
    ("extra", "source", "wanted"),
    [
        ("tpu", "git+https://example.org/r", "futurepred-jax[tpu] @ git+https://example.org/r"),
        ("none", "some.whl", "futurepred-jax @ file://{here}/some.whl"),
    ],
)
def test_a_machine_gets_its_own_python_and_the_package_once(shell, commands, tmp_path, extra, source, wanted):
    stand_in(commands, "uv", UV)
    (tmp_path / "some.whl").touch()
    for _ in range(2):
        done = shell(LAUNCH / "machine.sh", source, extra)
        assert done.returncode == 0, done.stderr
    asked = (tmp_path / "calls").read_text().splitlines()
    assert sum("venv --quiet --python 3.12" in line for line in asked) == 1
    assert asked[-1].endswith(wanted.format(here=tmp_path))


# A trainer that ends at once, fails, or waits to be stopped.
TRAINER = """
echo "$@" >>lines
case $2 in
  done) ;;
  fail) exit 3 ;;
  wait) trap 'echo saved >>lines; exit 143' TERM; touch ready; while true; do sleep 0.05; done ;;
esac
"""


@pytest.fixture
def installed(tmp_path):
    """An installation whose trainer is the one above."""
    folder = tmp_path / "futurepred/venv/bin"
    stand_in(folder, "futurepred-jax", TRAINER)
    stand_in(folder, "python", f'exec {sys.executable} "$@"')


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("flag", "code"), [("done", 0), ("fail", 3)])
def test_a_training_ends_well_or_with_its_own_failure(shell, tmp_path, flag, code):
    assert shell(LAUNCH / "train.sh", "run", flag).returncode == code
    assert (tmp_path / "lines").read_text() == f"--workdir=run {flag}\n"


@pytest.mark.usefixtures("installed")
def test_a_training_that_is_told_to_stop_saves_and_says_that_it_is_not_done(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen([LAUNCH / "train.sh", "run", "wait"], cwd=tmp_path, env=environment) as training:
        deadline = time.time() + 60
        while not (tmp_path / "ready").exists() and time.time() < deadline:
            time.sleep(0.05)
        training.send_signal(signal.SIGTERM)
        assert training.wait(60) == 143
    assert (tmp_path / "lines").read_text().endswith("saved\n")
