"""Publishers' names for our variables."""

import pytest
from flax import traverse_util
from published import INCEPTION, NETWORKS

from futurepred_jax.weights.convert import shapes_of
from futurepred_jax.weights.naming import inception_name, naming_of, of_caffe2, pyslowfast_name, pytorchvideo_name

CONV = "params/slow_res3/block1/b/conv/kernel"
SHORTCUT = "batch_stats/fast_res4/block0/shortcut/norm/var"
LATERAL = "params/lateral_res2/fuse/norm/scale"


@pytest.mark.parametrize(
    ("path", "network", "name"),
    [
        (CONV, "SlowFast", "blocks.2.multipathway_blocks.0.res_blocks.1.branch2.conv_b.weight"),
        (SHORTCUT, "SlowFast", "blocks.3.multipathway_blocks.1.res_blocks.0.branch1_norm.running_var"),
        (LATERAL, "SlowFast", "blocks.1.multipathway_fusion.norm.weight"),
        ("params/stem/ConvNorm_0/norm/bias", "I3D", "blocks.0.norm.bias"),
        ("params/res3/block0/c/norm/scale", "I3D", "blocks.3.res_blocks.0.branch2.norm_c.weight"),
        ("params/res3/block0/c/norm/scale", "Slow", "blocks.2.res_blocks.0.branch2.norm_c.weight"),
        ("params/head/classes/kernel", "I3D", "blocks.6.proj.weight"),
        ("params/head/classes/bias", "Slow", "blocks.5.proj.bias"),
    ],
)
def test_pytorchvideo_counts_blocks_for_each_network(path, network, name):
    assert pytorchvideo_name(path, network) == name


@pytest.mark.parametrize(
    ("path", "blob", "name"),
    [
        (CONV, "res3_1_branch2b_w", "s3.pathway0_res1.branch2.b.weight"),
        (SHORTCUT, "t_res4_0_branch1_bn_riv", "s4.pathway1_res0.branch1_bn.running_var"),
        (LATERAL, "t_res2_2_branch2c_bn_subsample_bn_s", "s2_fuse.bn.weight"),
        ("params/lateral_stem/fuse/conv/kernel", "t_pool1_subsample_w", "s1_fuse.conv_f2s.weight"),
        ("params/fast_stem/ConvNorm_0/conv/kernel", "t_conv1_w", "s1.pathway1_stem.conv.weight"),
        ("batch_stats/slow_stem/ConvNorm_0/norm/mean", "res_conv1_bn_rm", "s1.pathway0_stem.bn.running_mean"),
        ("params/head/classes/bias", "pred_b", "head.projection.bias"),
    ],
)
def test_caffe2s_blobs_are_pyslowfasts_names(path, blob, name):
    assert pyslowfast_name(path, "SlowFast") == name
    assert of_caffe2(blob) == name


def test_what_is_no_weight_keeps_its_name():
    assert of_caffe2("model_iter") == "model_iter"
    assert of_caffe2("res2_0_nonlocal_w") == "res2_0_nonlocal_w"


def test_inception_has_slashes_in_its_keys():
    assert inception_name("params/Mixed_3b/branch2b/conv/kernel", "") == (
        "params/Mixed_3b/Branch_2/Conv3d_0b_3x3/Conv_0/kernel"
    )
    assert inception_name("params/logits/bias", "") == "params/Logits/Conv3d_0c_1x1/Conv_0/bias"
    assert inception_name("batch_stats/Conv3d_2b_1x1/norm/var", "") == "batch_stats/Conv3d_2b_1x1/BatchNorm_0/var"


def test_no_two_variables_share_a_name():
    cases = [(network, naming) for network in NETWORKS.values() for naming in (pytorchvideo_name, pyslowfast_name)]
    for network, naming in [*cases, (INCEPTION, inception_name)]:
        paths = traverse_util.flatten_dict(shapes_of(network), sep="/")
        names = [naming(path, type(network).__name__) for path in paths]
        assert len(set(names)) == len(paths)
        assert naming_of(names) is naming


def test_names_of_nobody_are_refused():
    with pytest.raises(ValueError, match=r"known begin with blocks\."):
        naming_of(["encoder.weight"])
