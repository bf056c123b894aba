"""The command line: a config, a workdir and a mode.

python -m futurepred_jax.main --config=configs/baseline.py:tiny [--workdir=…] [--mode=…] [--config.any.field=value]

The installed package provides the same command as ``futurepred-jax``. --version prints its version.
"""

import sys

from futurepred_jax import __version__
from futurepred_jax.allocator import keep_memory


def cli() -> None:
    """Runs the console command."""
    if "--version" in sys.argv[1:]:
        print(f"futurepred_jax {__version__}")
        return
    keep_memory()
    from absl import flags

    from futurepred_jax import commands  # imported late: it loads jax, which keep_memory's restart would load twice

    sys.modules["__main__"].__doc__ = __doc__  # the text that --help begins with, also for the console script
    for flag in flags.FLAGS.get_key_flags_for_module(commands):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)  # so that --help lists it
    commands.run()


if __name__ == "__main__":
    cli()
