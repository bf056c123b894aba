"""Two players in one scalar: each is trained by its own terms, and neither wins before there is a game."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.discriminator import Discriminator
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.objectives.adversarial import LECAM_DECAY, R1_EVERY, AdversarialLoss, Averages, lecam
from futurepred_jax.objectives.realism import RealismObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step

MAGVIT = MagVit(channels=(8,), blocks=(0,), strides=((2, 4, 4),), quantizer=VQ(16, 4), local=True)
DRAWING = TokenizerObjective(MAGVIT, (3, 8, 8))
ADVERSARIAL = AdversarialLoss(Discriminator(4, (2,)), weight=0.3, lecam_weight=0.5)
REALISM = RealismObjective(DRAWING, None, ADVERSARIAL)
QUICK = {"xla_backend_optimization_level": "0", "xla_llvm_disable_expensive_passes": True}
softplus = jax.nn.softplus


def jit(function):
    return jax.jit(function, compiler_options=QUICK)


@pytest.fixture(scope="module")
def clips():
    video = jax.random.randint(jax.random.key(0), (2, 3, 8, 8, 3), 0, 256).astype(jnp.uint8)
    return {"video": video, "noisy": video}


@pytest.fixture(scope="module")
def game():
    """A discriminator, its running means, reconstruction clips and recorded ones."""
    params, _ = jit(lambda key: ADVERSARIAL.init(key, (3, 8, 8)))(jax.random.key(1))
    reconstruction, real = jax.random.uniform(jax.random.key(2), (2, 4, 3, 8, 8, 3), minval=-1)
    return params, Averages(jnp.array(0.1), jnp.array(-0.2)), reconstruction, 0.5 * real


@pytest.mark.parametrize("step", [0, 1])
def test_the_one_scalar_gives_each_player_the_gradient_of_its_own_terms(game, step):
    params, averages, reconstruction, real = game

    def judge(params, video) -> Any:
        return ADVERSARIAL.module.apply({"params": params}, video)

    def scalar(params, reconstruction):
        return ADVERSARIAL.terms(params, averages, reconstruction, real, step=jnp.array(step)).value

    def tokenizer_s(reconstruction):
        return 0.3 * jnp.mean(softplus(-judge(params, reconstruction)))

    def discriminator_s(params):
        on_real, on_fake = judge(params, real), judge(params, reconstruction)
        slope = jax.vmap(jax.grad(lambda clip: judge(params, clip[None])[0]))(real)
        r1 = jnp.mean(jnp.sum(slope**2, (1, 2, 3, 4))) if step % R1_EVERY == 0 else 0.0
        return (
            jnp.mean(softplus(-on_real))
            + jnp.mean(softplus(on_fake))
            + 0.5 * lecam(on_real, on_fake, averages)
            + R1_EVERY * 10.0 / 2 * r1
        )

    of_params, of_drawn = jit(jax.grad(scalar, argnums=(0, 1)))(params, reconstruction)
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)  # noqa: E731
    close(of_drawn, jit(jax.grad(tokenizer_s))(reconstruction))
    jax.tree.map(close, of_params, jit(jax.grad(discriminator_s))(params))
    assert jnp.abs(of_drawn).max() > 1e-6


def test_lecam_measures_each_logit_against_the_other_kind_s_mean_on_one_side():
    found = lecam(jnp.array([2.0, -3.0]), jnp.array([-1.0, 4.0]), Averages(jnp.array(1.0), jnp.array(0.5)))
    np.testing.assert_allclose(found, (1.5**2 + 0) / 2 + (2.0**2 + 0) / 2)


def test_running_means_follow_the_logits(game):
    params, averages, reconstruction, real = game
    after = jit(lambda: ADVERSARIAL.terms(params, averages, reconstruction, real, step=jnp.array(1)).averages)()
    want = LECAM_DECAY * averages.real + (1 - LECAM_DECAY) * jnp.mean(ADVERSARIAL.logits(params, real))
    np.testing.assert_allclose(after.real, want, rtol=1e-5)
    assert after.fake != averages.fake


@pytest.mark.slow
def test_until_its_start_a_discriminator_changes_nothing_of_the_tokenizer_s_training(clips):
    late = dataclasses.replace(REALISM, adversarial=dataclasses.replace(ADVERSARIAL, start=5))
    params, state = late.init(jax.random.key(3))

    def pieces(objective, params, state, key, step):
        grad = jax.grad(lambda params: objective.loss(params, state, clips, key=key, step=step).value)
        return grad(params), objective.loss(params, state, clips, key=key, step=step)

    key = jax.random.key(4)
    alone_key = jax.random.split(key)[0]
    alone, _ = jit(lambda: pieces(DRAWING, params["tokenizer"], state["tokenizer"], alone_key, jnp.array(4)))()
    both = jit(lambda step: pieces(late, params, state, key, step))
    before, loss = both(jnp.array(4))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), before["tokenizer"], alone)
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(before["discriminator"]))
    assert loss.model_state["averages"] == state["averages"]
    after, _ = both(jnp.array(5))
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(after["discriminator"]))
    assert any(
        jnp.abs(a - b).max() > 1e-5 for a, b in zip(*map(jax.tree.leaves, (after["tokenizer"], alone)), strict=True)
    )


@pytest.mark.slow
def test_the_one_generic_step_trains_both_players(clips):
    optimizer = optax.sgd(0.01)
    state = initial_state(REALISM.init, optimizer, jax.random.key(0), ema=False)
    step = jit(make_train_step(REALISM.loss, optimizer, ema_decay=0.0))
    after, metrics = step(state, clips, jax.random.key(1))
    for part in ("tokenizer", "discriminator"):
        moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), after.params[part], state.params[part])
        assert all(jax.tree.leaves(moved)), part
    assert {"reconstruction", "adversarial", "discriminator", "discriminator_accuracy"} <= set(metrics)
    assert 0 <= metrics["discriminator_accuracy"] <= 1


def _gap(loss, steps: int = 48) -> float:
    """By how much the logits of two kinds of clips that are told apart at once differ after some steps."""
    real = to_signed(jax.random.randint(jax.random.key(0), (4, 3, 8, 8, 3), 0, 256).astype(jnp.uint8))
    params, averages = loss.init(jax.random.key(1), (3, 8, 8))
    optimizer = optax.adam(1e-2, b1=0.0)

    def move(carry, step):
        params, opt_state, averages = carry

        def scalar(params):
            terms = loss.terms(params, averages, 0.1 * real, real, step=step)
            return terms.value, terms

        grads, terms = jax.grad(scalar, has_aux=True)(params)
        updates, opt_state = optimizer.update(grads, opt_state)
        gap = terms.metrics["real_logit"] - terms.metrics["fake_logit"]
        return (optax.apply_updates(params, updates), opt_state, terms.averages), gap

    run = jit(lambda: jax.lax.scan(move, (params, optimizer.init(params), averages), jnp.arange(steps))[1])
    return float(run()[-1])


@pytest.mark.slow
def test_a_discriminator_that_wins_at_once_is_held_back_by_its_penalties():
    free = _gap(dataclasses.replace(ADVERSARIAL, r1_weight=0.0, lecam_weight=0.0))
    held = _gap(dataclasses.replace(ADVERSARIAL, r1_weight=10.0, lecam_weight=0.5))
    assert free > 8  # sure beyond doubt: the tokenizer's term is then as steep as it gets
    assert 0 < held < free / 3
