"""Cut the masked regions out of pictures, with context, at a model's size; stitching.py puts them back."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from .merging import merged
from .regions import label, region_boxes
from .resample import resize_mask, resize_picture
from .room import MOST_TIMES, check_room

__all__ = ["SPLITS", "Box", "Crops", "Frame", "Region", "around", "crop"]

MOST_REGIONS = 4096  # each is a crop that somebody paints
MOST_PIXELS = 2**26  # of all crops together, 256 of 512x512: 1 GB with their masks; or so many times the pictures'


@dataclass(frozen=True)
class Box:
    """Part of a picture, in its pixels; may reach over its border. The last row and column are not in it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def shifted(self, down: int, right: int) -> "Box":
        return Box(self.top + down, self.left + right, self.bottom + down, self.right + right)

    def union(self, other: "Box") -> "Box":
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def intersection(self, other: "Box") -> "Box":
        return Box(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )


@dataclass(frozen=True)
class Frame:
    """How a region becomes a crop.

    Attributes:
        factor: Sides of the box over those of the region, 1 or more.
        sides: Pixels added to the left, top, right, bottom besides.
        size: (height, width) of every crop; None leaves pixels as they are.
        multiple: Without a size: sides of the box are multiples of this.
        enlarge: Regions smaller than the size are enlarged; else they get more context.
    """

    factor: float = 1.0
    sides: tuple[int, int, int, int] = (0, 0, 0, 0)
    size: tuple[int, int] | None = None
    multiple: int = 8
    enlarge: bool = True


@dataclass(frozen=True)
class Region:
    """One crop of one picture.

    Attributes:
        picture: Number in the batch.
        box: Where it was cut out.
        mask: The region's own mask, without its neighbours', as large as the box; (h, w).
    """

    picture: int
    box: Box
    mask: Tensor


@dataclass(frozen=True)
class Crops:
    """What was cut out, and all it takes to put it back.

    Attributes:
        pictures: The untouched originals; (B, C, H, W).
        mask: All that is masked; (B, H, W).
        regions: One for each crop.
        crops: (N, C, h, w).
        masks: All that is masked in each crop; (N, h, w).
    """

    pictures: Tensor
    mask: Tensor
    regions: tuple[Region, ...]
    crops: Tensor
    masks: Tensor


def crop(
    pictures: Tensor,
    mask: Tensor,
    frame: Frame,
    split: str = "each region",
    merge: int = 32,
    context: Tensor | None = None,
) -> Crops:
    """Cut masked regions out.

    Args:
        pictures: (B, C, H, W), in [0, 1].
        mask: (B, H, W), everything above 0 counts. If it is empty, whole pictures are cut out, and stitching changes nothing.
        frame: Context and size.
        split: A key of SPLITS.
        merge: Regions at most so many pixels apart are one.
        context: What a crop must show besides: the areas of this mask that touch the region's box, or all of it where a
            picture has one region; (B, H, W).

    Raises:
        ValueError: Unknown split, too many regions, or mask and pictures that do not go together.
    """
    if split not in SPLITS:
        raise ValueError(f"The split is '{split}', but must be one of: {', '.join(SPLITS)}.")
    if (len(pictures), *pictures.shape[-2:]) != tuple(mask.shape):
        raise ValueError(
            f"{len(pictures)} pictures of {pictures.shape[-1]}x{pictures.shape[-2]} came with {len(mask)} masks of "
            f"{mask.shape[-1]}x{mask.shape[-2]}; fit the masks to the pictures first."
        )
    found = SPLITS[split](mask, merge) or [
        (i, whole(mask), (whole(mask), torch.zeros_like(mask[i]))) for i in range(len(mask))
    ]
    if context is not None:
        found = with_context(found, context)
    boxes = fitted([widened(box, frame) for _, box, _ in found], frame, whole(mask))
    height, width = frame.size or (boxes[0].height, boxes[0].width)
    check_regions(len(found), height, width, pictures)
    if len(found) <= len(pictures):
        values = len(found) * pictures.shape[1] * height * width
        check_room(values, pictures.numel(), f"{len(found)} crops of {width}x{height}", "take smaller ones")
    regions = tuple(
        Region(picture, box, cut(own[None], box.shifted(-place.top, -place.left), outside=0)[0])
        for (picture, _, (place, own)), box in zip(found, boxes, strict=True)
    )
    crops = pictures.new_empty(len(regions), pictures.shape[1], height, width)
    masks = mask.new_empty(len(regions), height, width)
    for i, r in enumerate(regions):
        crops[i] = resize_picture(cut(pictures[r.picture], r.box)[None], height, width)[0]
        masks[i] = resize_mask(cut(mask[r.picture][None], r.box, outside=0), height, width)[0]
    return Crops(pictures, mask, regions, crops, masks)


def check_regions(regions: int, height: int, width: int, pictures: Tensor) -> None:
    """Raises ValueError if the crops would fill the memory; one for each picture is what somebody asked for."""
    pixels, most = regions * height * width, max(MOST_PIXELS, MOST_TIMES * pictures[:, 0].numel())
    if regions > len(pictures) and pixels > most:
        raise ValueError(
            f"The mask has {regions} separate regions, and crops of {width}x{height} for all of them are {pixels / 1e6:.0f} "
            f"megapixels, more than {most / 1e6:.0f}; remove specks, merge regions, or take smaller crops."
        )


