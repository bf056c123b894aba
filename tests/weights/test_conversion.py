"""From a publisher's file to variables and back from disk: everything in its place, or an error that names it."""

import pickle

import jax
import numpy as np
import pytest
from published import INCEPTION, NETWORKS, checkpoint

from futurepred_jax.weights import load_weights, read_tensors, to_variables
from futurepred_jax.weights.convert import NETWORKS as PUBLISHED
from futurepred_jax.weights.convert import convert_file, shapes_of
from futurepred_jax.weights.naming import inception_name, pyslowfast_name, pytorchvideo_name
from futurepred_jax.weights.store import read_header

CONV = "blocks.0.conv.weight"


def _pickled(path, content):
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.fixture(scope="module")
def slow():
    network = NETWORKS["slow"]
    return shapes_of(network), checkpoint(network, pytorchvideo_name)


def test_kernels_become_channels_last_and_statistics_stay(slow):
    shapes, tensors = slow
    variables = to_variables(tensors, shapes, "Slow")
    stem, scaled = variables["params"]["stem"]["ConvNorm_0"], variables["batch_stats"]["stem"]["ConvNorm_0"]
    assert stem["conv"]["kernel"][0, 5, 2, 1, 7] == tensors[CONV][7, 1, 0, 5, 2]
    assert variables["params"]["head"]["classes"]["kernel"][3, 2] == tensors["blocks.5.proj.weight"][2, 3]
    np.testing.assert_array_equal(stem["norm"]["scale"], tensors["blocks.0.norm.weight"])
    np.testing.assert_array_equal(scaled["norm"]["var"], tensors["blocks.0.norm.running_var"])


def test_what_is_missing_left_over_or_misshapen_is_named(slow):
    shapes, tensors = slow
    wrong = {**tensors, "blocks.9.weight": tensors[CONV], "blocks.0.norm.bias": np.zeros(3, np.float32)}
    del wrong[CONV]
    with pytest.raises(ValueError, match="these weights are not this network's") as error:
        to_variables(wrong, shapes, "Slow")
    assert f"1 missing: {CONV}" in str(error.value)
    assert "1 left over: blocks.9.weight" in str(error.value)
    assert "blocks.0.norm.bias (3,), not (16,)" in str(error.value)


def test_weights_of_another_network_are_refused(slow):
    with pytest.raises(ValueError, match=r"missing: .*; .*left over"):
        to_variables(slow[1], shapes_of(NETWORKS["i3d"]), "I3D")


def test_inceptions_singleton_axes_go(tmp_path):
    shapes = shapes_of(INCEPTION)
    drawn = jax.tree.map(lambda leaf: np.random.default_rng(leaf.size).random(leaf.shape, np.float32), shapes)
    params, stats = drawn["params"], drawn["batch_stats"]
    as_published = {"params": {}, "batch_stats": {}}
    for collection, tree in (("params", params), ("batch_stats", stats)):
        for path, leaf in jax.tree.leaves_with_path(tree):
            keys = [key.key for key in path]
            name = inception_name("/".join([collection, *keys]), "").removeprefix(f"{collection}/")
            ones = 3 if name.startswith("Logits") and name.endswith("kernel") else 4 if collection != "params" else 0
            *module, layer, variable = name.split("/")
            inner = as_published[collection].setdefault("/".join(module), {}).setdefault(layer, {})
            inner[variable] = leaf.reshape((1,) * ones + leaf.shape)
    tensors = read_tensors(_pickled(tmp_path / "inception.ckpt", as_published))
    found = to_variables(tensors, shapes, "InceptionI3D")
    jax.tree.map(np.testing.assert_array_equal, found, drawn)


def test_caffe2_file_goes_through_the_disk_with_its_origin(tmp_path, monkeypatch):
    network = NETWORKS["slow"]
    monkeypatch.setitem(PUBLISHED, "slow", network)
    tensors = checkpoint(network, pyslowfast_name)
    blobs = {**tensors, "pred_b": tensors["head.projection.bias"], "lr": np.ones(1), "pred_b_momentum": np.ones(7)}
    del blobs["head.projection.bias"]
    source = _pickled(tmp_path / "SLOW.pkl", {"blobs": blobs})
    convert_file(source, tmp_path / "slow.npz", "slow")
    header = read_header(tmp_path / "slow.npz")
    assert (header["network"], header["source"], len(header["sha256"])) == ("Slow", "SLOW.pkl", 64)
    assert header["fields"]["width"] == 16
    loaded = load_weights(tmp_path / "slow.npz", shapes_of(network))
    jax.tree.map(np.testing.assert_array_equal, loaded, to_variables(tensors, shapes_of(network), "Slow"))


def test_network_without_a_head_drops_it_by_name(tmp_path, monkeypatch):
    network = NETWORKS["slow"]
    monkeypatch.setitem(PUBLISHED, "slow", network)
    source = _pickled(tmp_path / "SLOW.pkl", {"blobs": checkpoint(network, pyslowfast_name)})
    convert_file(source, tmp_path / "slow.npz", "slow")
    headless = shapes_of(network.clone(num_classes=None))
    assert "head" not in load_weights(tmp_path / "slow.npz", headless, drop=("head",))["params"]
    with pytest.raises(ValueError, match="2 left over: params/head/classes/bias"):
        load_weights(tmp_path / "slow.npz", headless)


class _Evil:
    def __reduce__(self):
        return print, ("run",)


def test_pickle_that_asks_for_code_is_not_opened(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"asks for builtins\.print"):
        read_tensors(_pickled(tmp_path / "evil.pkl", {"blobs": {"pred_b": _Evil()}}))
    assert capsys.readouterr().out == ""


def test_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"weights.bin: known endings are .pyth"):
        read_tensors(tmp_path / "weights.bin")
