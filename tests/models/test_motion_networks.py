"""I3D, Slow, SlowFast and Inception-I3D have the published sizes and endpoints, and learn everywhere."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.inception import LAYERS, InceptionI3D
from futurepred_jax.models.resnet3d import ResNet3D, frame_indices, resample
from futurepred_jax.models.slowfast import Slow, SlowFast

SMALL = {"num_classes": 5, "width": 8, "dropout": 0.0}
NETWORKS = [
    I3D(**SMALL, blocks=(1, 1, 1, 1)),
    pytest.param(SlowFast(**SMALL, blocks=(1, 1, 1, 1)), marks=pytest.mark.slow),
    pytest.param(InceptionI3D(**SMALL), marks=pytest.mark.slow),
]


def _count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _video(t=16, side=32, b=2):
    return jax.random.uniform(jax.random.key(0), (b, t, side, side, 3), minval=-1.0, maxval=1.0)


_KNOWN: dict = {}


def _abstract(network: Any, t: int) -> Any:
    if network not in _KNOWN:
        _KNOWN[network] = _traced(network, t)
    return _KNOWN[network]


def _traced(network, t):
    video = jax.ShapeDtypeStruct((1, t, 224, 224, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), video)
    return variables, jax.eval_shape(network.apply, variables, video)


@pytest.mark.parametrize(
    ("network", "frames", "parameters", "statistics"),
    [
        (I3D(400), 8, 28_043_472, 53_120),
        (Slow(400), 8, 32_454_096, 53_120),
        (SlowFast(400), 32, 34_566_488, 60_688),
        (SlowFast(400, alpha=8, fusion_window=5), 32, 34_480_216, 60_688),
        (InceptionI3D(400), 16, 12_689_984, 14_560),
    ],
)
def test_published_networks_have_their_published_number_of_parameters(network, frames, parameters, statistics):
    variables, endpoints = _abstract(network, frames)
    assert _count(variables["params"]) == parameters
    assert _count(variables["batch_stats"]) == statistics
    assert endpoints.logits.shape == (1, 400)


def test_i3d_has_the_published_endpoints():
    _, endpoints = _abstract(I3D(400), 8)
    assert {name: feature.shape[1:] for name, feature in endpoints.features.items()} == {
        "stem": (8, 56, 56, 64),
        "res2": (8, 56, 56, 256),
        "res3": (4, 28, 28, 512),
        "res4": (4, 14, 14, 1024),
        "res5": (4, 7, 7, 2048),
    }


def test_network_without_classes_has_neither_logits_nor_a_head():
    variables, endpoints = _abstract(I3D(width=8, blocks=(1, 1, 1, 1)), 8)
    assert endpoints.logits is None
    assert "head" not in variables["params"]


def test_slowfast_has_the_published_endpoints():
    _, endpoints = _abstract(SlowFast(400), 32)
    assert {name: feature.shape[1:] for name, feature in endpoints.features.items()} == {
        "slow/stem": (8, 56, 56, 64),
        "fast/stem": (32, 56, 56, 8),
        "slow/res2": (8, 56, 56, 256),
        "fast/res2": (32, 56, 56, 32),
        "slow/res3": (8, 28, 28, 512),
        "fast/res3": (32, 28, 28, 64),
        "slow/res4": (8, 14, 14, 1024),
        "fast/res4": (32, 14, 14, 128),
        "slow/res5": (8, 7, 7, 2048),
        "fast/res5": (32, 7, 7, 256),
    }


def test_inception_has_the_published_endpoints():
    _, endpoints = _abstract(InceptionI3D(400), 16)
    shapes = {name: feature.shape[1:] for name, feature in endpoints.features.items()}
    assert list(shapes) == list(LAYERS)
    assert shapes["Conv3d_2c_3x3"] == (8, 56, 56, 192)
    assert shapes["Mixed_3c"] == (8, 28, 28, 480)
    assert shapes["Mixed_4f"] == (4, 14, 14, 832)
    assert shapes["Mixed_5c"] == (2, 7, 7, 1024)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_every_parameter_learns_and_endpoints_stay_in_order_under_jit(network):
    video = _video()

    variables = _drawn(network, video)

    @jax.jit
    def run(params):
        def loss(params):
            out, updates = network.apply({**variables, "params": params}, video, train=True, mutable=["batch_stats"])
            return jnp.square(out.logits - 1).sum(), (out, updates)

        gradients, (out, updates) = jax.grad(loss, has_aux=True)(params)
        running = network.apply({"params": params, **updates}, video)
        return gradients, out, running, updates["batch_stats"]

    gradients, out, running, after = run(variables["params"])
    dead = [jax.tree_util.keystr(path) for path, g in jax.tree.leaves_with_path(gradients) if not np.abs(g).max() > 0]
    assert dead == []
    assert list(out.features) == list(jax.eval_shape(network.apply, *_like(network, video)).features)
    assert all(
        not np.array_equal(old, new)
        for old, new in zip(*map(jax.tree.leaves, (variables["batch_stats"], after)), strict=True)
    )
    assert not np.allclose(running.logits, out.logits, rtol=1e-3)  # evaluation takes the running statistics


def _like(network, video):
    return jax.eval_shape(network.init, jax.random.key(0), video), video


def _drawn(network, video):
    """Variables off their first values: the last scale of a block starts at zero."""
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(network.init, jax.random.key(0), video)
    return jax.tree.map(lambda leaf: rng.normal(0.1, 0.1, leaf.shape).astype(leaf.dtype).__abs__(), shapes)


def test_batch_statistics_are_those_of_the_whole_batch_on_eight_devices():
    network, video = ResNet3D(width=8, blocks=(1, 1), windows=((3,), (1,))), _video(t=4, side=16, b=8)
    variables = _drawn(network, video)

    @jax.jit
    def statistics(variables, video):
        return network.apply(variables, video, train=True, mutable=["batch_stats"])[1]

    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    many = statistics(variables, jax.device_put(video, sharding))
    assert len(sharding.device_set) == 8
    for one, eight in zip(*map(jax.tree.leaves, (statistics(variables, video), many)), strict=True):
        np.testing.assert_allclose(eight, one, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_residual_blocks_start_as_their_shortcuts():
    network = ResNet3D(width=8, blocks=(2,), windows=((3,),))
    video = _video(t=2, side=16)
    variables: Any = jax.jit(network.init)(jax.random.key(0), video)
    assert not np.any(variables["params"]["res2"]["block1"]["c"]["norm"]["scale"])
    changed = jax.tree_util.tree_map_with_path(
        lambda path, p: p + 1 if "'c'" in str(path) and "conv" in str(path) else p, variables["params"]
    )
    apply: Any = jax.jit(network.apply)
    first, second = (apply({**variables, "params": p}, video) for p in (variables["params"], changed))
    np.testing.assert_array_equal(first.features["res2"], second.features["res2"])


@pytest.mark.parametrize(
    ("network", "frames", "rule"),
    [
        (I3D(width=8), 1, "1 frames: I3D needs 2 or more"),
        (SlowFast(width=8), 6, "6 frames: SlowFast needs a multiple of alpha = 4"),
        (SlowFast(width=12), 8, "width 12: .* multiple of 8"),
        (InceptionI3D(4, width=8), 8, "8 frames: InceptionI3D's head needs 9 or more"),
    ],
)
def test_clips_that_do_not_fit_are_refused_with_the_rule(network, frames, rule):
    with pytest.raises(ValueError, match=rule):
        jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, frames, 16, 16, 3)))


def test_slow_pathway_takes_evenly_spaced_frames_with_the_last():
    assert frame_indices(32, 8).tolist() == [0, 4, 8, 13, 17, 22, 26, 31]
    assert frame_indices(16, 4).tolist() == [0, 5, 10, 15]
    assert frame_indices(4, 1).tolist() == [0]


def test_resampling_keeps_ramps_on_their_axes():
    t, h, w = np.meshgrid(np.arange(4), np.arange(6), np.arange(8), indexing="ij")
    video = jnp.asarray(np.stack([t, h, w], -1)[None], jnp.float32)
    out = np.asarray(resample(video, 8, 4))
    assert out.shape == (1, 8, 4, 4, 3)
    np.testing.assert_array_equal(out[0, :, 0, 0, 0], [0, 0, 0, 1, 1, 2, 2, 3])
    np.testing.assert_allclose(out[0, 0, :, 0, 1], [0.25, 1.75, 3.25, 4.75], rtol=1e-6)
    np.testing.assert_allclose(out[0, 0, 0, :, 2], [0.5, 2.5, 4.5, 6.5], rtol=1e-6)
    np.testing.assert_array_equal(resample(video[:, :, :6, :6], 4, 6), video[:, :, :6, :6])
