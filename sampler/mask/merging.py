"""Boxes that lie close to each other become one, and so on until all are apart."""

from collections.abc import Iterator

import torch
from torch import Tensor

from .regions import BOX_SIDES, join

__all__ = ["close_pairs", "merged"]

TOGETHER = 2**22  # candidates that are compared at a time


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
        group, boxes = joined(group, boxes, *same_cell(boxes, gap))
        a, b = close_pairs(boxes, gap)
        if not len(a):
            return group, boxes
        group, boxes = joined(group, boxes, a, b)


def joined(group: Tensor, boxes: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Groups and boxes after boxes a[i] and b[i] have become one, for each i."""
    members, number = torch.unique(join(len(boxes), a, b), return_inverse=True)
    larger = boxes[members].clone()
    for column, how in enumerate(BOX_SIDES, start=1):
        larger[:, column] = larger[:, column].scatter_reduce(0, number, boxes[:, column], how)
    return number[group], larger


def same_cell(boxes: Tensor, gap: int) -> tuple[Tensor, Tensor]:
    """Pairs that are close for certain, since their corners lie in one square cell of the gap's size; leaves one box a cell."""
    rows, columns = boxes[:, 1] // (gap + 1), boxes[:, 2] // (gap + 1)
    width = int(columns.max()) + 1 if len(boxes) else 1
    height = int(rows.max()) + 1 if len(boxes) else 1
    keys, order = ((boxes[:, 0] * height + rows) * width + columns).sort(stable=True)
    same = keys[1:] == keys[:-1]
    return order[:-1][same], order[1:][same]


def close_pairs(boxes: Tensor, gap: int) -> tuple[Tensor, Tensor]:
    """Pairs of boxes of the same picture that are close; each pair at least once.

    Boxes are sorted by size into levels, twice as large each, and at each level by the square cell, as large as the level's
    largest box, that their corner lies in. What may be close to a box lies in three rows of three cells at its own level
    and at each larger one. A connected region has at least as many pixels as its box is long, so after `same_cell` a cell
    holds few boxes: the work grows with the masked pixels, not with the square of the number of boxes.

    Args:
        boxes: Picture, top, left, bottom, right; int64 (n, 5).
        gap: In pixels, 0 or more.

    Returns:
        int64 (pairs,) each.
    """
    longest = (boxes[:, 3:] - boxes[:, 1:3]).amax(1) + gap
    level = torch.ceil(torch.log2(longest.double())).long()
    pairs = [torch.zeros(2, 0, dtype=torch.int64, device=boxes.device)]
    for shift in torch.unique(level).tolist():
        large, asking = (level == shift).nonzero()[:, 0], (level <= shift).nonzero()[:, 0]
        for a, b in candidates(boxes, large, asking, gap, shift):
            pairs.append(torch.stack([a, b])[:, close(boxes[a], boxes[b], gap) & (a != b)])
    a, b = torch.cat(pairs, dim=1)
    return a, b


def close(a: Tensor, b: Tensor, gap: int) -> Tensor:
    apart = torch.maximum(a[:, 1:3] - b[:, 3:], b[:, 1:3] - a[:, 3:]).amax(1)
    return (apart <= gap) & (a[:, 0] == b[:, 0])


def candidates(boxes: Tensor, large: Tensor, asking: Tensor, gap: int, shift: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Boxes and those of a level that may be close to them, some at a time.

    Args:
        boxes: (n, 5).
        large: Which are of the level: as long as a cell, with the gap, at most.
        asking: Which look for their neighbours; none is longer.
        gap: In pixels.
        shift: Cells have sides of 2**shift pixels.
    """
    rows = (int(boxes[:, 3].max() + gap) >> shift) + 3  # one before the first, and one after the last, of each picture
    columns = (int(boxes[:, 4].max() + gap) >> shift) + 3

    def cell(picture: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return (picture * rows + row + 1) * columns + column + 1

    picture, top, left, _, right = boxes[asking].unbind(1)
    keys, order = cell(boxes[large, 0], boxes[large, 1] >> shift, boxes[large, 2] >> shift).sort()
    for row in range(3):
        first = cell(picture, (top >> shift) - 1 + row, (left >> shift) - 1)
        last = cell(picture, (top >> shift) - 1 + row, (right + gap) >> shift)
        start = torch.searchsorted(keys, first)
        count = torch.searchsorted(keys, last, right=True) - start
        for part in chunks(count):
            each = torch.repeat_interleave(count[part])
            offset = torch.arange(len(each), device=boxes.device) - (count[part].cumsum(0) - count[part])[each]
            yield asking[part][each], large[order[start[part][each] + offset]]


def chunks(count: Tensor) -> Iterator[slice]:
    """Slices of counts that come to about TOGETHER each."""
    number = torch.div(count.cumsum(0), TOGETHER, rounding_mode="floor")
    sizes = torch.unique_consecutive(number, return_counts=True)[1].tolist()
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size
