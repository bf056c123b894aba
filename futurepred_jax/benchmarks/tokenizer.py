"""MagVit beside magvit2-pytorch: ``taskset -c 0 python -m futurepred_jax.benchmarks.tokenizer``.

The tokenizer of ``base`` and one of magvit2-pytorch with the same strides and about as many parameters, on the same
clips of 17 × 64² pixels, without perceptual and adversarial terms. Prints clips a second of training (loss, gradients
and AdamW), frames a second encoded and decoded, and the share of a matrix product's speed that each reaches (MFU). CPU
seconds of one thread, the least of several runs in which both take turns. Needs the extra ``bench``.
"""

import argparse
import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from futurepred_jax.allocator import keep_memory
from futurepred_jax.benchmarks.turns import Run, seconds, training
from futurepred_jax.configs import tokenizer
from futurepred_jax.factory import make_magvit
from futurepred_jax.factory.jobs import CPU_OPTIONS
from futurepred_jax.factory.models import clip_flops
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed
from futurepred_jax.training.optimizers import adamw

BATCH, FRAMES, SIDE = 2, 17, 64
MATMUL = 1024  # side of the product that MFU is a share of

Bytes = UInt8[np.ndarray, "b t h w 3"]


class Implementation(NamedTuple):
    """A tokenizer to be timed."""

    parameters: int
    flops: float  # of the forward pass over one clip
    runs: tuple[Run, Run, Run]  # training step, encoding and decoding, each of a batch


def base() -> MagVit:
    """Returns the tokenizer of ``base`` in float32, since lower precision is not faster on CPU."""
    config = tokenizer.get_config("base")
    config.model.dtype = "float32"
    return make_magvit(config)


def ours(model: MagVit, clips: Bytes) -> Implementation:
    """Returns a MagVit whose functions are compiled like the training step."""
    objective = TokenizerObjective(model, clips.shape[1:4])
    optimizer = adamw(learning_rate=1e-4, warmup_steps=0, steps=1000)
    options = CPU_OPTIONS["cpu"]
    batch = {"video": clips, "noisy": clips}
    state, train = training(objective.init, objective.loss, optimizer, batch, compiler_options=options)
    variables, video = {"params": state.params, **state.model_state}, to_signed(jnp.asarray(clips))
    encode = jax.jit(lambda video: model.apply(variables, video, method="encode"), compiler_options=options)
    decode = jax.jit(lambda tokens: model.apply(variables, tokens, method="decode"), compiler_options=options)
    tokens = encode(video)
    return Implementation(
        sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        clip_flops(model, *clips.shape[1:3]),
        (
            train,
            lambda: jax.block_until_ready(encode(video)),
            lambda: jax.block_until_ready(decode(tokens)),
        ),
    )


def matmul_speed() -> float:
    """Measures the FLOPs per CPU second of a matrix product."""
    a = jnp.ones((MATMUL, MATMUL))
    product = jax.jit(lambda a: a @ a)
    return 2 * MATMUL**3 / seconds([lambda: jax.block_until_ready(product(a))])[0]


def compare(implementations: dict[str, Implementation], *, frames: int) -> list[str]:
    """Returns the lines of the table, and the ratios of the first implementation to the second."""
    peak = matmul_speed()
    lines = [f"{'':18} {'parameters':>11} {'trained clips/s':>16} {'encoded frames/s':>17} {'decoded':>9} {'MFU':>7}"]
    rates = {}
    spent = [seconds([one.runs[i] for one in implementations.values()]) for i in range(3)]
    for i, (name, one) in enumerate(implementations.items()):
        train, encode, decode = (kind[i] / BATCH for kind in spent)
        rates[name] = (1 / train, frames / encode, frames / decode)
        clips, encoded, decoded = rates[name]
        mfu = 3 * one.flops / train / peak
        lines.append(f"{name:18} {one.parameters:11,} {clips:16.3f} {encoded:17.1f} {decoded:9.1f} {mfu:7.1%}")
    mine, peer = rates.values()
    lines.append("ratio              " + " ".join(f"{a / b:.2f}" for a, b in zip(mine, peer, strict=True)))
    return lines


def main() -> None:
    """Prints the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    keep_memory()
    from futurepred_jax.benchmarks.magvit2 import peer

    clips = np.random.default_rng(0).integers(0, 256, (BATCH, FRAMES, SIDE, SIDE, 3)).astype(np.uint8)
    implementations = {"futurepred_jax": ours(base(), clips), "magvit2-pytorch": peer(clips)}
    print("\n".join(compare(implementations, frames=FRAMES)))


if __name__ == "__main__":
    main()
