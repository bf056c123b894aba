"""The command line: a config, a workdir and a mode.

python -m futurepred_jax.main --config=configs/baseline.py:tiny [--workdir=…] [--mode=…] [--config.any.field=value]

An installed package is also started as ``futurepred-jax``; --version tells which one it is.
"""

import os
import sys

from futurepred_jax import __version__

HUGE_PAGES = "glibc.malloc.hugetlb=1"


def use_huge_pages() -> None:
    """Starts the process anew with large pages for large arrays, which glibc can only be told before it starts.

    A step on CPU takes and returns hundreds of megabytes; in pages of 4 KiB that was a fifth of its time. Any
    GLIBC_TUNABLES that is set already is left alone.
    """
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "GLIBC_TUNABLES": HUGE_PAGES})


def cli() -> None:
    """The console command."""
    if "--version" in sys.argv[1:]:
        print(f"futurepred_jax {__version__}")
        return
    use_huge_pages()
    from absl import flags

    from futurepred_jax import commands  # loads jax, which a restart would do twice

    sys.modules["__main__"].__doc__ = __doc__  # what --help begins with, also where a console script is the main module
    for flag in flags.FLAGS.get_key_flags_for_module(commands):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)  # and lists
    commands.run()


if __name__ == "__main__":
    cli()
