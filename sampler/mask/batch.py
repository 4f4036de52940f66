"""How masks meet pictures: how many for how many, which sizes, and how many at a time."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .resample import resize_mask

__all__ = ["SAME_SHAPE", "at_size", "in_chunks", "one_for_each", "paired", "same_shape"]

SAME_SHAPE = 0.02  # masks whose aspect ratio differs by more are a mistake
CHUNK_PIXELS = 2**24  # a step works on this many pixels at a time; one picture at least
NO_ALPHA = (64, 64)  # Load Image gives zeros of this size for pictures without transparency


def one_for_each(masks: Tensor, pictures: int, what: str = "pictures") -> Tensor:
    """1 mask for N pictures, or N for N.

    Args:
        masks: (M, ...).
        pictures: N.
        what: The pictures' name in the error.

    Returns:
        (N, ...), without a copy.

    Raises:
        ValueError: Any other number.
    """
    if len(masks) == pictures:
        return masks
    if len(masks) != 1:
        raise ValueError(
            f"There are {len(masks)} masks for {pictures} {what}; use one mask, or one for each ({pictures})."
        )
    return masks.expand(pictures, *masks.shape[1:])


def paired(pictures: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """1 mask for N pictures, N masks for 1 picture, or N for N; both come back with N.

    Raises:
        ValueError: Any other numbers.
    """
    if len(pictures) == 1:
        pictures = pictures.expand(len(masks), *pictures.shape[1:])
    return pictures, one_for_each(masks, len(pictures))


def same_shape(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two sizes (..., height, width) have the same shape, as far as rounding to whole pixels lets them."""
    (height, width), (other_height, other_width) = one[-2:], other[-2:]
    return abs(width * other_height / (height * other_width) - 1) <= SAME_SHAPE


def at_size(masks: Tensor, height: int, width: int) -> tuple[Tensor, str]:
    """A mask at its picture's size.

    Smaller pictures take the largest value under each pixel, so that no stroke is lost; larger ones interpolate.

    Args:
        masks: (B, H, W), in [0, 1].
        height: The picture's.
        width: The picture's.

    Returns:
        (B, height, width), and what was done in words, empty if nothing was.

    Raises:
        ValueError: The mask has another shape than the picture, more than 2 % off, so it is not this picture's.
    """
    came_height, came_width = masks.shape[-2:]
    if (came_height, came_width) == (height, width):
        return masks, ""
    if not masks.any():
        note = "the mask is empty"
        if (came_height, came_width) == NO_ALPHA:
            note += ": Load Image gives 64x64 zeros for a picture without transparency"
        return masks.new_zeros(len(masks), height, width), note
    if not same_shape(masks.shape, (height, width)):
        raise ValueError(
            f"The mask is {came_width}x{came_height} and the picture {width}x{height}: not the same shape, so the mask would "
            "be stretched; use the mask of this picture, or resize it yourself."
        )
    return resize_mask(masks, height, width), f"mask resized from {came_width}x{came_height} to {width}x{height}"


def in_chunks(step: Callable[..., Tensor], *tensors: Tensor, pixels: int = CHUNK_PIXELS) -> Tensor:
    """A step over a batch that may be a whole video, some pictures at a time.

    Args:
        step: From tensors (b, ...) to a tensor (b, ...); each picture must not depend on the others.
        *tensors: (B, ..., H, W) each.
        pixels: About how many to work on at a time.
    """
    together = max(1, pixels // (tensors[0].shape[-2] * tensors[0].shape[-1]))
    if len(tensors[0]) <= together:
        return step(*tensors)
    parts = zip(*(torch.split(tensor, together) for tensor in tensors), strict=True)
    return torch.cat([step(*part) for part in parts])
