"""Put what was changed in an edited picture into the untouched original."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..mask.batch import same_shape
from ..mask.cropping import Box, Crops, Region, cut
from ..mask.holes import fill_holes, remove_specks
from ..mask.morph import grow, shrink
from ..mask.source import brightness
from ..mask.stitching import stitch
from .change import USUAL, Change, Comparison, find_change

__all__ = ["Cleaning", "Composite", "composite_edit"]

CLOSE = 3  # pixels: gaps of twice that in a change are closed


@dataclass(frozen=True)
class Cleaning:
    """What is done to the mask of differences, in this order.

    Attributes:
        specks: Areas below so many pixels are dropped.
        holes: Fill what is enclosed.
        grow: Pixels.
    """

    specks: int = 24
    holes: bool = True
    grow: int = 4

    def of(self, mask: Tensor) -> Tensor:
        """(B, H, W), hard."""
        mask = shrink(grow(remove_specks(mask, self.specks), CLOSE), CLOSE)
        mask = fill_holes(mask) if self.holes else mask
        return grow(mask, self.grow)


CLEANING = Cleaning()


@dataclass(frozen=True)
class Composite:
    """One picture with an edit put into it.

    Attributes:
        picture: The original beyond mask and band, to the bit; (C, H, W).
        mask: What was taken from the edited picture; (H, W).
        band: Largest change of any value in the blend's band outside the mask, in [0, 1].
        beyond: Largest change outside mask and band: 0.
        elsewhere: Share of the picture that was changed where nothing was allowed to be.
        change: How the two were compared.
    """

    picture: Tensor
    mask: Tensor
    band: float
    beyond: float
    elsewhere: float
    change: Change


def composite_edit(
    original: Tensor,
    edited: Tensor,
    allowed: Tensor | None = None,
    comparison: Comparison = USUAL,
    cleaning: Cleaning = CLEANING,
    blend: str = "feathered",
    pixels: int = 8,
) -> Composite:
    """Find what an edited picture was meant to change, and put only that into the original.

    Args:
        original: (C, H, W) in [0, 1]. Of three channels or more the first three are colours, and the others stay.
        edited: Of any size of its shape, or of another shape if it was cut to it, has bars, or was stretched; (C', h, w).
        allowed: The mask is no larger than this; the blend's band lies around it. In [0, 1], (H, W).
        comparison: How the two are compared.
        cleaning: Of the mask.
        blend: A key of sampler.mask.BLENDS.
        pixels: Of the blend's band.

    Raises:
        ValueError: The two have other shapes and too little of them agrees; or an unknown blend.
    """
    colours = 3 if len(original) >= 3 else 1
    one, other = (in_colours(picture, colours)[None].clamp(0, 1) for picture in (original, edited))
    free = None if allowed is None else allowed[None].to(one)
    change = find_change(one, other, free, comparison)
    if not change.alignment.found and not same_shape(original.shape, edited.shape):
        raise ValueError(no_place_for(edited, original))
    inside = within(change.box, change.mask)
    if free is None:
        mask, elsewhere = cleaning.of(change.mask[None]) * inside, 0.0
    else:
        mask = cleaning.of(change.mask[None] * (free > 0)) * inside * free
        elsewhere = float(cleaning.of(change.mask[None] * (free == 0)).mean())
    if not mask.any():
        return Composite(original, mask[0], 0.0, 0.0, elsewhere, change)
    painted = torch.cat([change.laid.to(original), original[colours:]])[None]
    pictures, box = original[None], change.box
    own = cut(mask, box, outside=0)
    crops = Crops(pictures, mask, (Region(0, box, own[0]),), cut(pictures, box), own)
    done = stitch(crops, cut(painted, box), blend, pixels)
    return Composite(done.pictures[0], mask[0], done.band, done.beyond, elsewhere, change)


def in_colours(picture: Tensor, channels: int) -> Tensor:
    """The colours of a picture as one or three channels of float32; (C, H, W)."""
    picture = picture.float()
    if channels == 1:
        return brightness(picture[None])
    return picture[:3] if len(picture) >= 3 else picture[:1].expand(3, -1, -1)


def within(box: Box, like: Tensor) -> Tensor:
    inside = torch.zeros_like(like)
    inside[box.top : box.bottom, box.left : box.right] = 1
    return inside


def no_place_for(edited: Tensor, original: Tensor) -> str:
    (height, width), (own_height, own_width) = original.shape[-2:], edited.shape[-2:]
    return (
        f"The original is {width}x{height} and the edited picture {own_width}x{own_height}: not the same shape, and too little "
        "of them agrees to say how one lies on the other; crop or resize the edited picture to the original's shape first."
    )
