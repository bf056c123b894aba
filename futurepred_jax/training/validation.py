"""Validation during training."""

import jax
import numpy as np

from futurepred_jax.training import inputs
from futurepred_jax.training.job import Job
from futurepred_jax.training.program import Program
from futurepred_jax.training.state import TrainState


def held_out_means(job: Job, program: Program, state: TrainState) -> dict[str, float]:
    """Returns the mean of each held-out score, with averaged parameters if the state has them."""
    with inputs.held_out_batches(job, program.batch) as batches:
        scores = [jax.device_get(program.validate(state.eval_params, state.model_state, batch)) for batch in batches]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
