"""Exact distance of every pixel to a set: Euclidean, chessboard and city-block, in whole pixels between pixel centres."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["METRICS", "distance", "nearest_inside", "squared_distance"]

FAR = 2**29  # squared distance where the set is empty: leaves room for adding squares of sides up to 16384
NO_ROW = 2**14  # distance along a column without any pixel of the set
SEARCH_PIXELS = 2**20  # rows searched together: the candidates' tables stay small
STEP_PIXELS = 2**17  # rows stepped together on a CPU: they stay in its cache
LOOK_EVERY = 16  # steps on a GPU: it waits at each look whether anything has changed
SHORT = 256  # up to this many columns away, stepping is faster than searching


def distance(inside: Tensor, metric: str = "euclidean", within: int | None = None) -> Tensor:
    """Distance of every pixel to the nearest pixel of a set; 0 in the set, infinity where the set is empty.

    Args:
        inside: The set; bool (B, H, W).
        metric: "euclidean", "chessboard" (squares) or "city-block" (diamonds).
        within: Distances beyond this may come back as any larger value; saves time.

    Returns:
        float32 (B, H, W).
    """
    if metric not in METRICS:
        raise ValueError(f"The metric is '{metric}', but must be one of: {', '.join(METRICS)}.")
    found = METRICS[metric](inside, within)
    return torch.where(found >= NO_ROW, torch.inf, found)


def euclidean(inside: Tensor, within: int | None) -> Tensor:
    return squared_distance(inside, within).double().sqrt().float()


def squared_distance(inside: Tensor, within: int | None = None) -> Tensor:
    """Squared Euclidean distance to the nearest pixel of a set, in whole numbers: int32 (B, H, W), FAR if it is empty."""
    column = along_columns(inside)
    squares = torch.where(column >= NO_ROW, FAR, column * column)
    if within is not None and within <= SHORT:
        return stepped(squares, within)
    return squares_at(squares, best_columns(squares))


def nearest_inside(inside: Tensor) -> Tensor:
    """The nearest pixel of a set, by Euclidean distance; where several are, always the same one.

    Args:
        inside: bool (B, H, W), no picture's set empty.

    Returns:
        Flat index y * W + x; int64 (B, H, W).
    """
    column = along_columns(inside)
    squares = torch.where(column >= NO_ROW, FAR, column * column)
    x = best_columns(squares)
    y = torch.arange(inside.shape[1], device=inside.device)[:, None]
    away = column.gather(2, x).long()
    above = (y - away).clamp(min=0)
    is_above = inside.flatten(1).gather(1, (above * inside.shape[2] + x).flatten(1)).reshape(x.shape)
    row = torch.where(is_above & (y >= away), above, y + away)
    return row.clamp(max=inside.shape[1] - 1) * inside.shape[2] + x


def along_columns(inside: Tensor) -> Tensor:
    """Distance to the set within each column; int32 (B, H, W), NO_ROW where the column has none."""
    y = torch.arange(inside.shape[1], device=inside.device, dtype=torch.int32)[:, None]
    above = torch.where(inside, y, -NO_ROW).cummax(1).values
    below = torch.where(inside, y, 2 * NO_ROW).flip(1).cummin(1).values.flip(1)
    return torch.minimum(y - above, below - y).clamp(max=NO_ROW)


def stepped(squares: Tensor, reach: int) -> Tensor:
    """Min over columns x' of squares(x') + (x - x')^2, for |x - x'| <= reach, one column further at a time.

    x^2 is the sum of the first |x| odd numbers, so step k costs 2k - 1 (Huang & Mitchell 1994). A step that changes
    nothing ends it: later ones cost more.
    """
    rows = squares.reshape(-1, squares.shape[-1])
    if rows.device.type != "cpu":
        return stepped_rows(rows, reach, LOOK_EVERY).reshape(squares.shape)
    together = max(1, STEP_PIXELS // rows.shape[1])
    return torch.cat([stepped_rows(part, reach) for part in torch.split(rows, together)]).reshape(squares.shape)


def stepped_rows(rows: Tensor, reach: int, look_every: int = 1) -> Tensor:
    best = rows
    for step in range(1, reach + 1):
        further = best + (2 * step - 1)
        nearer = best.clone()
        torch.minimum(best[:, 1:], further[:, :-1], out=nearer[:, 1:])
        torch.minimum(nearer[:, :-1], further[:, 1:], out=nearer[:, :-1])
        if step % look_every == 0 and torch.equal(nearer, best):
            break
        best = nearer
    return best


def best_columns(squares: Tensor) -> Tensor:
    """The column x' with the least squares(x') + (x - x')^2, the leftmost of several; int64, as `squares`."""
    rows = squares.reshape(-1, squares.shape[-1])
    together = max(1, SEARCH_PIXELS // rows.shape[1])
    return torch.cat([refined(part) for part in torch.split(rows, together)]).reshape(squares.shape)


def refined(rows: Tensor) -> Tensor:
    """Best columns of each row, from the coarsest columns to the finest; (R, W).

    x' never falls as x rises, so the answers at two columns bound those between them: n log n candidates, not n^2.
    """
    width = rows.shape[1]
    best = torch.zeros(rows.shape, dtype=torch.int64, device=rows.device)
    stride = 1 << (width.bit_length() - 1)
    while stride:
        x = torch.arange(stride - 1, width, 2 * stride, device=rows.device)
        low = torch.where(x >= stride, best[:, (x - stride).clamp(min=0)], 0)
        high = torch.where(x + stride < width, best[:, (x + stride).clamp(max=width - 1)], width - 1)
        best[:, x] = searched(rows, x, low, high)
        stride >>= 1
    return best


def searched(rows: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Best columns of x among those from low to high; x (n,), low and high (R, n)."""
    width = rows.shape[1]
    counts = (high - low + 1).flatten()
    ends = counts.cumsum(0)
    task = torch.repeat_interleave(counts)  # which (row, x) each candidate belongs to
    column = torch.arange(len(task), device=rows.device) - (ends - counts - low.flatten())[task]
    row = torch.div(task, len(x), rounding_mode="floor")
    cost = rows.flatten()[row * width + column].long() + (x[task - row * len(x)] - column) ** 2
    least = torch.full_like(counts, 2**62).scatter_reduce(0, task, cost * width + column, "amin")
    return (least % width).reshape(low.shape)


def squares_at(squares: Tensor, columns: Tensor) -> Tensor:
    x = torch.arange(squares.shape[-1], device=squares.device)
    return (squares.gather(-1, columns) + (x - columns) ** 2).int()


def city_block(inside: Tensor, within: int | None) -> Tensor:
    return along_rows(along_columns(inside)).float()


def along_rows(start: Tensor) -> Tensor:
    """Min over x' of start(x') + |x - x'|; int32, any shape (..., W)."""
    x = torch.arange(start.shape[-1], device=start.device, dtype=torch.int32)
    from_left = (start - x).cummin(-1).values + x
    from_right = (start + x).flip(-1).cummin(-1).values.flip(-1) - x
    return torch.minimum(from_left, from_right)


def chessboard(inside: Tensor, within: int | None) -> Tensor:
    """Along every row, then row by row down and up again: a step to any of eight neighbours costs 1."""
    rows = list(along_rows(torch.where(inside, 0, NO_ROW).int()).float().unbind(1))
    for order in (range(1, len(rows)), range(len(rows) - 2, -1, -1)):
        for y in order:
            rows[y] = torch.minimum(rows[y], 1 - F.max_pool1d(-rows[y - order.step], 3, 1, 1))
    return torch.stack(rows, dim=1)


METRICS: dict[str, Callable[[Tensor, int | None], Tensor]] = {
    "euclidean": euclidean,
    "chessboard": chessboard,
    "city-block": city_block,
}
