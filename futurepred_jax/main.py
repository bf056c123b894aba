"""The command line: a config, a workdir and a mode.

python -m futurepred_jax.main --config=configs/baseline.py:tiny [--workdir=…] [--mode=…] [--config.any.field=value]

An installed package is also started as ``futurepred-jax``; --version tells which one it is.
"""

import sys

from futurepred_jax import __version__
from futurepred_jax.allocator import keep_memory


def cli() -> None:
    """The console command."""
    if "--version" in sys.argv[1:]:
        print(f"futurepred_jax {__version__}")
        return
    keep_memory()
    from absl import flags

    from futurepred_jax import commands  # loads jax, which a restart would do twice

    sys.modules["__main__"].__doc__ = __doc__  # what --help begins with, also where a console script is the main module
    for flag in flags.FLAGS.get_key_flags_for_module(commands):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)  # and lists
    commands.run()


if __name__ == "__main__":
    cli()
