"""Pictures and masks at another size."""

import torch.nn.functional as F
from torch import Tensor

from .grid import to_grid
from .precision import widened

__all__ = ["resize_mask", "resize_picture", "size_within"]


def size_within(pictures: Tensor, side: int) -> tuple[int, int]:
    """Height and width of the same shape, the longer at most so large; never larger than they are."""
    factor = min(1.0, side / max(pictures.shape[-2:]))
    height, width = (max(1, round(n * factor)) for n in pictures.shape[-2:])
    return height, width


def resize_picture(pictures: Tensor, height: int, width: int) -> Tensor:
    """Bicubic, over all the pixels that a smaller one covers; (B, C, H, W), clipped to [0, 1]."""
    if pictures.shape[-2:] == (height, width):
        return pictures
    full = widened(pictures)
    resized = F.interpolate(full, (height, width), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1).to(pictures.dtype)


def resize_mask(masks: Tensor, height: int, width: int) -> Tensor:
    """Smaller: the largest value under each pixel, so that no stroke is lost. Larger: linear. (B, H, W)."""
    if height <= masks.shape[-2] and width <= masks.shape[-1]:
        return to_grid(masks, (height, width))
    full = widened(masks)[:, None]
    resized = F.interpolate(full, (height, width), mode="bilinear", align_corners=False)[:, 0]
    return resized.clamp(0, 1).to(masks.dtype)
