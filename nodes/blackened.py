"""Pictures that are black where they are masked, as some versions of ComfyUI's Mask Editor leave them."""

from torch import Tensor

__all__ = ["built_on_black"]

COLOURS = 3


def built_on_black(pictures: Tensor, masks: Tensor, denoise: float, black: float = 0) -> float | None:
    """denoise, if a run builds on what is masked and all of that is black; else None.

    The editor loses the colour of what is masked wholly; a brush's soft rim keeps its own.

    Args:
        pictures: (B, C, H, W); from the fourth on, channels are no colours.
        masks: 1 is painted; (B or 1, H, W).
        denoise: 1 builds on nothing.
        black: The value of it.
    """
    if denoise >= 1:
        return None
    drawn, other = masks == 1, (pictures[:, :COLOURS] != black).any(1)
    return denoise if drawn.any() and not (other & drawn).any() else None
