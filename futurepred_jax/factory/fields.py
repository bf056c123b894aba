"""A section of a config to the arguments of what it names."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def made_of(maker: Callable[..., Any], section: str, fields: Mapping[str, Any], **further: Any) -> Any:
    """``maker(**fields, **further)``, where the config's ``section`` has exactly the fields that it takes.

    Raises:
        ValueError: with the fields that are missing, and those that it does not take.
    """
    parameters = inspect.signature(maker).parameters.values()
    takes = {each.name: each.default is each.empty for each in parameters if each.kind is not each.VAR_KEYWORD}
    missing = [name for name, needed in takes.items() if needed and name not in {**fields, **further}]
    unknown = [name for name in fields if name not in takes] if len(takes) == len(parameters) else []
    if missing or unknown:
        found = {"needs": missing, "does not take": unknown}
        wrong = [f"{what} {', '.join(names)}" for what, names in found.items() if names]
        raise ValueError(
            f"{section}, for {maker.__name__}, {' and '.join(wrong)}: replace the section in a config file of your own"
        )
    return maker(**fields, **further)
