"""Which bits of the weights are kept, and the files that they are kept in."""

import numpy as np
import pytest

from futurepred_jax.pretrained.packed import part_path
from futurepred_jax.pretrained.rounding import rounded, save_part
from futurepred_jax.weights import read_weights
from futurepred_jax.weights.reading import sha256

RNG = np.random.default_rng(0)
KERNEL, VECTOR = RNG.normal(size=(64, 32)).astype(np.float32), RNG.normal(size=64).astype(np.float32)


def test_what_makes_tokens_and_every_vector_stay_as_they_are():
    params = {"encoder": {"kernel": KERNEL}, "decoder": {"kernel": KERNEL, "bias": VECTOR}}
    weights = {"tokenizer": {"params": params, "codebook": {"codes": KERNEL}}, "transformer": {"kernel": KERNEL}}
    found = rounded(weights)
    np.testing.assert_array_equal(found["tokenizer"]["params"]["encoder"]["kernel"], KERNEL)
    np.testing.assert_array_equal(found["tokenizer"]["codebook"]["codes"], KERNEL)
    np.testing.assert_array_equal(found["tokenizer"]["params"]["decoder"]["bias"], VECTOR)
    for kernel in (found["tokenizer"]["params"]["decoder"]["kernel"], found["transformer"]["kernel"]):
        assert not np.array_equal(kernel, KERNEL)
        np.testing.assert_allclose(kernel, KERNEL, rtol=5e-3, atol=1e-7)


@pytest.mark.parametrize(("part", "bits"), [("transformer", 8), ("pathways", 5)])
def test_a_part_keeps_its_bits_of_precision(part, bits):
    kernel = rounded({part: {"kernel": KERNEL}})[part]["kernel"]
    mantissa, _ = np.frexp(kernel)
    np.testing.assert_array_equal(mantissa * 2**bits, np.round(mantissa * 2**bits))
    assert 0 < np.max(np.abs(kernel / KERNEL - 1)) <= 2.0**-bits * 1.1


def test_a_part_comes_back_exactly_and_what_is_rounded_takes_less_than_two_bytes(tmp_path):
    part = rounded({"transformer": {"kernel": KERNEL, "scale": VECTOR}})["transformer"]
    path = part_path(tmp_path, "transformer", save_part(tmp_path, "transformer", part))
    found = read_weights(path)
    np.testing.assert_array_equal(found["kernel"], part["kernel"])
    np.testing.assert_array_equal(found["scale"], VECTOR)
    assert path.stat().st_size < 2 * KERNEL.size + 4 * VECTOR.size + 512


def test_equal_parts_are_one_file_with_the_hash_of_its_content(tmp_path):
    first, second = (save_part(tmp_path, "outlook", {"kernel": KERNEL.copy()}) for _ in range(2))
    other = save_part(tmp_path, "outlook", {"kernel": -KERNEL})
    assert first == second != other
    assert len(list((tmp_path / "parts").iterdir())) == 2
    assert sha256(part_path(tmp_path, "outlook", first)) == first
