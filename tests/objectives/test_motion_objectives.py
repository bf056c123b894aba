"""Training with a pathway: what trains, what does not, and what it is allowed to see."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax.sharding import NamedSharding, PartitionSpec

from futurepred_jax.models.crossing import gates
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.pathway import Pathway, Pathways
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.models.resnet3d import Endpoints
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.joint import JointObjective
from futurepred_jax.objectives.motion import MotionObjective
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.training import optimizers
from futurepred_jax.training.state import TrainState
from futurepred_jax.training.step import make_train_step

PAST, FRAMES, SIDE, CLIPS = 3, 5, 8, 8
KEY = jax.random.key(3)


PARTS = {"slowfast": {"transformer", "pathways"}, "joint": {"transformer", "pathways", "tokenizer"}}
both = pytest.mark.parametrize("name", PARTS)


class Network(nn.Module):
    """The smallest motion network: a convolution and BatchNorm."""

    @nn.compact
    def __call__(self, video, *, train: bool = False) -> Endpoints:
        out = nn.Conv(6, (2, 3, 3), strides=(1, 2, 2))(video)
        out = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(out))
        return Endpoints({"only": out}, None)


MAGVIT = MagVit(channels=(8,), blocks=(1,), strides=((2, 4, 4),), quantizer=VQ(16, 4))
TRANSFORMER = Transformer(sizes=(16,), grid=(3, 2, 2), code_dim=4, width=24, depth=1, heads=2, nearby=4)
PLAIN = PredictionObjective(TRANSFORMER, context_latents=2, corruption=0.3, context_weight=0.5)
PATHWAY = Pathway(Network(), ("only",), width=24, stride=(2, 4, 4), frames=4, side=8)
MOTION = MotionObjective(
    PredictionObjective(TRANSFORMER.clone(cross=(0,)), context_latents=2, corruption=0.3, context_weight=0.5),
    Pathways(i3d=PATHWAY),
    (PAST, SIDE, SIDE),
)


@pytest.fixture(scope="module")
def clips():
    keys = jax.random.split(jax.random.key(0), 3)
    video = jax.random.randint(keys[0], (CLIPS, FRAMES, SIDE, SIDE, 3), 0, 256).astype(jnp.uint8)
    noisy = jax.random.randint(keys[1], (CLIPS, FRAMES, SIDE, SIDE, 3), 0, 256).astype(jnp.uint8)
    tokens = jax.random.randint(keys[2], (CLIPS, 3, 2, 2, 1), 0, 16)
    instance = jnp.zeros((CLIPS, FRAMES, SIDE, SIDE), jnp.uint8).at[:, :, :3, :2].set(1)
    return {"video": video, "noisy": noisy, "instance": instance, "tokens": tokens, "context": noisy[:, :PAST]}


def drawn(shapes):
    """Random arrays of given shapes, by no compiled program."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.normal(scale=0.3, size=leaf.shape).astype(leaf.dtype), shapes)


@pytest.fixture(scope="module")
def joint():
    start = drawn(jax.eval_shape(MAGVIT.init, jax.random.key(4), jnp.zeros((1, FRAMES, SIDE, SIDE, 3))))
    network = drawn(jax.eval_shape(Network().init, jax.random.key(8), jnp.zeros((1, 4, SIDE, SIDE, 3))))
    network["batch_stats"] = jax.tree.map(np.abs, network["batch_stats"])  # a variance is positive
    motion = dataclasses.replace(MOTION, starts={"i3d": network})
    return JointObjective(motion, TokenizerObjective(MAGVIT, (FRAMES, SIDE, SIDE)), start)


def with_gate(params, gate: float):
    """Parameters with another gate: at zero nothing of the pathway has a gradient."""
    crossing = {**params["transformer"]["crossings_0"], "gate": jnp.array(gate)}
    return {**params, "transformer": {**params["transformer"], "crossings_0": crossing}}


class Prepared:
    """An objective's state with an open gate, and its compiled step."""

    def __init__(self, objective, params, state, rates):
        optimizer = optimizers.with_rates(
            optimizers.adamw(learning_rate=1e-3, warmup_steps=0, steps=10, weight_decay=0.1), rates
        )
        moments = jax.jit(optimizer.init)(params)
        self.state = TrainState(jnp.zeros((), jnp.int32), with_gate(params, 0.1), None, state, moments)
        self.step = jax.jit(make_train_step(objective.loss, optimizer, ema_decay=0.0))


