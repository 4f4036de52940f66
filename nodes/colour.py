"""Colours as people type or pick them."""

from comfy_api.latest import io

from ..sampler.sentence import shortly

__all__ = ["colour_from_hex", "colour_input"]


def colour_input(default: str, tooltip: str) -> io.Input:
    """Text to the host, as saved workflows have it, picked with the host's own colour widget where it has one."""
    picker = {"widgetType": io.Color.io_type} if hasattr(io, "Color") else {}
    return io.String.Input("colour", default=default, tooltip=tooltip, extra_dict=picker)


def colour_from_hex(text: str) -> tuple[float, float, float]:
    """'#rrggbb' as red, green, blue in [0, 1]; of '#rrggbbaa', which the host's widget also gives, the same."""
    digits = text.strip().lstrip("#")
    try:
        red, green, blue, *_ = bytes.fromhex(digits if len(digits) in (6, 8) else "")
    except ValueError:
        raise ValueError(f"The colour is {shortly(text)}, but must look like #ff8000 (red, green, blue).") from None
    return red / 255, green / 255, blue / 255
