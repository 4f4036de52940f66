"""Linked values, checked: the host compares what is typed with a node's schema, but takes what is linked as it comes."""

import inspect
from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from typing import Any

from comfy_api.latest import io

__all__ = ["checked"]

KINDS: dict[str, tuple[Any, str]] = {
    "INT": (Integral, "a whole number"),
    "FLOAT": (Real, "a number"),
    "BOOLEAN": (Integral, "true or false"),
    "STRING": (str, "text"),
}


def checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """A node's `execute`, which raises ValueError on the first value that the node's own schema does not allow."""
    names = list(inspect.signature(execute).parameters)[1:]

    @wraps(execute)
    def with_checks(cls: type[io.ComfyNode], *sockets: object, **values: object) -> io.NodeOutput:
        given = dict(zip(names, sockets, strict=False)) | values
        for each in cls.define_schema().inputs:
            if each.id in given:
                check(each, given[each.id])
        return execute(cls, *sockets, **values)

    return with_checks


def check(wanted: Any, value: Any) -> None:
    """Raises ValueError, in one sentence, if an input does not take a value."""
    shown = f"{wanted.id} is {value!r:.80}, but must be"
    options = getattr(wanted, "options", None)
    if options is not None and value not in options:
        raise ValueError(f"{shown} one of: {', '.join(options)}.")
    kind, words = KINDS.get(wanted.get_io_type(), (object, ""))
    least, largest = (getattr(wanted, end, None) for end in ("min", "max"))
    span = "" if least is None or largest is None else f" from {least} to {largest}"
    if not isinstance(value, kind) or (span and outside(value, least, largest)):
        raise ValueError(f"{shown} {words}{span}; look at what is linked to it.")


def outside(value: Any, least: Any, largest: Any) -> bool:
    return not (least <= value <= largest)  # so that NaN, which is neither above nor below anything, is outside
