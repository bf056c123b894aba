"""The Transformer beside Hugging Face's GPT-2.

taskset -c 0 python -m futurepred_jax.benchmarks.predictor [WORKDIR]

The Transformer of ``base`` on 16 latent frames of 8 × 8 tokens of 4,096 codes, 29 frames of context and 32 of future at
64² pixels, and a GPT-2 of as many layers and heads and about as many parameters. Both go on from 512 tokens with 512
that they sample, with a cache, and train on whole sequences of 1,024. Prints tokens a CPU-second; for decoding the
share of memory's speed at which weights and cache are read, for training the share of a matrix product's speed (MFU).
Weights are random, and runs of positions are drafted by the very tokens: the most that drafts can gain.

Given the workdir of a trained predictor, or the name of a packed one, its futures are timed as well, on clips of
test_iid with moderate clutter and by the config's rule, with drafts and without: all of a call, from frames to frames.
CPU seconds of one thread, the least of several runs in which all take turns. Needs the extra ``bench``.
"""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import argparse
import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from futurepred_jax.allocator import keep_memory
from futurepred_jax.benchmarks import speculation
from futurepred_jax.benchmarks.turns import Run, seconds, training
from futurepred_jax.factory.jobs import CPU_OPTIONS
from futurepred_jax.interface import Futures
from futurepred_jax.models.decoding import Generated, generate
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.transformer import Transformer, train_flops
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.training.optimizers import adamw

CODES, CONTEXT, NEW = 4096, 512, 512
BATCHES = (1, 8)  # of decoding
TRAINED = 2  # sequences of a training step
RUN = 16  # positions of a drafted run
LEVEL = "moderate"  # of the clutter that a trained predictor sees
MATMUL, COPIED = 1024, 2**26  # side of the product, and float32 of the array, that speeds are shares of

Sequences = Int[np.ndarray, "b n"]


class Implementation(NamedTuple):
    """A model to be timed.

    Attributes:
        parameters: Number of parameters.
        bytes_read: Bytes of weights and cache that are read per token of one sequence, averaged over a continuation.
        decode: Functions that sample a continuation of each sequence, by batch size.
        flops: FLOPs of a training step, forward and backward.
        train: Performs a training step; None for another way to decode the same model.
        new: Number of tokens in a continuation.
    """

    parameters: int
    bytes_read: float
    decode: dict[int, Run]
    flops: float = 0.0
    train: Run | None = None
    new: int = NEW


def base() -> Transformer:
    """Returns the Transformer of ``base`` in float32, since lower precision is not faster on CPU."""
    return Transformer(sizes=(CODES,), grid=(16, 8, 8), code_dim=16, width=288, depth=6, heads=6, nearby=24)


