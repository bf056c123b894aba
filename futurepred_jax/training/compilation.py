"""The persistent compilation cache: the second start of a program compiles nothing."""

import pathlib

import jax

DEFAULT_FOLDER = "~/.cache/futurepred_jax/xla"


def enable_compilation_cache() -> str:
    """Keep compiled programs of any size on disk; returns the folder.

    A folder that is already set, as by the environment's ``JAX_COMPILATION_CACHE_DIR``, is kept.
    """
    folder = jax.config.values["jax_compilation_cache_dir"] or str(pathlib.Path(DEFAULT_FOLDER).expanduser())
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder
