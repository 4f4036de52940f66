"""Fill holes and remove specks, soft masks included."""

import torch
from torch import Tensor

from .batch import in_chunks
from .regions import follow, label, sizes

__all__ = ["fill_holes", "remove_specks"]


def remove_specks(mask: Tensor, pixels: float) -> Tensor:
    """Clear every connected area that covers fewer than so many pixels.

    Args:
        mask: In [0, 1]; (B, H, W). An area is what touches, corners included, and is above 0; a pixel of 0.3 counts as 0.3
            of a pixel.
        pixels: Areas below this are cleared; at 1 and below, nothing that is fully masked.

    Returns:
        As `mask`; what stays is unchanged.
    """
    if pixels <= 0:
        return mask

    def step(part: Tensor) -> Tensor:
        labels, count = label(part > 0)
        enough = sizes(labels, count, part) >= pixels - 1e-6 * pixels
        return torch.where(enough[labels], part, 0)

    return in_chunks(step, mask)


def fill_holes(mask: Tensor) -> Tensor:
    """Raise every pixel to the height of the wall around it: the lowest that a path to the picture's border must climb.

    A hole of a hard mask is what cannot reach the border by its four neighbours; it becomes 1. In a soft mask a hole fills
    up to the lowest point of its rim, as water would.

    Args:
        mask: In [0, 1]; (B, H, W).

    Returns:
        As `mask`, nowhere smaller.
    """
    return in_chunks(flooded, mask)


def flooded(mask: Tensor) -> Tensor:
    starts = torch.ones_like(mask, dtype=torch.bool)
    starts[..., 1:] = mask[..., 1:] != mask[..., :-1]
    # Node 0 is the outside; the others are runs of equal values along rows.
    run = starts.flatten().cumsum(0).reshape(mask.shape)
    height = torch.cat([mask.new_zeros(1), mask[starts]])
    a, b = run_links(run, starts)
    return water_level(height, a, b)[run]


def run_links(run: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Neighbouring runs: in a row, in the rows above and below, and those at the border with the outside."""
    beside = starts.clone()
    beside[..., 0] = False
    right = run[beside]
    new = starts[:, 1:] | starts[:, :-1]
    rim = torch.unique(torch.cat([run[:, 0], run[:, -1], run[..., 0], run[..., -1]], dim=1))
    a = torch.cat([right - 1, run[:, :-1][new], torch.zeros_like(rim)])
    return a, torch.cat([right, run[:, 1:][new], rim])


def water_level(height: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """For each node, the lowest height that a path to node 0 must climb.

    Every basin overflows at its lowest rim into a neighbour, all at once, until all are joined with the outside: the
    rounds of Boruvka's minimum spanning tree, each at least halving the number of basins.

    Args:
        height: By node; (N,).
        a: One end of each link; int64 (E,).
        b: The other end.
    """
    level, root = height.clone(), torch.arange(len(height), device=height.device)
    nodes, rim = root, torch.maximum(height[a], height[b])
    while a.numel():
        ends = torch.cat([a, b])
        lowest = torch.full_like(height, torch.inf).scatter_reduce(0, ends, rim.repeat(2), "amin")
        lowest[0] = -torch.inf  # the outside overflows nowhere
        # Of several lowest rims the first; a total order, so that the only circles are two that overflow into each other.
        link = torch.arange(len(a), device=a.device).repeat(2)
        at_rim = rim.repeat(2) == lowest[ends]
        first = torch.full_like(nodes, len(a)).scatter_reduce(0, ends[at_rim], link[at_rim], "amin")
        flows = first < len(a)
        chosen = first.clamp(max=len(a) - 1)
        into = torch.where(flows, torch.where(a[chosen] == nodes, b[chosen], a[chosen]), nodes)
        into = follow(torch.where((into[into] == nodes) & (nodes < into), nodes, into))
        level = torch.maximum(level, lowest[root])
        root, a, b = into[root], into[a], into[b]
        apart = a != b
        a, b, rim = a[apart], b[apart], rim[apart]
    return level
