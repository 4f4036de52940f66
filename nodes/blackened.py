"""Pictures that are black where they are masked, as some versions of ComfyUI's Mask Editor leave them."""

from torch import Tensor

from ..sampler import Settings

__all__ = ["built_on_black"]

COLOURS = 3


def built_on_black(pictures: Tensor, masks: Tensor, settings: Settings, soft_mask: str, black: float = 0) -> str | None:
    """The setting by which a run builds on what is masked, if all of that is black; None if it is not, or nothing does.

    Args:
        pictures: (B, C, H, W); from the fourth on, channels are no colours.
        masks: 1 is painted; (B or 1, H, W).
        settings: With the preset's values.
        soft_mask: A key of SOFT_MASKS.
        black: The value of it.
    """
    if settings.denoise < 1:
        read, setting = masks > 0, f"denoise {settings.denoise:g}"
    elif soft_mask != "binary":
        read, setting = (masks > 0) & (masks < 1), f"soft_mask {soft_mask}"
    else:
        return None
    other = (pictures[:, :COLOURS] != black).any(1)
    return setting if read.any() and not (other & read).any() else None
