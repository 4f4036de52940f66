"""Connected regions of a mask, numbered. Runs of a row are the nodes of a graph, so that a spiral costs as little as a disc."""

import torch
from torch import Tensor

__all__ = ["join", "label", "region_boxes", "sizes"]

BOX_SIDES = ("amin", "amin", "amax", "amax")  # top, left, bottom, right


def label(inside: Tensor, diagonal: bool = True) -> tuple[Tensor, int]:
    """Number the connected regions of each mask.

    Args:
        inside: True inside; bool (B, H, W).
        diagonal: Pixels that touch at a corner belong together.

    Returns:
        The region of each pixel, 0 outside, int64 (B, H, W), and the number of regions. Numbers run through the whole
        batch, in reading order of each region's first pixel.
    """
    starts = inside.clone()
    starts[..., 1:] &= ~inside[..., :-1]
    run = starts.flatten().cumsum(0).reshape(inside.shape) - 1  # meaningful inside only
    count = int(starts.sum())
    if not count:
        return torch.zeros_like(run), 0
    pairs = [touching(inside, run), *(corners(inside, run) if diagonal else ())]
    first = join(count, torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs]))
    number = (first == torch.arange(count, device=first.device)).cumsum(0)[first]
    return torch.where(inside, number[run.clamp(min=0)], 0), int(number.max())


def touching(inside: Tensor, run: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of runs in neighbouring rows that share a column, each pair once."""
    both = inside[:, :-1] & inside[:, 1:]
    once = both.clone()
    once[..., 1:] &= ~both[..., :-1]
    return run[:, :-1][once], run[:, 1:][once]


def corners(inside: Tensor, run: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pairs of runs in neighbouring rows that meet at a corner only, falling and rising."""
    above, below = inside[:, :-1], inside[:, 1:]
    upper, lower = run[:, :-1], run[:, 1:]
    left, right = slice(None, -1), slice(1, None)
    pairs = []
    for a, b in ((left, right), (right, left)):
        meet = above[..., a] & below[..., b] & ~above[..., b] & ~below[..., a]
        pairs.append((upper[..., a][meet], lower[..., b][meet]))
    return pairs


def join(count: int, a: Tensor, b: Tensor) -> Tensor:
    """Connected components of a graph: every component hooks onto a neighbour until none is left (Boruvka 1926).

    Args:
        count: Number of nodes.
        a: One end of each edge; int64 (E,).
        b: The other end; int64 (E,).

    Returns:
        The smallest node of each node's component; int64 (count,).
    """
    nodes = torch.arange(count, device=a.device)
    root = nodes
    while a.numel():
        ends, others = torch.cat([a, b]), torch.cat([b, a])
        # Everyone picks its smallest neighbour, so the only circles are two that picked each other.
        pick = torch.full_like(nodes, count).scatter_reduce(0, ends, others, "amin")
        pick = torch.where(pick < count, pick, nodes)
        pick = torch.where((pick[pick] == nodes) & (nodes < pick), nodes, pick)
        pick = follow(pick)
        root, a, b = pick[root], pick[a], pick[b]
        apart = a != b
        a, b = a[apart], b[apart]
    return torch.full_like(nodes, count).scatter_reduce(0, root, nodes, "amin")[root]


def follow(pointer: Tensor) -> Tensor:
    """Where each chain of pointers ends, by doubling."""
    while not torch.equal(further := pointer[pointer], pointer):
        pointer = further
    return pointer


def sizes(labels: Tensor, count: int, weights: Tensor | None = None) -> Tensor:
    """Pixels of each region, or the sum of their weights; float64 (count + 1,), the outside first."""
    weights = None if weights is None else weights.flatten().double()
    return torch.bincount(labels.flatten(), weights, minlength=count + 1).double()


def region_boxes(labels: Tensor, count: int) -> Tensor:
    """The box of each region.

    Args:
        labels: From `label`; int64 (B, H, W).
        count: Number of regions.

    Returns:
        Picture, top, left, bottom, right (both exclusive), in the order of numbers; int64 (count, 5).
    """
    picture, y, x = labels.nonzero(as_tuple=True)
    which = labels[picture, y, x] - 1
    boxes = torch.zeros(count, 5, dtype=torch.int64, device=labels.device)
    boxes[which, 0] = picture
    for column, (how, value) in enumerate(zip(BOX_SIDES, (y, x, y + 1, x + 1), strict=True), start=1):
        boxes[:, column] = boxes[:, column].scatter_reduce(0, which, value, how, include_self=False)
    return boxes
