"""The baseline, and a SlowFast pathway that watches the context: fine-tuned at half the Transformer's rate.

python -m futurepred_jax.main --config=configs/slowfast.py

`debug`, without a first guess, on 64 clips of test_iid: 20.10 dB PSNR and 2.39 bits a token, where the baseline has
20.00 and 2.39. Its gates have hardly opened (0.001 and 0.003), and with the pathway watching another clip it has 20.11
dB and 2.39: nothing is gained by it there.

`tiny`, on tokenizer and first guess (from tokens) of the packed `baseline-tiny`, 2 steps a second on one CPU core, 64
clips of test_iid: 19.70 dB, an ADE of 1.80 px, a recall of 0.497 and 9.07 bits a token, where that baseline has 19.70,
2.02, 0.522 and 8.99; with the pathway watching another clip 19.68, 2.01, 0.406 and 9.21 (`docs/results.md` has the
other splits). With the guess that moves what was seen it has not been trained yet.
Larger presets have not been trained yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import baseline, classification

CROSS = {"debug": (0, 1), "tiny": (1, 3), "small": (1, 3), "base": (2, 5), "large": (5, 11, 17)}
# The features whose cells are about a token's size, beside those of the last stages.
FINE = {
    "debug": "slow/res3",
    "tiny": "slow/res3",
    "small": "slow/res4",
    "base": "slow/res4",
    "large": "slow/res4",
}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = baseline.get_config(preset)
    config.name = "slowfast"
    config.model.cross = CROSS[preset]
    config.pathways = ConfigDict({"slowfast": pathway(preset, config.tokenizer.config)})
    config.train.rates = ConfigDict({"pathways/slowfast/network": 0.5})
    return config


def pathway(preset: str, codec: ConfigDict) -> ConfigDict:
    """The section about the pathway, for a tokenizer's config."""
    return classification.pathway(preset, "slowfast", codec, (FINE[preset], "slow/res5", "fast/res5"))
