import jax
import jax.numpy as jnp
import numpy as np
import optax
from regression_job import Loss, make_job

from futurepred_jax.training.inputs import training_batches
from futurepred_jax.training.program import make_program
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step

RATE = 0.1


def quadratic(params, model_state, batch, *, key, step):
    value = jnp.mean((params["w"] - batch) ** 2)
    return Loss(value, model_state + 1, {"draw": jax.random.uniform(key), "step": step})


def start(optimizer, *, ema=False):
    return initial_state(lambda _: ({"w": jnp.ones(3)}, jnp.zeros(())), optimizer, jax.random.key(0), ema=ema)


def run(steps, *, ema_decay=0.0):
    optimizer = optax.sgd(RATE)
    step = jax.jit(make_train_step(quadratic, optimizer, ema_decay=ema_decay))
    states, metrics = [start(optimizer, ema=ema_decay > 0)], []
    for number in range(steps):
        state, logged = step(states[-1], jnp.full(3, float(number)), jax.random.key(7))
        states.append(state)
        metrics.append(logged)
    return states, metrics


def test_a_step_of_sgd_moves_along_the_gradient_and_counts():
    states, metrics = run(2)
    np.testing.assert_allclose(states[1].params["w"], 1 - RATE * 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(metrics[0]["loss"], 1.0)
    np.testing.assert_allclose(metrics[0]["grad_norm"], 2 / 3 * 3**0.5, rtol=1e-6)
    np.testing.assert_allclose(metrics[0]["param_norm"], np.linalg.norm(states[1].params["w"]), rtol=1e-6)
    assert [int(state.step) for state in states] == [0, 1, 2]
    assert [float(state.model_state) for state in states] == [0, 1, 2]


def test_each_step_draws_from_the_key_folded_with_its_number():
    _, metrics = run(3)
    for number, logged in enumerate(metrics):
        expected = jax.random.uniform(jax.random.fold_in(jax.random.key(7), number))
        assert logged["draw"] == expected
        assert logged["step"] == number


def test_the_average_is_the_exponential_average_with_its_ramp():
    states, _ = run(40, ema_decay=0.7)
    expected = np.ones(3)
    for number, state in enumerate(states[1:]):
        decay = min(0.7, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * np.asarray(state.params["w"])
        np.testing.assert_allclose(state.ema_params["w"], expected, rtol=1e-5)
    assert states[-1].eval_params is states[-1].ema_params
    assert not np.allclose(states[-1].ema_params["w"], states[-1].params["w"])


def test_without_an_average_the_parameters_are_evaluated():
    states, _ = run(1)
    assert states[-1].ema_params is None
    assert states[-1].eval_params is states[-1].params


def test_the_rate_in_use_is_logged():
    job = make_job()
    program = make_program(job)
    state = program.init()
    with training_batches(job, program.batch, start=0) as batches:
        rates = []
        for _ in range(3):
            state, metrics = program.step(state, next(batches))
            rates.append(float(metrics["learning_rate"]))
    np.testing.assert_allclose(rates, [0.005, 0.01, 0.015], rtol=1e-5)  # 3e-2 in 5 + 1 steps


def test_the_state_given_to_a_step_is_consumed_and_the_step_compiled_once():
    compiled = []

    def loss(params, model_state, batch, *, key, step):
        compiled.append(step)
        return make_job().loss(params, model_state, batch, key=key, step=step)

    job = make_job(loss=loss)
    program = make_program(job)
    first = state = program.init()
    with training_batches(job, program.batch, start=0) as batches:
        for _ in range(4):
            state, _ = program.step(state, next(batches))
    assert len(compiled) == 1
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves((first.params, first.ema_params)))