def whole(mask: Tensor) -> Box:
    return Box(0, 0, mask.shape[-2], mask.shape[-1])


Own = tuple[Box, Tensor]  # a region's own mask, as large as the box, and where that is
Found = list[tuple[int, Box, Own]]  # picture, box around the region and what it must show, its own mask


def each_region(mask: Tensor, merge: int) -> Found:
    labels, count = label(mask > 0)
    if count == 0:
        return []
    boxes = region_boxes(labels, count)
    group, boxes = merged(boxes, merge)
    if len(boxes) > MOST_REGIONS:
        raise ValueError(
            f"The mask has {len(boxes)} separate regions, more than {MOST_REGIONS}; remove specks or merge regions first."
        )
    group = torch.cat([group.new_full((1,), -1), group])
    found = []
    for number, (picture, *sides) in enumerate(boxes.tolist()):
        box = Box(*sides)
        here = (picture, slice(box.top, box.bottom), slice(box.left, box.right))
        found.append((picture, box, (box, mask[here] * (group[labels[here]] == number))))
    return found


def one_per_picture(mask: Tensor, merge: int) -> Found:
    return [(i, box, (whole(mask), mask[i])) for i in range(len(mask)) if (box := around(mask[i])) is not None]


def one_box_for_all(mask: Tensor, merge: int) -> Found:
    """The same box for every picture, so that a video's crops do not shake."""
    box = around(mask.amax(0))
    return [] if box is None else [(i, box, (whole(mask), mask[i])) for i in range(len(mask))]


SPLITS: dict[str, Callable[[Tensor, int], Found]] = {
    "each region": each_region,
    "one per picture": one_per_picture,
    "one box for all": one_box_for_all,
}


def around(mask: Tensor) -> Box | None:
    """The box of all values above 0; (H, W)."""
    rows, columns = (mask > 0).any(1).nonzero(), (mask > 0).any(0).nonzero()
    if not len(rows):
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def with_context(found: Found, context: Tensor) -> Found:
    """Boxes that hold, besides, the areas of the context that touch them; all areas, where a picture has one box."""
    areas = region_boxes(*label(context > 0))
    regions = Counter(picture for picture, _, _ in found)
    in_picture = {picture: areas[areas[:, 0] == picture, 1:] for picture in regions}
    out = []
    for picture, box, own in found:
        shown = in_picture[picture]
        if regions[picture] > 1:
            top, left, bottom, right = shown.unbind(1)
            shown = shown[(top < box.bottom) & (bottom > box.top) & (left < box.right) & (right > box.left)]
        if len(shown):
            box = box.union(Box(*shown[:, :2].amin(0).tolist(), *shown[:, 2:].amax(0).tolist()))
        out.append((picture, box, own))
    return out


def widened(box: Box, frame: Frame) -> Box:
    """A region's box with its context."""
    left, top, right, bottom = frame.sides
    more_y = ceil(box.height * (max(1.0, frame.factor) - 1) / 2)
    more_x = ceil(box.width * (max(1.0, frame.factor) - 1) / 2)
    return Box(
        box.top - more_y - top, box.left - more_x - left, box.bottom + more_y + bottom, box.right + more_x + right
    )


def fitted(boxes: Sequence[Box], frame: Frame, picture: Box) -> list[Box]:
    """Boxes of one shape, moved into the picture as far as they fit.

    Context that falls outside the picture is given up first: a region at the border is not padded for it.
    """
    inside = [box.intersection(picture) for box in boxes]
    if frame.size is None:
        height, width = (ceil(max(sides) / frame.multiple) * frame.multiple for sides in sides_of(inside))
        return [placed(box, height, width, picture) for box in inside]
    return [placed(box, *shaped(box, frame.size, frame.enlarge), picture) for box in inside]


def sides_of(boxes: Sequence[Box]) -> tuple[list[int], list[int]]:
    return [box.height for box in boxes], [box.width for box in boxes]


def shaped(box: Box, size: tuple[int, int], enlarge: bool) -> tuple[int, int]:
    """The smallest sides of the size's shape that hold a box."""
    height, width = size
    scale = max(box.height / height, box.width / width)
    if not enlarge:
        scale = max(scale, 1.0)
    return max(box.height, round(height * scale)), max(box.width, round(width * scale))


def placed(box: Box, height: int, width: int, picture: Box) -> Box:
    """A box of given sides about the middle of another, inside the picture where it fits, about its middle where not."""
    top = start_of(box.top + (box.height - height) // 2, height, picture.height)
    left = start_of(box.left + (box.width - width) // 2, width, picture.width)
    return Box(top, left, top + height, left + width)


def start_of(wished: int, length: int, limit: int) -> int:
    return (limit - length) // 2 if length > limit else min(max(0, wished), limit - length)


def cut(picture: Tensor, box: Box, outside: float | None = None) -> Tensor:
    """Part of a picture; beyond its border the border's values go on, or a given value.

    Args:
        picture: (C, H, W).
        box: May reach over the border.
        outside: Value beyond it.
    """
    y = torch.arange(box.top, box.bottom, device=picture.device)
    x = torch.arange(box.left, box.right, device=picture.device)
    height, width = picture.shape[-2:]
    part = picture.index_select(-2, y.clamp(0, height - 1)).index_select(-1, x.clamp(0, width - 1))
    if outside is None:
        return part
    on_picture = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
    return torch.where(on_picture, part, outside)
