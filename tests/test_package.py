"""What a wheel carries, and that it runs without the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from short import SHORT

from futurepred_jax import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_is_told_without_loading_jax(tmp_path):
    line = [sys.executable, "-X", "importtime", "-m", "futurepred_jax.main", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == f"futurepred_jax {__version__}\n"
    assert " jax" not in said.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of an sdist of the checkout."""
    pytest.importorskip("build", reason="needs the extra dev")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", f"--outdir={folder}", ROOT], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin folder of a fresh environment with the wheel; what it depends on is this environment's."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    line = [sys.executable, "-m", "pip", f"--python={folder}/bin/python", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(line, check=True)
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "shared.pth").write_text("\n".join(shared))  # no .pth in there is read: an editable install stays out
    return folder / "bin"


@pytest.mark.slow
def test_the_wheel_carries_configs_templates_types_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for config in (ROOT / "configs").glob("*.py"):
        assert f"futurepred_jax/configs/{config.name}" in names
    for template in (ROOT / "futurepred_jax").glob("*/templates/*"):
        assert template.relative_to(ROOT).as_posix() in names
    assert "futurepred_jax/py.typed" in names
    assert not any(name.startswith(("tests", "configs", "launch")) for name in names)


@pytest.mark.slow
def test_the_installed_command_makes_a_report_in_an_empty_folder(installed, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GLIBC_TUNABLES")}
    environment |= {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    told = subprocess.run(
        [installed / "futurepred-jax", "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--config=configs/baseline.py:tiny" in told.stdout
    assert "--workdir: " in told.stdout
    where = [installed / "python", "-c", "import futurepred_jax; print(futurepred_jax.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.startswith(str(installed.parent))
    line = [installed / "futurepred-jax", "--config=baseline:debug", *SHORT]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "runs/baseline-debug/report/index.html").exists()