def ours(model: Transformer, sequences: Sequences) -> dict[str, Implementation]:
    """The Transformer one token a pass and with drafted runs, compiled as a prediction and a training compile it."""
    objective = PredictionObjective(model, context_latents=model.grid[0] // 2, context_weight=0.5)
    optimizer = adamw(learning_rate=1e-4, warmup_steps=0, steps=1000)
    batch = {"tokens": jnp.asarray(sequences[:TRAINED].reshape(TRAINED, *model.grid, 1))}
    state, train = training(objective.init, objective.loss, optimizer, batch, compiler_options=CPU_OPTIONS["cpu"])
    key = jax.random.key(1)
    draw = partial(jax.jit, static_argnums=0, static_argnames=("num_tokens", "sampling"))(generate)
    continued = partial(draw, model, state.params, num_tokens=NEW, key=key)
    contexts = {b: jnp.asarray(sequences[:b, :CONTEXT, None]) for b in BATCHES}
    plain, drafted = (Sampling(draft=run) for run in (0, RUN))
    true = {b: continued(context, sampling=plain).tokens[:, 0] for b, context in contexts.items()}

    def drawn(sampling: Sampling, draft: Int[Array, "b n 1"] | None, b: int) -> Generated:
        return jax.block_until_ready(continued(contexts[b], sampling=sampling, draft=draft))

    count = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    read = 4.0 * (_matrices(state.params) + 2 * model.depth * model.width * (CONTEXT + NEW / 2))
    decoders = {b: partial(drawn, plain, None, b) for b in BATCHES}
    found = {"futurepred_jax": Implementation(count, read, decoders, train_flops(model, clips=TRAINED), train)}
    decoders = {b: partial(drawn, drafted, true[b], b) for b in BATCHES}
    per_pass = NEW / float(decoders[1]().passes.mean())
    found[f"in runs, {per_pass:.1f} a pass"] = Implementation(count, read / per_pass, decoders)
    return found


def trained(name: str) -> dict[str, Implementation]:
    """Returns the decoding of a trained predictor's futures, one token per pass and in drafted runs."""
    predictor = speculation.load(name)
    model, params, data = predictor.trained.transformer, predictor.trained.params, predictor.config.data
    contexts = speculation.contexts_at(predictor.config, LEVEL, max(BATCHES))
    frames = data.frames - data.context_frames

    def predicted(draft: int, b: int) -> Futures:
        asked = {"num_frames": frames, "draft": draft, "key": jax.random.key(1)}
        return jax.block_until_ready(predictor(contexts[:b], **asked))

    latent_frames, *grid = predicted(0, 1).tokens.shape[2:5]
    new = latent_frames * math.prod(grid)
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    cached = 2 * model.depth * model.width * (math.prod(model.grid) - new / 2)
    found = {}
    for draft in (0, RUN):
        per_pass = new / float(predicted(draft, 1).passes.mean())
        read = 4.0 * (_matrices(params) + cached) / per_pass
        decoders = {b: partial(predicted, draft, b) for b in BATCHES}
        found[f"trained, {per_pass:.1f} a pass"] = Implementation(count, read, decoders, new=new)
    return found


def _matrices(params: Any) -> int:
    """Returns the number of weights that a pass reads completely: all but embedding tables."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return sum(leaf.size for path, leaf in leaves if "embedding" not in jax.tree_util.keystr(path))


def speeds() -> tuple[float, float]:
    """Measures FLOPs per CPU second of a matrix product, and bytes per CPU second that a sum reads."""
    a, long = jnp.ones((MATMUL, MATMUL)), np.ones(COPIED, np.float32)
    product = jax.jit(lambda a: a @ a)
    multiplied, read = seconds([lambda: jax.block_until_ready(product(a)), lambda: long.max()])
    return 2 * MATMUL**3 / multiplied, long.nbytes / read


def compare(implementations: dict[str, Implementation]) -> list[str]:
    """Returns the lines of the tables; ratios are relative to the last implementation, the peer."""
    arithmetic, memory = speeds()
    lines = [f"{'decoding':26} {'parameters':>11} " + " ".join(f"{f'batch {b}, tokens/s':>20} ratio" for b in BATCHES)]
    lines[0] += "  share of memory's speed, batch 1"
    new = np.array([one.new for one in implementations.values()])
    rates = [b * new / np.array(seconds([one.decode[b] for one in implementations.values()])) for b in BATCHES]
    for i, (name, one) in enumerate(implementations.items()):
        cells = " ".join(f"{rate[i]:20.1f} {rate[i] / rate[-1]:5.2f}" for rate in rates)
        lines.append(f"{name:26} {one.parameters:11,} {cells}  {one.bytes_read * rates[0][i] / memory:.1%}")
    trainers = {name: one for name, one in implementations.items() if one.train}
    spent = seconds([one.train for one in trainers.values() if one.train])
    lines.append(f"{'training':26} {'tokens/s':>11} ratio    MFU")
    for (name, one), each in zip(trainers.items(), spent, strict=True):
        rate, mfu = TRAINED * (CONTEXT + NEW) / each, one.flops / each / arithmetic
        lines.append(f"{name:26} {rate:11.1f} {spent[-1] / each:5.2f} {mfu:6.1%}")
    return lines


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", nargs="?", help="of a trained predictor, or the name of a packed one")
    workdir = parser.parse_args().workdir
    keep_memory()
    from futurepred_jax.benchmarks.gpt2 import peer

    sequences = np.random.default_rng(0).integers(0, CODES, (max(BATCHES), CONTEXT + NEW))
    implementations = ours(base(), sequences) | (trained(workdir) if workdir else {})
    print("\n".join(compare({**implementations, "Hugging Face GPT-2": peer(sequences)})))


if __name__ == "__main__":
    main()
