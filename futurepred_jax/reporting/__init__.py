"""What the report and the predictions are made of: reading a workdir, words, curves, players, GIFs. Knows no JAX."""
