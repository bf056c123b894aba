"""The TPU launcher against a stand-in gcloud that keeps a slice's state; then its calls before gcloud's own parser."""

import json
import os
import shlex
import subprocess

import pytest
from launchers import LAUNCH, stand_in, which

TPU = LAUNCH / "tpu_vm.sh"
PLACE = ["--name=run", "--zone=us-west4-a"]
FLAGS = [*PLACE, "--type=v5litepod-16", "--store=gs://bucket/runs", "--source=git+https://example.org/repository"]
TRAINER = ["--", "--config=baseline:small", "--config.note=a b"]

# A slice is ACTIVE when created. The first start is preempted, the second finishes.
GCLOUD = """
cd "$HOME"
{ printf '%q ' gcloud "$@"; echo; } >>calls
case "$*" in
  *' describe '*) cat state 2>/dev/null || { echo "${SAYS:-NOT_FOUND}" >&2 && exit 1; } ;;
  *' create '*) echo "${CREATED:-ACTIVE}" >state ;;
  *' delete '*) rm state ;;
  *pgrep*) cat training 2>/dev/null ;;
  *' scp '*) mkdir -p sent && for word; do [[ ! -d $word ]] || cp "$word"/* sent; done ;;
  *nohup*)
    echo start >>starts
    if (($(wc -l <starts) == 1)); then echo SUSPENDED >state; else echo finished >training; fi
    ;;
esac
"""


@pytest.fixture
def calls(commands, tmp_path):
    """Reads what gcloud was asked, one line a call, without questions."""
    stand_in(commands, "gcloud", GCLOUD)

    def read(*, questions=False):
        lines = (tmp_path / "calls").read_text().splitlines()
        return [line.strip() for line in lines if questions or not (" describe " in line or "pgrep" in line)]

    return read


def verbs(lines):
    return [next(word for word in ("create", "delete", "scp", "ssh") if f" {word} " in line) for line in lines]


def test_a_slice_is_asked_for_once_and_every_worker_installs_and_starts(shell, calls, tmp_path):
    done = shell(TPU, "up", *FLAGS, *TRAINER)
    assert done.returncode == 0, done.stderr
    assert verbs(calls()) == ["create", "scp", "ssh", "ssh"]
    create, *others = calls()
    assert {"--spot", "--accelerator-type=v5litepod-16", "--runtime-version=v2-alpha-tpuv5-lite"} <= set(create.split())
    assert all("--worker=all" in line for line in others)
    assert {path.name for path in (tmp_path / "sent").iterdir()} == {"machine.sh", "train.sh"}
    start = shlex.split(shlex.split(others[-1])[-1].removeprefix("--command="))
    assert "train.sh gs://bucket/runs/run --config=baseline:small --config.note=a\\ b;" in " ".join(start)
    assert "down --name=run --zone=us-west4-a" in done.stdout


def test_a_running_training_is_left_alone(shell, calls, tmp_path):
    (tmp_path / "state").write_text("ACTIVE")
    (tmp_path / "training").write_text("running")
    assert "trains already" in shell(TPU, "up", *FLAGS, *TRAINER).stdout
    assert not calls()


def test_watch_deletes_what_was_preempted_resumes_and_tears_down_at_the_end(shell, calls, tmp_path):
    done = shell(TPU, "watch", *FLAGS, *TRAINER, environment={"FUTUREPRED_WATCH_SECONDS": "0"})
    assert done.returncode == 0, done.stderr
    once = ["create", "scp", "ssh", "ssh", "delete"]
    assert verbs(calls()) == once * 2
    assert not (tmp_path / "state").exists()
    assert "finished. Its results are in gs://bucket/runs/run" in done.stdout


@pytest.mark.usefixtures("calls")
def test_down_does_not_say_that_nothing_is_left_where_gcloud_could_not_tell(shell):
    assert "nothing of run is left" in shell(TPU, "down", *PLACE).stdout
    unknown = shell(TPU, "down", *PLACE, environment={"SAYS": "You do not currently have an active account"})
    assert unknown.returncode != 0
    assert "active account" in unknown.stderr
    assert "left" not in unknown.stdout


def test_a_dry_run_calls_nothing(shell, calls, tmp_path):
    said = shell(TPU, "watch", *FLAGS, "--dry-run", *TRAINER)
    assert said.returncode == 0
    assert not (tmp_path / "calls").exists()
    assert all(f" {verb} " in said.stderr for verb in ("create", "scp", "ssh", "delete"))


@pytest.mark.slow
def test_gcloud_itself_takes_every_call(shell, calls, tmp_path):
    gcloud = which("gcloud")
    if gcloud is None:
        pytest.skip("needs gcloud")
    for variant in ([], ["--direct"], ["--on-demand", "--project=project"]):
        for leftover in ("state", "training", "starts"):
            (tmp_path / leftover).unlink(missing_ok=True)
        environment = {"FUTUREPRED_WATCH_SECONDS": "0", "CREATED": "READY" if "--direct" in variant else "ACTIVE"}
        assert shell(TPU, "watch", *FLAGS, *variant, *TRAINER, environment=environment).returncode == 0
        shell(TPU, "logs", *PLACE, *variant)
    lines = [*dict.fromkeys(calls(questions=True)), "gcloud compute tpus tpu-vm create run --zone=z --no-such-flag"]
    (tmp_path / "lines.json").write_text(json.dumps([{"command_string": line} for line in lines]))
    lint = [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={tmp_path}/lines.json"]
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(tmp_path)}
    judged = json.loads(subprocess.run(lint, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(judged) == len(lines)
    assert [entry["error_message"] for entry in judged if not entry["success"]] == [judged[-1]["error_message"]]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([*FLAGS, "--type=v9-8"], ["v9-8", "--runtime"]),
        ([*FLAGS, "--store=runs"], ["gs://BUCKET/PREFIX"]),
        (PLACE, ["--type"]),
        ([*FLAGS, "--zome=a"], ["zome", "--zone"]),
        ([*FLAGS, "--source=missing.whl"], ["missing.whl"]),
        ([*FLAGS, "--", "--mode=train"], ["--mode=train"]),
        ([*FLAGS, "--", "-workdir=/elsewhere"], ["-workdir=/elsewhere", "STORE/NAME"]),
    ],
)
@pytest.mark.usefixtures("calls")
def test_mistakes_are_told_before_anything_is_made(shell, tmp_path, flags, words):
    refused = shell(TPU, "up", *flags, *TRAINER)
    assert refused.returncode != 0
    assert all(word in refused.stderr for word in words)
    assert not (tmp_path / "calls").exists()
