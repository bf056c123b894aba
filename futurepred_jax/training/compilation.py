"""The persistent compilation cache, by which a program's second start compiles nothing; and what compiling costs."""

import functools
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


def seconds() -> float:
    """Seconds this process has compiled, or read compiled programs from the cache, since the first call."""
    return sum(_durations(), 0.0)


@functools.cache
def _durations() -> list[float]:
    """Grows by one at each compilation from here on."""
    found: list[float] = []

    def listen(event: str, duration_secs: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return found
