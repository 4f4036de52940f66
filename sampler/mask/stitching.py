"""Put painted crops back into the untouched originals."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .batch import same_shape
from .blend import BLENDS, match_colours
from .cropping import Box, Crops, Region, around, cut
from .grid import to_grid
from .precision import widened
from .resample import resize_mask, resize_picture

__all__ = ["Stitched", "stitch"]

RIM = 1  # pixels of the original around a crop, so that nothing is blended where there is no crop


@dataclass(frozen=True)
class Stitched:
    """Pictures with their crops put back, and what changed.

    Attributes:
        pictures: (B, C, H, W).
        band: Largest change of any value outside the mask, inside the blend's band; in [0, 1].
        beyond: Largest change outside mask and band: 0.
        unchanged: Crops that came back as they were cut, and were left alone.
        weight: How much of each pixel is new: 1 in the mask, falling over the band, 0 where the original stays; (B, H, W).
        places: The box of what each crop changed in its picture; None: nothing.
    """

    pictures: Tensor
    band: float
    beyond: float
    unchanged: int
    weight: Tensor
    places: tuple[Box | None, ...]


def stitch(
    crops: Crops,
    painted: Tensor,
    blend: str = "feathered",
    pixels: int = 8,
    colour_match: bool = False,
    mask: Tensor | None = None,
    cells: Tensor | None = None,
) -> Stitched:
    """Put painted crops back, one after the other.

    Args:
        crops: From `crop`.
        painted: In the order of the crops, of any size of their shape; (N, C, h, w). A crop that came back without any
            change is not put back, so that resizing there and back costs nothing.
        blend: A key of BLENDS.
        pixels: Width of the band outside the mask in which old and new mix; beyond it every pixel is the original's.
        colour_match: Fit brightness and contrast of each crop to the original, by its unmasked pixels only.
        mask: Where to put back instead of where the crops' mask is: one for each picture, or one for each crop, of its size or
            on a model's coarser grid, whose cells are then put back whole; (B, H, W) or (N, h, w).
        cells: The same, known to be on the model's grid: sizes alone do not always tell; (1 or N, h, w).

    Raises:
        ValueError: Unknown blend, or another number of crops, channels or masks.
    """
    if blend not in BLENDS:
        raise ValueError(f"The blend is '{blend}', but must be one of: {', '.join(BLENDS)}.")
    if len(painted) != len(crops.regions):
        raise ValueError(
            f"{len(crops.regions)} regions were cut out and {len(painted)} painted pictures came back; connect all of them, in "
            "their order."
        )
    if painted.shape[1] != crops.pictures.shape[1]:
        raise ValueError(
            f"The originals have {crops.pictures.shape[1]} channels and the painted pictures {painted.shape[1]}; they must "
            "have as many."
        )
    (height, width), (own_height, own_width) = painted.shape[-2:], crops.crops.shape[-2:]
    if not same_shape(painted.shape, crops.crops.shape):
        raise ValueError(
            f"The crops are {own_width}x{own_height} and the painted pictures {width}x{height}: not the same shape, so they "
            "would be stretched; bring them back to the crops' shape first."
        )
    pictures, unchanged = crops.pictures.clone(), 0
    places: list[Box | None] = []
    masked = torch.zeros(crops.mask.shape, dtype=torch.bool, device=pictures.device)
    weight = torch.zeros(crops.mask.shape, device=pictures.device)
    for region, new, given, own in zip(crops.regions, painted, crops.crops, places_of(crops, mask, cells), strict=True):
        new = new.to(pictures)
        if torch.equal(new, given):
            unchanged += 1
            places.append(None)
            continue
        new = resize_picture(widened(new)[None], region.box.height, region.box.width)[0]
        if colour_match:
            new = colours_fitted(new, crops, region)
        here = (pictures[region.picture], masked[region.picture], weight[region.picture])
        places.append(put_back(*here, new, own, region.box, blend, pixels))
    band, beyond = changes(crops.pictures, pictures, masked, weight > 0)
    return Stitched(pictures, band, beyond, unchanged, weight, tuple(places))


def places_of(crops: Crops, mask: Tensor | None, cells: Tensor | None) -> list[Tensor]:
    """Where each crop is put back, as large as its box."""
    if cells is not None:
        return in_cells(crops, cells)
    if mask is None:
        return [region.mask for region in crops.regions]
    if tuple(mask.shape) == tuple(crops.mask.shape) or (len(mask) == 1 and mask.shape[1:] == crops.mask.shape[1:]):
        pictures = mask.expand(len(crops.mask), -1, -1)
        return [cut(pictures[r.picture][None], r.box, outside=0)[0] for r in crops.regions]
    if len(mask) in (1, len(crops.regions)) and on_grid_of(mask, crops.masks):
        return in_cells(crops, mask)
    raise ValueError(
        f"The stitch mask is {len(mask)} of {mask.shape[2]}x{mask.shape[1]}; it must be as the pictures ({len(crops.mask)} of "
        f"{crops.mask.shape[2]}x{crops.mask.shape[1]}), as the crops ({len(crops.masks)} of {crops.masks.shape[2]}x"
        f"{crops.masks.shape[1]}), or on the crops' grid from What the Model Sees."
    )


def in_cells(crops: Crops, cells: Tensor) -> list[Tensor]:
    """Masks of the crops on a coarser grid, one or one for each, as large as their boxes."""
    size = (crops.masks.shape[-2], crops.masks.shape[-1])
    each = to_grid(cells, size, "nearest").expand(len(crops.regions), -1, -1)
    return [resize_mask(one[None], r.box.height, r.box.width)[0] for one, r in zip(each, crops.regions, strict=True)]


def on_grid_of(mask: Tensor, fine: Tensor) -> bool:
    """Whether a mask has the size of another, or one value for each square cell of it."""
    (height, width), (fine_height, fine_width) = mask.shape[-2:], fine.shape[-2:]
    return fine_height % height == 0 and fine_width % width == 0 and fine_height // height == fine_width // width


def colours_fitted(new: Tensor, crops: Crops, region: Region) -> Tensor:
    known = cut(crops.mask[region.picture][None], region.box, outside=1)[0] == 0
    return match_colours(new, cut(crops.pictures[region.picture], region.box), known)


def put_back(
    picture: Tensor, masked: Tensor, weight: Tensor, new: Tensor, own: Tensor, box: Box, blend: str, pixels: int
) -> Box | None:
    """Blend one crop into a picture, in place, and say where it counts.

    Args:
        picture: (C, H, W).
        masked: Set where the mask is; bool (H, W).
        weight: How much is new, what earlier crops have left of the original included; (H, W).
        new: The crop at the box's size; (C, h, w).
        own: Where it is put back; (h, w).
        box: May reach over the picture's border.
        blend: A key of BLENDS.
        pixels: The band.
    """
    height, width = picture.shape[-2:]
    with_rim = Box(box.top - RIM, box.left - RIM, box.bottom + RIM, box.right + RIM)
    window = with_rim.intersection(Box(0, 0, height, width))
    on_crop = Box(window.top - box.top, window.left - box.left, window.bottom - box.top, window.right - box.left)
    new = cut(new, on_crop)
    own = cut(own[None], on_crop, outside=0)[0].to(new.dtype)
    here = (..., slice(window.top, window.bottom), slice(window.left, window.right))
    original = picture[here]
    full = widened(original)
    mixed, counts = BLENDS[blend](new, full, own, band_of(window, box, pixels).to(new), pixels)
    picture[here] = torch.where(counts > 0, torch.lerp(full, mixed.clamp(0, 1), counts).to(original), original)
    masked[here] |= own > 0
    weight[here] += counts.to(weight) * (1 - weight[here])
    place = around(counts)
    return place and place.shifted(window.top, window.left)


def band_of(window: Box, box: Box, pixels: int) -> Tensor:
    """How much a band may count: 0 outside the crop, rising over the band's width from its edges inside the picture."""
    sides = ((window.top, window.bottom, box.top, box.bottom), (window.left, window.right, box.left, box.right))
    ramps = []
    for first, last, start, end in sides:
        at = torch.arange(first, last)
        ends_here = (at >= start) & (at < end)
        from_start = at - first if first < start else torch.full_like(at, pixels + 1)
        from_end = last - 1 - at if last > end else torch.full_like(at, pixels + 1)
        ramps.append((torch.minimum(from_start, from_end) / (pixels + 1)).clamp(max=1) * ends_here)
    return ramps[0][:, None] * ramps[1]


def changes(before: Tensor, after: Tensor, masked: Tensor, blended: Tensor) -> tuple[float, float]:
    """Largest change of any value in the band outside the masks, and beyond it."""
    change = (after - before).abs().amax(1)
    zero = change.new_zeros(1)
    band = torch.cat([zero, change[blended & ~masked]]).amax()
    return float(band), float(torch.cat([zero, change[~blended & ~masked]]).amax())
