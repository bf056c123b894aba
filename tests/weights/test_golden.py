"""Our networks with a checkpoint's weights say what the reference implementation said, without it."""

import jax
import numpy as np
import pytest
from published import NETWORKS, checkpoint, clip, golden, sampled

from futurepred_jax.weights import to_variables
from futurepred_jax.weights.convert import shapes_of
from futurepred_jax.weights.naming import pytorchvideo_name


@pytest.mark.parametrize("name", ["i3d", "slowfast"])
def test_every_endpoint_is_pytorchvideos(name):
    network = NETWORKS[name]
    variables = to_variables(checkpoint(network, pytorchvideo_name), shapes_of(network), type(network).__name__)
    out = jax.jit(network.apply)(variables, clip())
    ours = sampled({**out.features, "logits": out.logits})
    assert ours.keys() == golden()[name].keys()
    for endpoint, values in golden()[name].items():
        np.testing.assert_allclose(
            ours[endpoint], values, rtol=1e-4, atol=1e-4 * np.abs(values).max(), err_msg=endpoint
        )
