"""Topologies are found by name, or refused with what is known and what to install; compiled for where it is there."""

import importlib.util

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import SingleDeviceSharding

from futurepred_jax.training import topology
from futurepred_jax.training.ahead import Call, compile_ahead

REAL = {"v5e:2x2": 4, "v5p:2x2x1": 4, "v6e:1x1": 1, "h100:16": 16, "a100:2": 2}


@pytest.mark.parametrize("name", ["", "v5e", "v5e:two", "h100:", "tpu:2x2"])
def test_a_misspelt_topology_lists_the_chips(name):
    with pytest.raises(ValueError, match="v5e, v5p, v6e, h100, a100"):
        topology.find(name)


@pytest.mark.parametrize(("name", "extra"), [("v5e:2x2", "tpu"), ("h100:8", "cuda-aot")])
def test_a_compiler_that_is_not_installed_is_named_with_its_extra(monkeypatch, name, extra):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=rf"pip install 'futurepred-jax\[{extra}\]'"):
        topology.find(name)


@pytest.mark.parametrize("shape", ["12", "0", "2x4"])
def test_gpus_come_in_whole_nodes(monkeypatch, shape):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    with pytest.raises(ValueError, match="a multiple of it"):
        topology.find(f"h100:{shape}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "devices"), REAL.items())
def test_a_program_is_compiled_for_hardware_that_is_not_there(name, devices):
    module, extra = topology.NEEDS[topology.CHIPS[name.split(":")[0]].platform]
    pytest.importorskip(module, reason=f"{module} is not installed: extra {extra}")
    hardware = topology.find(name)
    assert len(hardware.devices) == devices
    matrix = jax.ShapeDtypeStruct((256, 256), jnp.float32, sharding=SingleDeviceSharding(hardware.devices[0]))
    call = Call("product", jax.jit(jnp.matmul), (matrix, matrix), {"parameters": matrix}, 2.0 * 256**3)
    compiled = compile_ahead(call, hardware)
    assert compiled.memory.fits
    assert compiled.parameters == 256**2
    assert compiled.collectives == {}
    assert compiled.roofline is not None
    assert 0 < compiled.roofline.mfu <= 1


@pytest.mark.slow
def test_what_does_not_fit_a_tpu_is_an_account_and_no_crash():
    pytest.importorskip("libtpu", reason="libtpu is not installed: extra tpu")
    hardware = topology.find("v5e:1x1")
    large = jax.ShapeDtypeStruct((2**17, 2**15), jnp.float32, sharding=SingleDeviceSharding(hardware.devices[0]))
    function = jax.jit(lambda x: jnp.cumsum(jnp.sin(x), axis=0) @ jnp.cumsum(jnp.cos(x), axis=1).T)
    compiled = compile_ahead(Call("giant", function, (large,), {"parameters": large}, 1.0), hardware)
    assert not compiled.memory.fits
    assert compiled.roofline is None
