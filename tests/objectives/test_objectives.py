"""What is minimised is what the formula says, and reaches every part."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed

MAGVIT = MagVit(channels=(8,), blocks=(1,), strides=((2, 4, 4),), quantizer=VQ(16, 4))
TRANSFORMER = Transformer(sizes=(11, 5), grid=(3, 2, 2), width=24, depth=1, heads=2, nearby=4)
DRAWING = TokenizerObjective(MAGVIT, (3, 8, 8), foreground_weight=5.0)
PREDICTING = PredictionObjective(TRANSFORMER, context_latents=2, corruption=1.0)
STEP = jnp.array(1)


@pytest.fixture(scope="module")
def clips():
    video = jax.random.randint(jax.random.key(0), (2, 3, 8, 8, 3), 0, 256).astype(jnp.uint8)
    instance = jnp.zeros((2, 3, 8, 8), jnp.uint8).at[:, :, :3, :2].set(1)
    return {"video": video, "noisy": video, "instance": instance}


@pytest.fixture(scope="module")
def drawing():
    return DRAWING.init(jax.random.key(1))


@pytest.fixture(scope="module")
def predicting():
    return PREDICTING.init(jax.random.key(1))[0]


@pytest.fixture(scope="module")
def tokens():
    return {"tokens": jax.random.randint(jax.random.key(2), (8, 3, 2, 2, 2), 0, jnp.array([11, 5])).astype(jnp.uint8)}


def test_foreground_counts_by_its_weight(drawing, clips):
    params, state = drawing
    drawn, _ = MAGVIT.apply({"params": params, **state}, to_signed(clips["video"]))
    error = np.asarray(drawn - to_signed(clips["video"]))
    pixel = np.abs(error) + 2.0 * error**2
    weight = np.where(np.asarray(clips["instance"]) > 0, 5.0, 1.0)
    want = (pixel.mean(-1) * weight).sum() / weight.sum()
    metrics = DRAWING.loss(params, state, clips, key=jax.random.key(3), step=STEP).metrics
    np.testing.assert_allclose(metrics["reconstruction"], want, rtol=1e-4)
    np.testing.assert_allclose(DRAWING.validate(params, state, clips)["loss"], want, rtol=1e-4)
    assert abs(want - pixel.mean()) > 1e-5


def test_where_no_object_is_known_every_pixel_weighs_the_same(drawing, clips):
    params, state = drawing
    unknown = {name: clips[name] for name in ("video", "noisy")}
    drawn, _ = MAGVIT.apply({"params": params, **state}, to_signed(clips["video"]))
    error = np.asarray(drawn - to_signed(clips["video"]))
    scores = DRAWING.validate(params, state, unknown)
    np.testing.assert_allclose(scores["loss"], (np.abs(error) + 2.0 * error**2).mean(), rtol=1e-4)
    assert scores.keys() == DRAWING.validate(params, state, clips).keys() - {"foreground_psnr"}


def test_drawing_trains_encoder_and_decoder(drawing, clips):
    params, state = drawing
    grads = jax.grad(lambda p: DRAWING.loss(p, state, clips, key=jax.random.key(3), step=STEP).value)(params)
    assert set(grads) == {"encoder", "decoder"}
    for part in grads.values():
        assert sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(part)) > 0
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_prediction_trains_every_parameter(predicting, tokens):
    grads = jax.grad(lambda p: PREDICTING.loss(p, {}, tokens, key=jax.random.key(3), step=STEP).value)(predicting)
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        assert jnp.any(leaf != 0), jax.tree_util.keystr(path)


def test_the_model_s_codes_start_as_the_tokenizer_s_and_train():
    codes = jax.random.normal(jax.random.key(6), (2, 11, 8))
    params, _ = PredictionObjective(TRANSFORMER, context_latents=2, codes=codes).init(jax.random.key(1))
    np.testing.assert_array_equal(params["codes"], codes)
    assert set(params) == set(PREDICTING.init(jax.random.key(1))[0])


def test_a_weight_on_the_context_counts_its_tokens_after_the_first_frame(predicting, tokens):
    both = PredictionObjective(TRANSFORMER, context_latents=2, context_weight=0.5)
    assert (both.first, PREDICTING.first) == (4, 8)
    loss = both.loss(predicting, {}, tokens, key=jax.random.key(3), step=STEP)
    future = PredictionObjective(TRANSFORMER, context_latents=2).validate(predicting, {}, tokens)
    np.testing.assert_allclose(loss.metrics["nll"], future["loss"], rtol=1e-5)  # what is logged is the future's alone


def test_corruption_touches_context_tokens_only(tokens):
    flat = tokens["tokens"].astype(jnp.int32).reshape(8, -1, 2)
    noisy = PREDICTING.corrupt(flat, jax.random.key(4))
    np.testing.assert_array_equal(noisy[:, 8:], flat[:, 8:])
    assert jnp.any(noisy[:, :8] != flat[:, :8])
    assert noisy.min() >= 0
    assert jnp.all(noisy.max((0, 1)) < jnp.array([11, 5]))


def test_a_model_is_shown_its_own_draws_after_the_first_frame(predicting, tokens):
    flat, keys = tokens["tokens"].astype(jnp.int32).reshape(8, -1, 2), jax.random.split(jax.random.key(4), 8)
    everywhere = dataclasses.replace(PREDICTING, self_sampled=1.0)
    sure = jax.tree.map(lambda leaf: leaf * 0, predicting) | {"codes": predicting["codes"]}
    seen = everywhere.self_sample(predicting, flat, keys)
    np.testing.assert_array_equal(seen[:, :4], flat[:, :4])
    changed = jnp.any(seen[:, 4:] != flat[:, 4:], axis=(0, 2))
    assert jnp.all(changed), "every later place of some clip"
    assert jnp.all((seen >= 0) & (seen < jnp.array([11, 5])))
    assert jnp.any(everywhere.self_sample(sure, flat, keys) != seen), "by what the model thinks"
    np.testing.assert_array_equal(PREDICTING.self_sample(predicting, flat, keys), flat)


def test_draws_and_corruption_have_keys_of_their_own():
    key = jax.random.key(4)
    corrupting, draws = jax.random.split(key, 3), PREDICTING.row_keys(key, 3)
    within = [
        jax.random.split(one, 3) for one in corrupting
    ]  # were one of these the draws' root, its keys would be here
    data = jax.random.key_data(jnp.concatenate([corrupting, draws, *within]))
    assert len(np.unique(data, axis=0)) == len(data)


def test_draws_follow_the_model_s_own_distribution(predicting, tokens):
    """The first place that is drawn: all before it is given, so that its distribution is known."""
    first = jnp.tile(tokens["tokens"].astype(jnp.int32).reshape(8, -1, 2)[:1], (4000, 1, 1))
    keys = jax.random.split(jax.random.key(5), len(first))
    model = TRANSFORMER.bind({"params": predicting})
    drawn = model.redraw(first, keys, first=4)[:, 0, 0]
    p = jax.nn.softmax(model(first[:1], first=4)[0, 0, 0])
    np.testing.assert_allclose(jnp.bincount(drawn, length=11) / len(first), p, atol=0.03)


def test_validation_ignores_corruption(predicting, tokens):
    clean = PredictionObjective(TRANSFORMER, context_latents=2)
    held_out = PREDICTING.validate(predicting, {}, tokens)
    np.testing.assert_array_equal(held_out["loss"], clean.validate(predicting, {}, tokens)["loss"])
    loss = clean.loss(predicting, {}, tokens, key=jax.random.key(3), step=STEP)
    np.testing.assert_allclose(loss.metrics["nll"], held_out["loss"], rtol=1e-5)


@pytest.mark.parametrize(("objective", "batch"), [(DRAWING, "clips"), (PREDICTING, "tokens")], ids=["draw", "predict"])
def test_a_batch_in_turns_has_the_loss_the_gradients_and_the_codebook_of_the_whole(objective, batch, request):
    batch = jax.tree.map(lambda rows: jnp.concatenate([rows, rows[:, ::-1]]), request.getfixturevalue(batch))

    if isinstance(objective, PredictionObjective):
        objective = dataclasses.replace(objective, self_sampled=0.5)
    params, state = objective.init(jax.random.key(1))

    def whole(turns):
        def value(params):
            turned = dataclasses.replace(objective, accumulate=turns)
            result = turned.loss(params, state, batch, key=jax.random.key(3), step=STEP)
            return result.value, (result.model_state, result.metrics)

        quick = {"xla_backend_optimization_level": "0"}
        return jax.jit(jax.value_and_grad(value, has_aux=True), compiler_options=quick)(params)

    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
    expected = whole(1)
    jax.tree.map(close, whole(2), expected)
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected[1])) > 1e-3
    with pytest.raises(ValueError, match=r"config.train.accumulate 3 does not divide"):
        whole(3)
