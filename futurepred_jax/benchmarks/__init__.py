"""Measurements, each run as ``python -m futurepred_jax.benchmarks.NAME``."""
