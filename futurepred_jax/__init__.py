"""Video prediction in JAX, measured against the truth."""
