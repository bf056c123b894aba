"""The EC2 launcher against moto's AWS, through the aws command and HTTP; then what it sends, run on this machine."""

import base64
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid

import pytest
from launchers import BIN, LAUNCH, stand_in, which
from short import SHORT

boto3 = pytest.importorskip("boto3", reason="needs the extra launch-test")

pytestmark = pytest.mark.slow  # the aws command takes a second to start

EC2 = LAUNCH / "ec2_gpu.sh"
SOURCE = "--source=git+https://example.org/repository"


class Account:
    """One run's name and bucket, and what there is of it."""

    def __init__(self, cloud):
        self.name, self.bucket = f"run-{uuid.uuid4().hex[:8]}", f"bucket-{uuid.uuid4().hex[:8]}"
        self.ec2 = boto3.client("ec2", "us-east-1", endpoint_url=cloud["AWS_ENDPOINT_URL"])
        self.s3 = boto3.client("s3", "us-east-1", endpoint_url=cloud["AWS_ENDPOINT_URL"])
        iam = boto3.client("iam", "us-east-1", endpoint_url=cloud["AWS_ENDPOINT_URL"])
        self.s3.create_bucket(Bucket=self.bucket)
        iam.create_instance_profile(InstanceProfileName=self.name)
        self.flags = [f"--name={self.name}", f"--store=s3://{self.bucket}/runs", f"--instance-profile={self.name}"]

    @property
    def machines(self):
        answer = self.ec2.describe_instances(Filters=[{"Name": "tag:futurepred", "Values": [self.name]}])
        return [machine for group in answer["Reservations"] for machine in group["Instances"]]

    @property
    def groups(self):
        wanted = [{"Name": "tag:futurepred", "Values": [self.name]}]
        return self.ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]

    def stored(self, key):
        return self.s3.get_object(Bucket=self.bucket, Key=f"runs/{key}")["Body"].read().decode()

    def user_data(self):
        (machine,) = self.machines
        sent = self.ec2.describe_instance_attribute(InstanceId=machine["InstanceId"], Attribute="userData")
        return base64.b64decode(sent["UserData"]["Value"]).decode()


@pytest.fixture
def account(cloud, monkeypatch):
    for name, value in cloud.items():
        monkeypatch.setenv(name, value)
    return Account(cloud)


def test_a_machine_is_launched_once_found_again_and_terminated_with_all_that_was_made(shell, account):
    account.ec2.create_key_pair(KeyName=account.name)
    access = [f"--key-name={account.name}", "--ssh-from=192.0.2.7/32"]
    line = [EC2, "up", *account.flags, SOURCE, *access, "--", "--config=baseline"]
    first = shell(*line)
    assert first.returncode == 0, first.stderr
    (machine,) = account.machines
    assert (machine["ImageId"], machine["InstanceType"]) == ("ami-12c6146b", "g6.xlarge")
    assert machine["InstanceLifecycle"] == "spot"
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    (group,) = account.groups
    (rule,) = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"][0]["CidrIp"]) == (22, 22, "192.0.2.7/32")
    again = shell(*line)
    assert "already there" in again.stdout
    assert len(account.machines) == 1
    assert "running" in shell(EC2, "status", *account.flags).stdout
    down = shell(EC2, "down", *account.flags)
    assert down.returncode == 0, down.stderr
    assert [machine["State"]["Name"] for machine in account.machines] == ["terminated"]
    assert not account.groups
    assert "do-not-show-this" not in "".join([first.stdout, first.stderr, again.stderr, down.stderr])


def test_a_launch_that_fails_leaves_nothing_behind(shell, account, commands):
    no_capacity = "echo InsufficientInstanceCapacity >&2; exit 254"
    stand_in(commands, "aws", f'[[ $* != *run-instances* ]] || {{ {no_capacity}; }}\nexec {which("aws")} "$@"')
    refused = shell(EC2, "up", *account.flags, SOURCE, "--", "--config=baseline")
    assert refused.returncode != 0
    assert "InsufficientInstanceCapacity" in refused.stderr
    assert "create-security-group" in refused.stderr
    assert not account.machines
    assert not account.groups


def next_machine(account, seen):
    """The identifier of a running machine that was not seen before."""
    deadline = time.time() + 120
    while time.time() < deadline:
        running = [m["InstanceId"] for m in account.machines if m["State"]["Name"] == "running"]
        if set(running) - seen:
            return (set(running) - seen).pop()
        time.sleep(0.2)
    raise TimeoutError("no machine was launched")


def test_watch_replaces_what_was_interrupted_and_leaves_nothing_when_it_has_finished(account, tmp_path):
    line = [EC2, "watch", *account.flags, SOURCE, "--", "--config=baseline"]
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "FUTUREPRED_WATCH_SECONDS": "1"}
    with subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        seen = set()
        for state in ("interrupted", "finished"):
            machine = next_machine(account, seen)
            key = f"runs/.launch/{account.name}/state"
            account.s3.put_object(Bucket=account.bucket, Key=key, Body=state.encode())
            account.ec2.terminate_instances(InstanceIds=[machine])
            seen.add(machine)
        said, _ = watching.communicate(timeout=120)
    assert watching.returncode == 0
    assert f"{account.name}: finished." in said
    assert len(account.machines) == 2
    assert not account.groups


