"""Side by side with pytorchvideo and PyTorch, where the extra ``parity`` is installed."""

import warnings

import jax
import numpy as np
import pytest
from published import NETWORKS, checkpoint, clip, golden, sampled

from futurepred_jax.models.resnet3d import frame_indices, resample
from futurepred_jax.weights import read_tensors, to_variables
from futurepred_jax.weights.convert import shapes_of
from futurepred_jax.weights.naming import pytorchvideo_name

torch = pytest.importorskip("torch", reason='needs the extra: pip install -e ".[parity]"')
pytest.importorskip("fvcore", reason='needs the extra: pip install -e ".[parity]"')
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of PyTorch, for what pytorchvideo 0.1.5 calls
    import pytorchvideo_oracle as oracle

    REFERENCES = {name: oracle.build(network) for name, network in NETWORKS.items()}


def _close(ours, theirs, tolerance=1e-4):
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        error = np.abs(np.asarray(ours[name]) - values).max() / np.abs(values).max()
        assert error < tolerance, f"{name}: {error:.1e}"


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_endpoint_equals_pytorchvideos(name, train):
    network, module = NETWORKS[name], REFERENCES[name]
    tensors = checkpoint(network, pytorchvideo_name)
    oracle.load(module, tensors)
    variables = to_variables(tensors, shapes_of(network), type(network).__name__)
    apply = jax.jit(lambda v, x: network.apply(v, x, train=train, mutable=["batch_stats"] if train else False))
    out, updates = apply(variables, clip()) if train else (apply(variables, clip()), None)
    before, counts = _running_variances(module), _counted(module)
    theirs = oracle.run(module, network, clip(), train=train)
    _close({**out.features, "logits": out.logits}, theirs)
    if train:
        _statistics_moved_as_theirs(module, network, updates, before, counts)
    else:
        assert sampled(theirs) == {key: pytest.approx(v, rel=1e-4, abs=1e-4) for key, v in golden()[name].items()}


def _running_variances(module):
    return {key: t.numpy().copy() for key, t in module.state_dict().items() if key.endswith("running_var")}


def _counted(module):
    """How many values of a channel each BatchNorm sees; filled as the module runs."""
    counts = {}

    def count(name, inputs):
        counts[name] = inputs[0].numel() // inputs[0].shape[1]

    for name, part in module.named_modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.register_forward_hook(lambda _, inputs, __, name=name: count(name, inputs))
    return counts


def _statistics_moved_as_theirs(module, network, updates, before, counts):
    """PyTorch moves its running variance by the unbiased one, n / (n - 1) of ours, a tenth of the way."""
    after = {key: t.numpy() for key, t in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    for key, start in before.items():
        n = counts[key.removesuffix(".running_var")]
        after[key] = 0.9 * start + (after[key] - 0.9 * start) * (n - 1) / n
    theirs = to_variables(after, shapes_of(network), type(network).__name__)["batch_stats"]
    for ours, reference in zip(jax.tree.leaves(updates["batch_stats"]), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-4)


def test_published_checkpoint_file_is_read_and_full_size_i3d_agrees(tmp_path):
    network = type(NETWORKS["i3d"])(400, dropout=0.0)
    module = oracle.build(network)
    torch.save({"model_state": module.state_dict()}, tmp_path / "I3D_8x8_R50.pyth")
    variables = to_variables(read_tensors(tmp_path / "I3D_8x8_R50.pyth"), shapes_of(network), "I3D")
    video = clip()[:1, :8]
    out = jax.jit(network.apply)(variables, video)
    _close({**out.features, "logits": out.logits}, oracle.run(module, network, video, train=False))


def test_pyth_that_asks_for_code_is_refused(tmp_path):
    torch.save({"model_state": {"weight": print}}, tmp_path / "evil.pyth")
    with pytest.raises(Exception, match="print"):
        read_tensors(tmp_path / "evil.pyth")


def test_frames_are_those_of_torch_linspace():
    for alpha in (4, 8):  # of 160 frames, PyTorch's float32 falls one frame short of a whole number
        for frames in range(alpha, 160, alpha):
            theirs = torch.linspace(0, frames - 1, frames // alpha).long().tolist()
            assert frame_indices(frames, frames // alpha).tolist() == theirs, frames


def test_resampling_is_torchs_bilinear():
    video = clip()
    frames = torch.from_numpy(video[0]).permute(0, 3, 1, 2)
    for side in (24, 40, 64):
        theirs = torch.nn.functional.interpolate(frames, (side, side), mode="bilinear", align_corners=False)
        ours = resample(jax.numpy.asarray(video), video.shape[1], side)[0]
        np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1), atol=1e-5)
