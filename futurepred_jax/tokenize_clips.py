"""Writes the tokens of a dataset, which trainings on tokens then read."""

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Writes the tokens of --splits, or of what training reads, into ``tokens`` in the tokenizer's workdir."""
    stored = factory.StoredAssets(config, workdir)
    for split in factory.token_splits(config):
        for folder in stored.write_tokens(split):
            print(f"{split}: {folder}")