# In the place of uv: a trainer that waits to be stopped, and finishes when it is started again.
TRAINER = rf"""
mkdir -p "$FUTUREPRED_HOME/venv/bin"
printf '#!/bin/sh\nexec {sys.executable} "$@"' >"$FUTUREPRED_HOME/venv/bin/python"
chmod +x "$FUTUREPRED_HOME/venv/bin/python"
cat >"$FUTUREPRED_HOME/venv/bin/futurepred-jax" <<'END'
#!/usr/bin/env bash
[[ $1 != --version ]] || exit 0
workdir=${{1#--workdir=}}
echo "trains with $*, from step $(cat "$workdir/step" 2>/dev/null || echo 0)"
mkdir -p "$workdir/report" runs/clips && touch runs/clips/large
trap 'echo 7 >"$workdir/step"; exit 143' TERM
[[ -e $workdir/step ]] || while true; do sleep 0.1; done
echo done >"$workdir/report/index.html"
END
chmod +x "$FUTUREPRED_HOME/venv/bin/futurepred-jax"
"""


@pytest.fixture
def call_back():
    """The metadata service of a spot machine that is being called back."""

    class Notice(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            self.answer(b"token")

        def do_GET(self):
            known = self.path == "/latest/meta-data/spot/instance-action"
            assert known
            assert self.headers["X-aws-ec2-metadata-token"] == "token"
            self.answer(b'{"action": "terminate"}')

        def answer(self, body):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notice)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_is_sent_trains_saves_when_called_back_resumes_elsewhere_and_switches_itself_off(
    shell, account, tmp_path, commands, call_back
):
    stand_in(commands, "shutdown", f'echo "$@" >>{tmp_path}/shutdowns')
    stand_in(commands, "uv", TRAINER)
    up = shell(EC2, "up", *account.flags, SOURCE, "--hours=3", "--", "--config=baseline:small", "--config.note=a b")
    assert up.returncode == 0, up.stderr
    script = tmp_path / "user-data"
    script.write_text(account.user_data())
    machine = {"FUTUREPRED_HOME": f"{tmp_path}/machine", "AWS_EC2_METADATA_SERVICE_ENDPOINT": call_back}
    called = shell("bash", script, environment=machine)
    assert "trains with --workdir=runs/" in called.stdout, called.stderr
    assert "--config=baseline:small --config.note=a b, from step 0" in called.stdout
    assert account.stored(f".launch/{account.name}/state").strip() == "interrupted"
    assert account.stored(f"{account.name}/step").strip() == "7"
    assert (tmp_path / "shutdowns").read_text().splitlines() == ["-h +180", "-h now"]
    shutil.rmtree(tmp_path / "machine")
    machine["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:9"  # nobody calls it back
    assert "from step 7" in shell("bash", script, environment=machine).stdout
    assert account.stored(f".launch/{account.name}/state").strip() == "finished"
    assert "from step 7" in shell(EC2, "logs", *account.flags).stdout
    kept = [entry["Key"] for entry in account.s3.list_objects_v2(Bucket=account.bucket)["Contents"]]
    assert not any("clips" in key for key in kept)


# In the place of uv: an environment of its own for the wheel, in which all that the wheel needs is this one's.
INSTALLER = rf"""
case $1 in
  venv)
    {sys.executable} -m venv --without-pip "${{*: -1}}"
    printf '%s\n' {" ".join(path for path in sys.path if path.endswith("site-packages"))} \
      >"$(echo "${{*: -1}}"/lib/python*/site-packages)/shared.pth"
    ;;
  pip)
    wheel=${{*: -1}} python=$FUTUREPRED_HOME/venv/bin/python
    {sys.executable} -m pip --python="$python" install --quiet --no-deps "${{wheel#* @ }}"
    ;;
esac
"""


def test_a_machine_installs_this_checkouts_wheel_and_trains_to_its_report(shell, account, tmp_path, commands):
    stand_in(commands, "shutdown", f'echo "$@" >>{tmp_path}/shutdowns')
    stand_in(commands, "uv", INSTALLER)
    up = shell(EC2, "up", *account.flags, "--", "--config=baseline:debug", *SHORT, timeout=1800)
    assert up.returncode == 0, up.stderr
    (tmp_path / "user-data").write_text(account.user_data())
    machine = {
        "FUTUREPRED_HOME": f"{tmp_path}/machine",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9",  # nobody calls it back
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": "",
    }
    done = shell("bash", "user-data", environment=machine, timeout=1800)
    assert account.stored(f".launch/{account.name}/state").strip() == "finished", done.stdout[-3000:]
    assert "</html>" in account.stored(f"{account.name}/report/index.html")
    assert (tmp_path / "shutdowns").read_text().splitlines()[-1] == "-h now"
    (package,) = (tmp_path / "machine" / "venv").glob("lib/python*/site-packages/futurepred_jax")
    assert not package.is_symlink()


def test_a_machine_that_cannot_install_says_so_and_switches_itself_off(shell, account, tmp_path, commands):
    stand_in(commands, "shutdown", f'echo "$@" >>{tmp_path}/shutdowns')
    stand_in(commands, "uv", "echo no such package; exit 1")
    store = f"s3://{account.bucket}/runs"
    shutil.copytree(LAUNCH, tmp_path / "package")
    shell("aws", "s3", "cp", tmp_path / "package" / "machine.sh", f"{store}/.launch/{account.name}/package/machine.sh")
    line = [LAUNCH / "ec2_machine.sh", account.name, store, "git+https://example.org/x", "1", "--config=baseline"]
    failed = shell(*line, environment={"FUTUREPRED_HOME": f"{tmp_path}/machine"})
    assert failed.returncode != 0
    assert account.stored(f".launch/{account.name}/state").strip() == "failed"
    assert "no such package" in account.stored(f".launch/{account.name}/log.txt")
    assert (tmp_path / "shutdowns").read_text().splitlines() == ["-h +60", "-h now"]
