"""Weights in as few bits as their scores allow, and the files that hold them."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from flax import traverse_util
from jaxtyping import PyTree

from futurepred_jax.pretrained.packed import part_path

TOKENS, DRAWING = "tokenizer/", "tokenizer/params/decoder/"
BITS = {"pathways": 5}
"""Of precision, of parts that do with fewer than ``MOST``."""
MOST = 8  # bfloat16's


def rounded(weights: Mapping[str, PyTree]) -> dict[str, PyTree]:
    """The weights of a predictor's parts in float32, with fewer bits where that costs no score.

    Vectors stay as they are, and so does what makes tokens, the tokenizer's encoder and codebook: of `tiny`, with the
    codebook in float16 37 % of the tokens of 32 clips were others, which cost 4.0 bits a token, and with the encoder
    0.7 %. All else in bfloat16's eight bits moved PSNR by 0.003 dB and a token by 0.001 bits, in six by 0.05 and
    0.006; of a `slowfast` and a `joint_i3d`, the pathways in five by less than 0.01 and 0.004, in three by up to 0.13
    and 0.03.
    """
    flat = traverse_util.flatten_dict(dict(weights), sep="/")
    found = {path: _rounded(path, np.asarray(leaf)) for path, leaf in flat.items()}
    return traverse_util.unflatten_dict(found, sep="/")


def save_part(folder: Path, part: str, weights: PyTree) -> str:
    """Writes a part below a folder, unless it is there, and returns the sha256 of its file.

    What float16 holds exactly is stored in it.
    """
    flat = {path: _narrow(np.asarray(leaf)) for path, leaf in traverse_util.flatten_dict(weights, sep="/").items()}
    content = _compressed(flat)
    digest = hashlib.sha256(content).hexdigest()
    path = part_path(folder, part, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def _rounded(path: str, leaf: np.ndarray) -> np.ndarray:
    makes_tokens = path.startswith(TOKENS) and not path.startswith(DRAWING)
    return leaf if leaf.ndim < 2 or makes_tokens else _few_bits(leaf, BITS.get(path.split("/")[0], MOST))


def _few_bits(leaf: np.ndarray, bits: int) -> np.ndarray:
    """So many bits of precision with float16's range: the lowest bits are zero, which compresses."""
    mantissa, exponent = np.frexp(leaf.astype(np.float16).astype(np.float32))
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def _compressed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An npz, the same bytes for the same arrays; bzip2 takes a tenth less than the deflate of ``savez_compressed``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array)
            archive.writestr(zipfile.ZipInfo(f"{path}.npy"), content.getvalue(), compress_type=zipfile.ZIP_BZIP2)
    return file.getvalue()


def _narrow(leaf: np.ndarray) -> np.ndarray:
    half = leaf.astype(np.float16)
    return half if np.array_equal(half.astype(leaf.dtype), leaf) else leaf
