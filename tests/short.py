"""Flags by which a whole run of a debug preset takes a minute."""

SHORT = [
    *(f"--config.{part}train.{field}" for part in ("", "tokenizer.config.") for field in ("steps=4", "warmup_steps=1")),
    "--config.data.train_clips=64",
    "--config.evaluation.clips=64",
    "--config.predictions.clips=2",
    "--config.gate.foreground_psnr=0.0",
]
