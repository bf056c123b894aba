"""The Jinja environment of all pages: loads the templates and provides the functions that they call."""

import functools

import jinja2

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.tables import MAIN
from futurepred_jax.reporting.vocabulary import METRICS, predictor_label


@functools.cache
def environment() -> jinja2.Environment:
    """Returns the environment. It escapes HTML in all values, and an undefined name in a template is an error."""
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
