"""The templates of all pages, and what they can call."""

import functools

import jinja2

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.tables import MAIN
from futurepred_jax.reporting.vocabulary import METRICS, predictor_label


@functools.cache
def environment() -> jinja2.Environment:
    """Escapes what is told, and takes no name that is missing."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("futurepred_jax.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"count": formats.count, "percent": formats.percent, "zip": zip}
    found.globals |= {
        "METRICS": METRICS,
        "predictor_label": predictor_label,
        "MAIN": MAIN,
        "score": formats.score,
        "interval": formats.interval,
    }
    return found
