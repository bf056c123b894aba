"""Serves a web page on which one can try a trained predictor.

python -m futurepred_jax.demo --workdir=runs/baseline-tiny
"""

import importlib.util
import sys
from collections.abc import Sequence

from absl import app, flags, logging


def cli() -> None:
    """Runs the command."""
    workdir = flags.DEFINE_string("workdir", "runs/baseline-tiny", "The workdir of the predictor.")
    pretrained = flags.DEFINE_string(
        "pretrained", None, "The name of a pretrained predictor of the package, which is used instead of --workdir."
    )
    host = flags.DEFINE_string(
        "host", "127.0.0.1", "The address to serve at; 0.0.0.0 serves everyone who can reach this host."
    )
    port = flags.DEFINE_integer(
        "port", 7860, "The port to serve at; 0 takes a free one.", lower_bound=0, upper_bound=65535
    )

    def main(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        logging.set_verbosity(logging.WARNING)  # at INFO, orbax logs every file that it reads
        try:
            serve(workdir.value, pretrained.value, host.value, port.value)
        except (ValueError, OSError) as error:
            sys.exit(f"error: {error}")

    app.run(main)


def serve(workdir: str, pretrained: str | None, host: str, port: int) -> None:
    """Loads the model, compiles it, and serves the page.

    Args:
        workdir: Workdir of the predictor.
        pretrained: Name of a packed predictor, which is used instead of the workdir's.
        host: Address to serve at.
        port: Port to serve at; 0 takes a free one.

    Raises:
        ValueError: If the extra ``demo`` is not installed, or there is no such model.
        OSError: If the port is taken.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ValueError("the page is made with Gradio: pip install 'futurepred-jax[demo]'")
    from futurepred_jax.demo import page
    from futurepred_jax.demo.scenes import Choice
    from futurepred_jax.interface import Predictor
    from futurepred_jax.training import compilation

    compilation.enable_compilation_cache()
    predictor = Predictor.from_pretrained(pretrained) if pretrained else Predictor.from_workdir(workdir)
    page.scene(predictor, Choice())
    try:
        served, address = page.launch(predictor, host=host, port=port)
    except OSError as error:  # Gradio's own message names what this command does not have
        raise OSError(f"cannot serve at {host}:{port}: name an address of this machine and a free port") from error
    print(f"open {address} (Ctrl-C ends it)", flush=True)
    served.block_thread()


if __name__ == "__main__":
    cli()
