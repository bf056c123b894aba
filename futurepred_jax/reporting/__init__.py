"""Pages, charts, tables and GIFs made of the files in a workdir. Nothing here uses JAX."""
