"""I3D and SlowFast beside pytorchvideo's: ``taskset -c 0 python -m futurepred_jax.benchmarks.pathways``.

Prints processor seconds a clip, forward (evaluation) and forward with backward (training), the least of several runs in
which both take turns, on one thread. Needs the extra ``parity``.
"""

import argparse
import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from futurepred_jax.allocator import keep_memory
from futurepred_jax.benchmarks.pytorchvideo import build
from futurepred_jax.benchmarks.turns import Run, seconds
from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.resnet3d import frame_indices
from futurepred_jax.models.slowfast import SlowFast
from futurepred_jax.weights.convert import shapes_of

CASES = [
    ("I3D 16×64²", I3D(400, dropout=0.0), (16, 64)),
    ("SlowFast 16×64²", SlowFast(400, dropout=0.0), (16, 64)),
    ("I3D 8×224²", I3D(400, dropout=0.0), (8, 224)),
]
BATCH = 2  # PyTorch wants more than one value a channel in training


def ours(network: Any, video: np.ndarray) -> tuple[Run, Run]:
    """Forward, and forward with backward, compiled as for the trainings with a pathway."""
    variables = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.02, leaf.dtype), shapes_of(network))  # quick to make

    def loss(params: Any, statistics: Any, video: Any) -> Any:
        out, updates = network.apply({"params": params, **statistics}, video, train=True, mutable=["batch_stats"])
        return jnp.square(out.logits).sum(), updates

    forward = jax.jit(lambda variables, video: network.apply(variables, video).logits)
    backward = jax.jit(jax.value_and_grad(loss, has_aux=True))
    statistics = {"batch_stats": variables["batch_stats"]}
    return (
        lambda: jax.block_until_ready(forward(variables, video)),
        lambda: jax.block_until_ready(backward(variables["params"], statistics, video)),
    )


def theirs(network: Any, video: np.ndarray) -> tuple[Run, Run]:
    """The same by PyTorch; gradients of every parameter, none of the video."""
    module = build(network)
    fast = torch.from_numpy(video).permute(0, 4, 1, 2, 3).contiguous()
    slow = fast[:, :, frame_indices(fast.shape[2], fast.shape[2] // getattr(network, "alpha", 1))]
    inputs = [slow, fast] if isinstance(network, SlowFast) else fast

    def call() -> torch.Tensor:
        return module(list(inputs) if isinstance(inputs, list) else inputs)  # SlowFast writes into its list

    def forward() -> None:
        module.eval()
        with torch.no_grad():
            call()

    def backward() -> None:
        module.train()
        module.zero_grad()
        call().square().sum().backward()

    return forward, backward


def main() -> None:
    """Prints a line for each case and kind."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    keep_memory()
    torch.set_num_threads(1)
    for name, network, (frames, side) in CASES:
        video = np.random.default_rng(0).uniform(-1, 1, (BATCH, frames, side, side, 3)).astype(np.float32)
        pairs = zip(ours(network, video), theirs(network, video), strict=True)
        for kind, runs in zip(("forward", "forward + backward"), pairs, strict=True):
            mine, peer = (spent / BATCH for spent in seconds(runs))
            print(f"{name:16} {kind:19} {mine:6.2f} s, PyTorch {peer:6.2f} s, ratio {mine / peer:.2f}", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch, for what pytorchvideo 0.1.5 calls
        main()
