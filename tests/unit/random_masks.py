"""Masks that are easy to get wrong: random ones, one-pixel strokes, masks at every border."""

import torch

SIZES = [(2, 33, 47), (1, 1, 20), (1, 20, 1), (1, 64, 64), (1, 1, 1)]
SHARES = [0.002, 0.05, 0.5, 0.97]


def random_mask(size: tuple[int, int, int], share: float, soft: bool, seed: int = 0) -> torch.Tensor:
    """So large a share of pixels is set, to 1 or to anything."""
    draw = torch.Generator().manual_seed(seed)
    value = torch.rand(size, generator=draw) if soft else torch.ones(size)
    return torch.where(torch.rand(size, generator=draw) < share, value, 0.0)


def strokes(size: int = 24, soft: bool = False) -> torch.Tensor:
    """A stroke of one pixel at every offset, across and down; (2 * size, size, size)."""
    lines = torch.eye(size)[:, None, :].expand(size, size, size) * (0.6 if soft else 1.0)
    return torch.cat([lines, lines.mT])


def shapes(size: int = 40) -> torch.Tensor:
    """Boxes inside and at every border and corner, an empty and a full mask; (11, size, size)."""
    spans = [(0, size // 3), (size // 3, size // 2), (size * 2 // 3, size)]
    masks = torch.zeros(11, size, size)
    for i, (top, bottom) in enumerate(spans):
        for j, (left, right) in enumerate(spans):
            masks[3 * i + j, top:bottom, left:right] = 1
    masks[10] = 1
    return masks
