"""Colours as people type them."""

__all__ = ["colour_from_hex"]


def colour_from_hex(text: str) -> tuple[float, float, float]:
    """'#rrggbb' as red, green, blue in [0, 1]."""
    digits = text.strip().lstrip("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"The colour is {text!r:.80}, but must look like #ff8000 (red, green, blue).") from None
    return red / 255, green / 255, blue / 255
