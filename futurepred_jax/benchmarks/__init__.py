"""Measurements, each run as ``python -m futurepred_jax.benchmarks.NAME``; beside a peer, ratios taken in one run."""