@pytest.fixture(scope="module")
def prepared(joint):
    params, state = jax.jit(joint.init)(jax.random.key(1))
    rates = {"pathways/i3d/network": 0.5}
    few = {name: params[name] for name in PARTS["slowfast"]}
    return {
        "slowfast": Prepared(MOTION, few, {"pathways": state["pathways"]}, rates),
        "joint": Prepared(joint, params, state, {"tokenizer": 0.1, **rates}),
    }


@pytest.fixture(scope="module")
def stepped(prepared, clips):
    return {name: one.step(one.state, clips, KEY)[0] for name, one in prepared.items()}


def changed(before, after):
    return jax.tree.map(lambda a, b: bool(jnp.any(a != b)), before, after)


def test_training_starts_at_the_loss_of_the_model_without_a_pathway(clips, prepared):
    one = prepared["slowfast"]
    plain = {name: part for name, part in one.state.params["transformer"].items() if name != "crossings_0"}
    closed = dataclasses.replace(one.state, params=with_gate(one.state.params, 0.0))
    after, found = one.step(closed, clips, KEY)
    want = jax.jit(PLAIN.loss)(plain, {}, clips, key=jax.random.fold_in(KEY, 0), step=jnp.array(0))
    np.testing.assert_allclose(found["loss"], want.value, rtol=1e-6)
    assert found["gate_0"] == 0.0
    assert after.params["transformer"]["crossings_0"]["gate"] != 0.0  # its gradient opens it


@both
def test_gradients_reach_every_trained_array_and_decay_no_other(name, stepped):
    moments = optax.tree.get(stepped[name].opt_state, "mu")
    assert set(moments) == PARTS[name]
    for path, leaf in jax.tree.leaves_with_path(moments):
        assert jnp.any(leaf != 0), jax.tree_util.keystr(path)


@both
def test_a_step_changes_all_parameters_and_statistics_but_the_judge(name, prepared, stepped):
    before, after = prepared[name].state, stepped[name]
    assert all(jax.tree.leaves(changed(before.params, after.params)))
    state = changed(before.model_state, after.model_state)
    assert not any(jax.tree.leaves(state.pop("judge", False)))
    assert set(state) == PARTS[name] - {"transformer"}
    assert all(jax.tree.leaves(state))


def test_the_judge_is_the_network_as_it_was_at_the_start(prepared):
    state = prepared["joint"].state
    judge = state.model_state["judge"]
    jax.tree.map(np.testing.assert_array_equal, judge["params"], state.params["pathways"]["i3d"]["network"])


@both
def test_the_pathway_sees_nothing_of_the_future(name, clips, prepared, stepped):
    """BatchNorm's statistics are of all that was seen."""

    def statistics(batch):
        return prepared[name].step(prepared[name].state, batch, KEY)[0].model_state["pathways"]

    seen = stepped[name].model_state["pathways"]
    future = {field: clips[field].at[:, PAST:].set(7) for field in ("video", "noisy")}
    future["tokens"] = clips["tokens"].at[:, 2:].set(7)
    jax.tree.map(np.testing.assert_array_equal, seen, statistics({**clips, **future}))
    past = {"noisy": clips["noisy"].at[:, 0].set(7), "context": clips["context"].at[:, 0].set(7)}
    assert all(jax.tree.leaves(changed(seen, statistics({**clips, **past}))))


def test_statistics_of_eight_devices_are_those_of_one(clips, prepared, stepped):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    apart = jax.device_put(clips, NamedSharding(mesh, PartitionSpec("data")))
    state, _ = prepared["slowfast"].step(prepared["slowfast"].state, apart, KEY)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
    jax.tree.map(close, state.model_state, stepped["slowfast"].model_state)


def test_a_network_starts_from_the_weights_that_it_is_given(joint, prepared):
    """Its projection to the Transformer has none."""
    start, found = joint.motion.starts["i3d"], prepared["slowfast"].state
    params, state = found.params["pathways"]["i3d"], found.model_state["pathways"]["batch_stats"]["i3d"]
    jax.tree.map(np.testing.assert_array_equal, params["network"], start["params"])
    jax.tree.map(np.testing.assert_array_equal, state["network"], start["batch_stats"])
    assert set(params) == {"network", "norm_only", "project_only"}


