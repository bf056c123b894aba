"""One uninterrupted run that the interrupted ones are compared with, and a compilation cache of the tests' own."""

import jax
import pytest
from regression_job import make_job

from futurepred_jax.train import fit


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    folder = jax.config.values["jax_compilation_cache_dir"] or str(tmp_path_factory.mktemp("xla"))
    jax.config.update("jax_compilation_cache_dir", folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, compilation_cache):
    """Workdir and final state of ``make_job()``."""
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, jax.device_get(fit(make_job(), workdir))
