"""Linked values, checked: the host compares what is typed with a node's schema, but takes what is linked as it comes."""

import inspect
from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from typing import Any

from comfy_api.latest import io

from ..sampler.sentence import shortly

__all__ = ["checked"]

KINDS: dict[str, tuple[Any, str]] = {
    "INT": (Integral, "a whole number"),
    "FLOAT": (Real, "a number"),
    "BOOLEAN": (Integral, "true or false"),
    "STRING": (str, "text"),
    "COMBO": (str, "a name"),
}
# What a socket's value must have: the host and other packs have several classes of each.
SOCKETS = {
    "IMAGE": ("movedim", "pictures"),
    "MASK": ("movedim", "masks"),
    "MODEL": ("get_model_object", "a MODEL"),
    "VAE": ("spacial_compression_encode", "a VAE"),
    "LATENT": ("keys", "a LATENT"),
    "CONDITIONING": ("append", "a CONDITIONING"),
    "MASK_GUIDANCE_CLASSIFIER": ("patcher", "a CLASSIFIER from Load Classifier"),
    "MASK_GUIDANCE_STITCH": ("regions", "a STITCH from Crop for Inpainting"),
}


def checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """A node's `execute`, which raises ValueError on the first value that the node's own schema does not allow.

    As in the host, a choice that the node's `validate_inputs` takes is judged by that in place of the listed options.
    """
    names = list(inspect.signature(execute).parameters)[1:]

    @wraps(execute)
    def with_checks(cls: type[io.ComfyNode], *sockets: object, **values: object) -> io.NodeOutput:
        given = dict(zip(names, sockets, strict=False)) | values
        judged = inspect.signature(cls.validate_inputs).parameters.keys() & given.keys()
        for each in cls.define_schema().inputs:
            if each.id in given:
                check(each, given[each.id], any_option=each.id in judged)
                given[each.id] = plain(given[each.id])
        if judged and (told := cls.validate_inputs(**{name: given[name] for name in judged})) is not True:
            raise ValueError(told)
        return execute(cls, **given)

    return with_checks


def check(wanted: Any, value: Any, any_option: bool = False) -> None:
    """Raises ValueError, in one sentence, if an input does not take a value."""
    if hasattr(wanted, "default"):  # a widget
        check_value(wanted, value, any_option)
    elif value is not None or not wanted.optional:
        check_socket(wanted, value)


def check_value(wanted: Any, value: Any, any_option: bool) -> None:
    shown = f"{wanted.id} is {shortly(value)}, but must be"
    options = None if any_option else getattr(wanted, "options", None)
    if options is not None and not (isinstance(value, str) and value in options):
        raise ValueError(f"{shown} one of: {', '.join(options)}.")
    kind, words = KINDS.get(wanted.get_io_type(), (object, ""))
    least, largest = (getattr(wanted, end, None) for end in ("min", "max"))
    span = "" if least is None or largest is None else f" from {least} to {largest}"
    true_or_false = span and isinstance(value, bool)  # numbers to Python, but no widths and heights to torch
    if true_or_false or not isinstance(value, kind) or (span and outside(value, least, largest)):
        raise ValueError(f"{shown} {words}{span}; look at what is linked to it.")


def check_socket(wanted: Any, value: Any) -> None:
    attribute, words = SOCKETS.get(wanted.get_io_type(), ("", ""))
    if attribute and not hasattr(value, attribute):
        raise ValueError(f"{wanted.id} is {shortly(value)}, but must be {words}; look at what is linked to it.")


def plain(value: Any) -> Any:
    """numpy's numbers as Python's: the host writes them into JSON for its page, and its thread for that dies of others."""
    if type(value) in (bool, int, float) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def outside(value: Any, least: Any, largest: Any) -> bool:
    return not (least <= value <= largest)  # so that NaN, which is neither above nor below anything, is outside
