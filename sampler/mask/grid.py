"""A mask on a model's own grid: pixels, latent cells, or latent cells and frames; and what is lost or gained there."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .regions import label

__all__ = ["FRAMES", "PAINTED_FROM", "SNAPPING", "grid_report", "to_grid"]

PAINTED_FROM = 0.5  # mask values from here on are painted, wherever it must be one or the other
FRAMES = ("auto", "even", "first alone")
ALL, NONE = 1 - 1e-6, 1e-6
BORDER_MASKED = 0.75  # of the border, in a mask that covers more than half: probably inverted


def to_grid(mask: Tensor, size: tuple[int, ...], how: str = "any touch", frames: str = "auto") -> Tensor:
    """A mask at a grid's size, smaller or larger, at any ratio.

    Cell i of n covers the source from i * s / n to (i + 1) * s / n along each axis, in whole or in parts of pixels.

    Args:
        mask: In [0, 1]; (B, H, W), (B, 1, H, W) or, with frames, (B, 1, T, H, W).
        size: (h, w), or (t, h, w) for a grid with frames; a mask without frames is repeated for each.
        how: "any touch": the largest value under the cell, so no stroke is lost. "area": their average by area.
            "nearest": the value at the cell's centre.
        frames: How cells cover frames. "even": like the other axes. "first alone": the first frame has a cell of its own
            and the others share the rest, as in video VAEs with 1 + 4k frames. "auto": the latter if frames - 1 is a
            multiple of cells - 1 and frames is no multiple of cells.

    Returns:
        float, in the mask's layout: (B, h, w), (B, 1, h, w) or (B, 1, t, h, w).

    Raises:
        ValueError: Unknown name, or a size that does not fit the mask's dimensions.
    """
    if how not in SNAPPING:
        raise ValueError(f"Snapping is '{how}', but must be one of: {', '.join(SNAPPING)}.")
    if frames not in FRAMES:
        raise ValueError(f"The rule for frames is '{frames}', but must be one of: {', '.join(FRAMES)}.")
    if mask.ndim not in (3, 4, 5) or len(size) not in (2, 3) or (mask.ndim == 5 and len(size) == 2) or min(size) < 1:
        raise ValueError(
            f"A mask of shape {tuple(mask.shape)} does not fit a grid of {tuple(size)}; a mask is (B, H, W), (B, 1, H, W) or "
            "(B, 1, T, H, W), a grid (h, w) or (t, h, w), and a mask with frames needs a grid with frames."
        )
    mask = mask if mask.is_floating_point() else mask.float()
    if len(size) == 2:
        return along(along(mask, -2, size[0], how), -1, size[1], how)
    flat = along(along(with_frames(mask), -2, size[1], how), -1, size[2], how)
    return along_frames(flat, size[0], how, frames)


def with_frames(mask: Tensor) -> Tensor:
    """Any layout as (B, 1, T, H, W)."""
    return mask if mask.ndim == 5 else mask.reshape(len(mask), 1, 1, *mask.shape[-2:])


def along_frames(volume: Tensor, cells: int, how: str, frames: str) -> Tensor:
    count = volume.shape[2]
    if count == 1:
        return volume.expand(-1, -1, cells, -1, -1)
    small, large = sorted((count, cells))
    fits = small > 1 and (large - 1) % (small - 1) == 0 and large % small != 0
    if frames == "first alone" or (frames == "auto" and fits):
        if cells == 1:
            return along(volume, 2, 1, how)
        return torch.cat([volume[:, :, :1], along(volume[:, :, 1:], 2, cells - 1, how)], dim=2)
    return along(volume, 2, cells, how)


def along(mask: Tensor, axis: int, cells: int, how: str) -> Tensor:
    """One axis at another length; all three ways are separable."""
    if mask.shape[axis] == cells:
        return mask
    return SNAPPING[how](mask.movedim(axis, -1), cells).movedim(-1, axis)


def any_touch(rows: Tensor, cells: int) -> Tensor:
    # Adaptive pooling takes pixels floor(i * s / n) to ceil((i + 1) * s / n): exactly those that a cell touches.
    return F.adaptive_max_pool1d(rows.reshape(1, -1, rows.shape[-1]), cells).reshape(*rows.shape[:-1], cells)


def area(rows: Tensor, cells: int) -> Tensor:
    source = rows.shape[-1]
    if source % cells == 0:
        return rows.reshape(*rows.shape[:-1], cells, source // cells).mean(-1)
    if cells % source == 0:
        return rows.repeat_interleave(cells // source, dim=-1)
    edge = torch.arange(cells + 1, dtype=torch.float64) * source / cells
    pixel = torch.arange(source, dtype=torch.float64)
    shared = torch.minimum(edge[1:], pixel[:, None] + 1) - torch.maximum(edge[:-1], pixel[:, None])
    weights = shared.clamp(min=0) * cells / source
    return (rows.double() @ weights.to(rows.device)).clamp(0, 1).to(rows.dtype)  # float32 sums would make 0.99999 of 1


def nearest(rows: Tensor, cells: int) -> Tensor:
    centre = (2 * torch.arange(cells, device=rows.device) + 1) * rows.shape[-1] // (2 * cells)
    return rows.index_select(-1, centre)


SNAPPING: dict[str, Callable[[Tensor, int], Tensor]] = {"any touch": any_touch, "area": area, "nearest": nearest}


def grid_report(mask: Tensor, on_grid: Tensor, threshold: float = PAINTED_FROM) -> str:
    """What a grid makes of a mask, in words.

    Args:
        mask: The mask as it was drawn; in [0, 1], a layout that `to_grid` takes.
        on_grid: The same on the grid, from `to_grid`.
        threshold: Values from here on are painted.

    Returns:
        Lines: coverage before and after, strokes lost, widening and narrowing in percent of the picture, and warnings
        for masks that are empty, full or probably inverted.
    """
    grid = "x".join(str(n) for n in reversed(on_grid.shape[-2:]))
    volume, cells = with_frames(mask), with_frames(on_grid)
    if volume.shape[2] == 1 and cells.shape[2] > 1:  # a still mask for a video: every frame is the same
        cells = cells.amax(2, keepdim=True)
    strokes = lost = 0
    before = widened = narrowed = border = 0.0
    pictures = len(volume) * volume.shape[2]
    for picture, on in zip(volume, cells, strict=True):
        seen = to_grid(on[None], tuple(picture.shape[-3:]), "nearest")[0, 0] >= threshold
        drawn = picture[0] >= threshold
        before += float(drawn.sum()) / drawn[0].numel()
        widened += float((seen & ~drawn).sum()) / drawn[0].numel()
        narrowed += float((drawn & ~seen).sum()) / drawn[0].numel()
        border += share_of_border(drawn) * len(drawn)
        for one, kept in zip(drawn, seen, strict=True):  # a frame at a time: numbers take eight bytes a pixel
            labels, count = label(one[None])
            survive = torch.zeros(count + 1, dtype=torch.bool, device=labels.device)
            survive[labels[0][kept]] = True
            strokes, lost = strokes + count, lost + count - int(survive[1:].sum())
    before, widened, narrowed = (value / pictures for value in (before, widened, narrowed))
    border /= pictures
    after = float((on_grid >= threshold).double().mean())
    lines = [f"{percent(before)} of the picture is masked; on the model's {grid} grid {percent(after)}"]
    if lost:
        lines.append(f"{lost} of {strokes} {'stroke' if strokes == 1 else 'strokes'} would be lost")
    lines += [f"widened by {percent(widened)} of the picture"] * (widened > 0)
    lines += [f"narrowed by {percent(narrowed)} of the picture"] * (narrowed > 0)
    return "\n".join(lines + warnings(before, after, border, float(mask.amax()) if mask.numel() else 0.0, threshold))


def warnings(before: float, after: float, border: float, largest: float, threshold: float) -> list[str]:
    if largest <= 0:
        return ["the mask is empty: nothing would be painted"]
    if largest < threshold:
        return [f"no value reaches {threshold:g} (the largest is {largest:.3g}): nothing would be painted"]
    if after <= NONE:
        return ["nothing is left of it on the grid: nothing would be painted"]
    if before >= ALL:
        return ["everything is masked: nothing of the picture is kept"]
    if before > 0.5 and border >= BORDER_MASKED:
        return ["probably inverted: it covers most of the picture and its border"]
    return ["everything is masked on the grid: nothing of the picture is kept"] if after >= ALL else []


def share_of_border(drawn: Tensor) -> float:
    """How much of the pictures' border is masked, 0 to 1; drawn bool (T, H, W)."""
    sides = [drawn[..., 0, :], drawn[..., -1, :], drawn[..., 1:-1, 0], drawn[..., 1:-1, -1]]
    return float(torch.cat([side.flatten(1) for side in sides], dim=1).double().mean())


def percent(share: float) -> str:
    """As many digits as it takes: 0.04 % is not 0 %, and 99.98 % not 100 %."""
    value = 100 * share
    digits = 1 if value in (0.0, 100.0) else min(4, max(1, -math.floor(math.log10(min(value, abs(100 - value))))))
    return f"{value:.{digits}f} %" if value not in (0.0, 100.0) else f"{value:.0f} %"
