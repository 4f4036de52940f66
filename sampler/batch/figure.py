"""Figures: a picture, what was masked and what was painted, side by side at full size; a file for each picture.

`masked original result` is the strip of https://github.com/xyfJASON/diffusion-models-pytorch. With ten variants, `result` is a
sheet of ten fills of one picture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .pictures import read_record, save_picture
from .plan import Item
from .sheet import BACKGROUND, rgb, with_hole

__all__ = ["COLUMNS", "FIGURES", "figure", "figure_path", "save_figure"]

FIGURES = "figures"  # folder beside the results
ACROSS, GAP = 5, 2  # cells side by side at most; pixels

Cells = list[np.ndarray]
# Of the original, the mask (bool), and the results.
COLUMNS: dict[str, Callable[[np.ndarray, np.ndarray, Cells], Cells]] = {
    "original": lambda original, mask, results: [original],
    "mask": lambda original, mask, results: [mask.astype(np.uint8) * 255],
    "masked": lambda original, mask, results: [with_hole(original, mask)],
    "result": lambda original, mask, results: results,
}


def figure(columns: Sequence[str], original: np.ndarray, mask: np.ndarray, *results: np.ndarray) -> np.ndarray:
    """Cells in rows of the same length, as few as there can be; uint8 (H, W, 3).

    Args:
        columns: Keys of COLUMNS, from left to right.
        original: uint8 (H, W, C).
        mask: True where it is painted; bool (H, W).
        results: Like the original.
    """
    cells = [rgb(cell) for column in columns for cell in COLUMNS[column](original, mask, [*results])]
    down = -(-len(cells) // ACROSS)
    across = -(-len(cells) // down)
    high, wide = (side + GAP for side in original.shape[:2])
    sheet = np.full((down * high + GAP, across * wide + GAP, 3), BACKGROUND, np.uint8)
    for place, cell in enumerate(cells):
        top, left = (GAP + step * side for step, side in zip(divmod(place, across), (high, wide), strict=True))
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def figure_path(folder: Path, first: Item, variants: int) -> Path:
    """Where a picture's figure lies, of which this is the first result."""
    return folder / FIGURES / (first.result.stem.removesuffix("_0" if variants > 1 else "") + ".png")


def save_figure(path: Path, columns: Sequence[str], items: Sequence[Item], arrays: Callable[[], Cells]) -> None:
    """Write a picture's figure, unless it is there.

    Args:
        path: Where to.
        columns: See `figure`.
        items: The picture's results.
        arrays: Reads the other arguments of `figure`.
    """
    record: dict[str, object] = {"figure": [*columns], "keys": [item.key for item in items]}
    if read_record(path) != record:
        save_picture(path, figure(columns, *arrays()), record)
