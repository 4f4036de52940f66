"""Cut the masked regions out of pictures, with context, at a model's size; stitching.py puts them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from .regions import join, label, region_boxes
from .resample import resize_mask, resize_picture

__all__ = ["SPLITS", "Box", "Crops", "Frame", "Region", "crop"]

MOST_REGIONS = 4096  # each is a crop that somebody paints


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

    def union(self, other: "Box") -> "Box":
        return Box(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def touches(self, other: "Box") -> bool:
        overlap_y = self.top < other.bottom and other.top < self.bottom
        return overlap_y and self.left < other.right and other.left < self.right


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
    boxes = fitted([widened(box, frame) for _, box, _ in found], frame, mask.shape[-2:])
    regions = tuple(
        Region(picture, box, cut(own[None], moved(box, place), outside=0)[0])
        for (picture, _, (place, own)), box in zip(found, boxes, strict=True)
    )
    height, width = frame.size or (boxes[0].height, boxes[0].width)
    crops = [resize_picture(cut(pictures[r.picture], r.box)[None], height, width) for r in regions]
    masks = [resize_mask(cut(mask[r.picture][None], r.box, outside=0), height, width) for r in regions]
    return Crops(pictures, mask, regions, torch.cat(crops), torch.cat(masks))


def whole(mask: Tensor) -> Box:
    return Box(0, 0, mask.shape[-2], mask.shape[-1])


def moved(box: Box, place: Box) -> Box:
    """A box as seen from the corner of another."""
    return Box(box.top - place.top, box.left - place.left, box.bottom - place.top, box.right - place.left)


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


SPLITS = {"each region": each_region, "one per picture": one_per_picture, "one box for all": one_box_for_all}


def around(mask: Tensor) -> Box | None:
    """The box of all values above 0; (H, W)."""
    rows, columns = (mask > 0).any(1).nonzero(), (mask > 0).any(0).nonzero()
    if not len(rows):
        return None
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def merged(boxes: Tensor, gap: int) -> tuple[Tensor, Tensor]:
    """Join boxes of a picture that are at most `gap` pixels apart, and then those that come close by that.

    Args:
        boxes: From `region_boxes`; (n, 5).
        gap: In pixels along either axis.

    Returns:
        The group of each box, int64 (n,), and the groups' boxes (m, 5) in the order of their first.
    """
    group = torch.arange(len(boxes), device=boxes.device)
    while True:
        a, b = close_pairs(boxes, gap)
        first = join(len(boxes), a, b)
        members = first.unique()
        if len(members) == len(boxes):
            return group, boxes
        number = torch.searchsorted(members, first)
        joined = boxes[members].clone()
        for column, how in enumerate(("amin", "amin", "amax", "amax"), start=1):
            joined[:, column] = joined[:, column].scatter_reduce(0, number, boxes[:, column], how)
        group, boxes = number[group], joined


def close_pairs(boxes: Tensor, gap: int) -> tuple[Tensor, Tensor]:
    """Pairs of boxes of the same picture that are close; each pair once."""
    pairs = []
    for start in range(0, len(boxes), 1024):
        part = boxes[start : start + 1024, None]
        near = part[..., 0] == boxes[:, 0]
        for low, high in ((1, 3), (2, 4)):
            near &= (part[..., low] - boxes[:, high] <= gap) & (boxes[:, low] - part[..., high] <= gap)
        a, b = near.nonzero(as_tuple=True)
        pairs.append((a + start, b))
    a, b = (torch.cat(ends) for ends in zip(*pairs, strict=True))
    return a[a < b], b[a < b]


def with_context(found: Found, context: Tensor) -> Found:
    labels, count = label(context > 0)
    areas = [(picture, Box(*sides)) for picture, *sides in region_boxes(labels, count).tolist()]
    alone = {i for i in range(len(context)) if sum(picture == i for picture, _, _ in found) == 1}
    out = []
    for picture, box, own in found:
        shown = box
        for where, area in areas:
            if where == picture and (picture in alone or area.touches(box)):
                shown = shown.union(area)
        out.append((picture, shown, own))
    return out


def widened(box: Box, frame: Frame) -> Box:
    """A region's box with its context."""
    left, top, right, bottom = frame.sides
    more_y = ceil(box.height * (max(1.0, frame.factor) - 1) / 2)
    more_x = ceil(box.width * (max(1.0, frame.factor) - 1) / 2)
    return Box(
        box.top - more_y - top, box.left - more_x - left, box.bottom + more_y + bottom, box.right + more_x + right
    )


def fitted(boxes: Sequence[Box], frame: Frame, picture: tuple[int, int]) -> list[Box]:
    """Boxes of one shape, moved into the picture as far as they fit.

    Context that falls outside the picture is given up first: a region at the border is not padded for it.
    """
    inside = [Box(max(0, b.top), max(0, b.left), min(picture[0], b.bottom), min(picture[1], b.right)) for b in boxes]
    if frame.size is None:
        height, width = (ceil(max(sides) / frame.multiple) * frame.multiple for sides in sides_of(inside))
        return [placed(box, height, width, picture) for box in inside]
    return [placed(box, *shaped(box, frame), picture) for box in inside]


def sides_of(boxes: Sequence[Box]) -> tuple[list[int], list[int]]:
    return [box.height for box in boxes], [box.width for box in boxes]


def shaped(box: Box, frame: Frame) -> tuple[int, int]:
    """The smallest sides of the size's shape that hold a box."""
    height, width = frame.size
    scale = max(box.height / height, box.width / width)
    if not frame.enlarge:
        scale = max(scale, 1.0)
    return max(box.height, round(height * scale)), max(box.width, round(width * scale))


def placed(box: Box, height: int, width: int, picture: tuple[int, int]) -> Box:
    """A box of given sides about the middle of another, inside the picture where it fits, about its middle where not."""
    top = start_of(box.top + (box.height - height) // 2, height, picture[0])
    left = start_of(box.left + (box.width - width) // 2, width, picture[1])
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