def test_consistency_is_zero_for_the_true_future_and_grows_with_the_error(clips, joint, prepared):
    state = prepared["joint"].state.model_state
    true = clips["video"][:, PAST:] / 127.5 - 1.0
    distance = jax.jit(lambda drawn: joint._distance(state["judge"], drawn, true))
    assert distance(true) < 1e-6
    assert 1e-3 < distance(0.9 * true) < distance(0.5 * true)


def test_the_target_of_the_consistency_has_no_gradient(clips, joint, prepared):
    state = prepared["joint"].state.model_state
    true = clips["video"][:, PAST:] / 127.5 - 1.0
    of_true, of_drawn = jax.jit(jax.grad(lambda t, d: joint._distance(state["judge"], d, t), argnums=(0, 1)))(
        true, -true
    )
    assert not jnp.any(of_true)
    assert jnp.any(of_drawn)


@pytest.mark.slow
def test_joint_training_keeps_the_reconstruction_and_the_codebook_s_use(clips, joint):
    drawing = joint.tokenizer
    optimizer = optax.adam(3e-3)

    def trained(objective, optimizer, params, state, steps):
        def step(carry, key):
            params, state, moments = carry
            loss = lambda p: objective.loss(p, state, clips, key=key, step=jnp.array(1))[:2]  # noqa: E731
            grads, state = jax.grad(loss, has_aux=True)(params)
            updates, moments = optimizer.update(grads, moments, params)
            return (optax.apply_updates(params, updates), state, moments), None

        carry = (params, state, optimizer.init(params))
        (params, state, _), _ = jax.lax.scan(step, carry, jax.random.split(KEY, steps))
        return params, state

    begun = jax.jit(lambda start: trained(drawing, optimizer, *start, 60))(drawing.init(jax.random.key(5)))  # pyright: ignore[reportCallIssue]
    scores = jax.jit(drawing.validate)
    start = scores(*begun, clips)
    objective = JointObjective(MOTION, drawing, {"params": begun[0], **begun[1]})
    shared = optimizers.with_rates(optimizer, {"tokenizer": 0.1, "pathways/i3d/network": 0.5})
    joined = jax.jit(objective.init)(jax.random.key(6))
    params, state = jax.jit(lambda start: trained(objective, shared, *start, 20))(joined)  # pyright: ignore[reportCallIssue]
    end = scores(params["tokenizer"], state["tokenizer"], clips)
    assert end["psnr"] > start["psnr"] - 0.5
    assert end["codebook_usage"] > 0.8 * start["codebook_usage"]
    assert all(jax.tree.leaves(changed(begun[0], params["tokenizer"])))


@pytest.mark.slow
def test_what_only_the_pathway_can_see_is_learned_through_the_gates():
    """The future's four tokens say which quarters of the context are bright; its own tokens are noise."""
    optimizer = optimizers.muon(learning_rate=0.02, adam_learning_rate=5e-3, warmup_steps=10, steps=400)
    objective = dataclasses.replace(MOTION, prediction=dataclasses.replace(MOTION.prediction, context_weight=0.0))

    def drawn(key):
        bit_key, token_key = jax.random.split(key)
        bright = jax.random.bernoulli(bit_key, shape=(16, 1, 2, 2, 1))
        tokens = jax.random.randint(token_key, (16, 3, 2, 2, 1), 0, 16).at[:, 2:].set(jnp.where(bright, 3, 11))
        context = 200 * jnp.repeat(jnp.repeat(bright, SIDE // 2, axis=2), SIDE // 2, axis=3)
        return {"tokens": tokens, "context": jnp.broadcast_to(context, (16, PAST, SIDE, SIDE, 3)).astype(jnp.uint8)}

    @jax.jit
    def trained(params, state):
        def step(carry, key):
            params, state, moments = carry
            loss = lambda p: objective.loss(p, state, drawn(key), key=key, step=jnp.array(0))[:2]  # noqa: E731
            grads, state = jax.grad(loss, has_aux=True)(params)
            updates, moments = optimizer.update(grads, moments, params)
            return (optax.apply_updates(params, updates), state, moments), None

        carry = (params, state, optimizer.init(params))
        (params, state, _), _ = jax.lax.scan(step, carry, jax.random.split(KEY, 400))
        return objective.validate(params, state, drawn(jax.random.key(9))), gates(params["transformer"])

    scores, opened = trained(*jax.jit(objective.init)(jax.random.key(1)))
    assert scores["loss"] < 0.5 * np.log(2), (scores, opened)  # blind, it would be log 2
    assert abs(opened["gate_0"]) > 0.02
