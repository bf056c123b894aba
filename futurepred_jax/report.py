"""Writes the report of a workdir, a self-contained page about the training, the scores and the predictions."""

from etils import epath

from futurepred_jax.reporting.export import curves_csv
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.models import Model
from futurepred_jax.reporting.page import render
from futurepred_jax.reporting.workdir import Training, read_run, read_training


def write_report(workdir: epath.PathLike, tokenizer_workdir: epath.PathLike | None = None) -> epath.Path:
    """Writes ``report/index.html`` and ``report/curves.csv`` from the files that earlier modes left in a workdir.

    Args:
        workdir: The workdir of a predictor (trained, evaluated, predicted) or of a tokenizer (trained, evaluated).
        tokenizer_workdir: The workdir of the predictor's tokenizer, whose training is then shown as well. If it was not
            trained there, the page says so.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: If a mode has not run yet; the message names it.
        ValueError: If a file is damaged; the message names the mode that writes it anew.
    """
    workdir = epath.Path(workdir)
    run = read_run(workdir)
    tokenizer, remarks = _tokenizer(tokenizer_workdir)
    model = Model(run.training.name, (run,))
    page = render(run.training.name, [model], [*run.evaluation["splits"]], tokenizer=tokenizer, remarks=remarks)
    path = workdir / "report" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, page.encode())
    write_bytes(path.with_name("curves.csv"), curves_csv(run.training.log).encode())
    return path


def _tokenizer(workdir: epath.PathLike | None) -> tuple[Training | None, list[str]]:
    if workdir is None:
        return None, []
    workdir = epath.Path(workdir)
    if not (workdir / "metrics.jsonl").exists():
        return None, [f"The tokenizer of {workdir.name} was not trained there: it has no metrics.jsonl."]
    return read_training(workdir), []
