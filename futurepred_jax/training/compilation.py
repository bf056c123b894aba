"""The persistent compilation cache, and the time that compilation takes."""

import functools
import pathlib

import jax

DEFAULT_FOLDER = "~/.cache/futurepred_jax/xla"


def enable_compilation_cache() -> str:
    """Stores compiled programs of any size on disk and returns the folder.

    A folder that is set already, for example by ``JAX_COMPILATION_CACHE_DIR`` in the environment, is kept.
    """
    folder = jax.config.values["jax_compilation_cache_dir"] or str(pathlib.Path(DEFAULT_FOLDER).expanduser())
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def seconds() -> float:
    """Returns the seconds of compilation, or of reading the cache, in this process since the first call."""
    return sum(_durations(), 0.0)


@functools.cache
def _durations() -> list[float]:
    """Returns the list of durations, to which a listener adds that of each compilation from now on."""
    found: list[float] = []

    def listen(event: str, duration_secs: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return found
