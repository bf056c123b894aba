"""What the launchers meet in these tests: moto's AWS on 127.0.0.1, a folder of stand-in commands, no credentials."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from launchers import BIN, Shell, which

IMAGE = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder that stands first on the PATH, for stand-ins."""
    folder = tmp_path / "commands"
    folder.mkdir()
    return folder


@pytest.fixture
def shell(tmp_path: Path, commands: Path) -> Shell:
    """Runs a launcher in an empty folder, its stand-ins first on the PATH."""

    def call(*line: str | Path, environment: Mapping[str, str] | None = None, timeout: float = 120):
        path = os.pathsep.join([str(commands), BIN, os.environ["PATH"]])
        variables = {**os.environ, "HOME": str(tmp_path), "PATH": path, **(environment or {})}
        words = [str(word) for word in line]
        return subprocess.run(
            words, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=timeout, check=False
        )

    return call


@pytest.fixture(scope="session")
def cloud():
    """The environment in which the aws command speaks to a moto server with a bucket, a profile and an image."""
    server = pytest.importorskip("moto.server", reason="needs the extra launch-test")
    account = pytest.importorskip("moto.core").DEFAULT_ACCOUNT_ID
    parameters = pytest.importorskip("moto.ssm.models").ssm_backends[account]["us-east-1"]
    if which("aws") is None:
        pytest.skip("needs the aws command, of the extra launch-test")
    threaded = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    parameters.put_parameter("image", "", "ami-12c6146b", "String", "", "", False, [], "text", None, None)
    parameters._parameters[IMAGE] = parameters._parameters["image"]  # only Amazon may put one under /aws
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "do-not-show-this",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }
    threaded.stop()
