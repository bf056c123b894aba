"""VQ, FSQ and LFQ of as many bits, trained alike: ``python -m futurepred_jax.benchmarks.quantizers [PRESET] [STEPS]``.

Trains the tokenizer of ``debug`` (or PRESET, for STEPS steps) with each, from the same seed on the same clips, in
``runs/quantizers``, scores it on val_iid and test_iid as any tokenizer, and prints a table of the latter. What is there
already is not made again.
"""

import argparse
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import evaluate, train
from futurepred_jax.configs import shared, tokenizer
from futurepred_jax.evaluation import results

FOLDER = "runs/quantizers"
SPLIT = "test_iid"


def variants(quantizer: ConfigDict) -> dict[str, dict[str, Any]]:
    """Quantizers of as many bits a token as the preset's VQ, by the row of the table.

    FSQ has as many channels of eight levels as there are triples of bits.
    """
    bits = (quantizer.codebook_size - 1).bit_length()
    return {
        "vq": quantizer.to_dict(),
        "vq-kmeans": {**quantizer.to_dict(), "kmeans": 10},
        "fsq": {"name": "fsq", "levels": (8,) * (bits * quantizer.groups // 3)},
        "lfq": {"name": "lfq", "bits": bits * quantizer.groups, "groups": quantizer.groups},
    }


def trained(preset: str, row: str, steps: int | None, folder: str = FOLDER) -> dict[str, Any]:
    """Returns the evaluation of a row's tokenizer, after training and scoring it if that was not done before."""
    config = tokenizer.get_config(preset)
    config.model.quantizer = ConfigDict(variants(config.model.quantizer)[row])
    if steps:
        config.train.steps, config.objective.warm_steps = steps, steps // 5
        config.logging = ConfigDict(tokenizer.logging(steps, config.train.batch_size))
    workdir = epath.Path(folder) / f"{preset}-{config.train.steps}" / row
    train.run(config, workdir)
    evaluate.run(config, workdir)
    return next(one.summary for one in results.read(workdir) if one.split == SPLIT)


def table(summaries: dict[str, dict[str, Any]]) -> str:
    """Returns a row for each quantizer: scores of its reconstructions, and the use of its codebook."""
    lines = [f"{'':9} {'PSNR dB':>8} {'SSIM':>6} {'foreground dB':>14} {'usage':>6} {'perplexity':>11}"]
    for row, summary in summaries.items():
        scores, codebook = summary["scores"]["tokenizer_reconstruction"], summary["codebook"]
        numbers = f"{scores['psnr']:8.2f} {scores['ssim']:6.3f} {scores['foreground_psnr']:14.2f}"
        lines.append(f"{row:9} {numbers} {codebook['usage']:6.0%} {codebook['perplexity']:11.1f}")
    return "\n".join(lines)


def main() -> None:
    """Trains what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", choices=shared.PRESETS, default="debug", help="The preset to train.")
    parser.add_argument("steps", nargs="?", type=int, help="Steps of training, by default the preset's.")
    asked = parser.parse_args()
    rows = variants(tokenizer.get_config(asked.preset).model.quantizer)
    print(table({row: trained(asked.preset, row, asked.steps) for row in rows}))


if __name__ == "__main__":
    main()
