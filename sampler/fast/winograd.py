"""3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3): 4 x 4 outputs from 36 products instead of 144.

Source: Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", https://arxiv.org/abs/1509.09308, section 4.
A picture is cut into patches of 6 x 6 that overlap by two; patches and filters are transformed, multiplied place by place,
which is 36 products of matrices over the channels, and transformed back. It goes by bands of a few patches, so that all that
is made on the way stays in the processor's cache.

Pictures here are (H, W, channels), side by side in memory; that is channels-last without the batch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["PLACES", "TILE", "convolve", "patches_of_band", "transformed"]

Matrix = Sequence[Sequence[float]]

TILE, PATCH = 4, 6
PLACES = PATCH * PATCH
BAND = 128  # patches at a time; from 64 to 256 there is little between them on processors with 2 MiB of cache a core

# B^T, G and A^T of the paper, for the points 0, 1, -1, 2, -2 and infinity.
INPUT: Matrix = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
FILTER: Matrix = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
OUTPUT: Matrix = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]


def both_ways(rows: Matrix) -> Tensor:
    """A transform of columns and rows at once, on what is laid out row after row."""
    matrix = torch.tensor(rows, dtype=torch.float64, device="cpu")
    return torch.kron(matrix, matrix).float()


FROM_PATCH, FROM_FILTER, TO_TILE = both_ways(INPUT), both_ways(FILTER), both_ways(OUTPUT)


def transformed(weight: Tensor) -> Tensor:
    """Filters in the form in which they are multiplied: (out, in, 3, 3) to (36, in, out)."""
    outputs, inputs = weight.shape[:2]
    return (FROM_FILTER @ weight.permute(2, 3, 1, 0).reshape(9, -1)).reshape(PLACES, inputs, outputs)


def patches_of_band(height: int, width: int) -> tuple[int, int]:
    """How many patches lie one below the other, and side by side, in what is done at a time."""
    down, across = -(-height // TILE), -(-width // TILE)
    return max(1, min(down, BAND // across)), across


def convolve(
    picture: Tensor,
    product: Callable[[Tensor], Tensor],
    bias: Tensor | None,
    out: Tensor,
    before: Callable[[Tensor], object] | None = None,
) -> None:
    """Convolve with zeros around the picture.

    Args:
        picture: Float32; (H, W, in).
        product: Multiplies patches, (count, 36, in), by the transformed filters, place by place; to (count, 36, out).
        bias: Added to the result; (out,).
        out: Where the result goes; (H, W, out).
        before: Changes rows of the picture in place before they are convolved; what lies around stays zero. (rows, W, in).
    """
    (height, width, inputs), outputs = picture.shape, out.shape[-1]
    lines, across = patches_of_band(height, width)
    rows = TILE * lines
    band = picture.new_zeros(rows + 2, TILE * across + 2, inputs)
    down, count = -(-height // TILE), lines * across
    patches, seen = (picture.new_empty(count, PLACES, inputs) for _ in range(2))
    tiles = picture.new_empty(count, TILE * TILE, outputs)
    whole_tiles = (TILE * down, TILE * across, outputs)
    result = out if out.shape == whole_tiles else picture.new_empty(whole_tiles)
    from_patch, to_tile = (matrix.expand(count, -1, -1) for matrix in (FROM_PATCH, TO_TILE))
    line, column, _ = band.stride()
    overlapping = band.as_strided((lines, across, PATCH, PATCH, inputs), (TILE * line, TILE * column, line, column, 1))
    offset = 0.0 if bias is None else bias

    filled = -1  # rows of the picture that are in the band, or were; the first line is around the picture
    for top in range(0, height, rows):
        if top:
            band[:2] = band[rows:]
            filled = top + 1
        fresh = picture[max(filled, 0) : top + rows + 1]
        begin = max(filled, 0) - (top - 1)
        place = band[begin : begin + len(fresh), 1 : width + 1]
        place.copy_(fresh)
        if before is not None:
            before(place)
        band[begin + len(fresh) :] = 0
        patches.view(overlapping.shape).copy_(overlapping)
        torch.bmm(from_patch, patches, out=seen)
        torch.bmm(to_tile, product(seen), out=tiles)
        whole = min(lines, down - top // TILE)
        into = result[top : top + TILE * whole].view(whole, TILE, across, TILE, outputs)
        parts = tiles.view(lines, across, TILE, TILE, outputs)[:whole]
        torch.add(parts.transpose(1, 2), offset, out=into)
    if result is not out:
        out.copy_(result[:height, :width])
