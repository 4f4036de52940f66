"""Masks as the host has them: float in [0, 1], 1 is repainted. (The samplers beside this package keep where `known` is 1.)

Masks are (B, H, W), pictures (B, C, H, W) in [0, 1]; any device.

distance.py   exact distances: Euclidean, chessboard, city-block
regions.py    connected regions
grid.py       a mask on a model's own grid, and what is lost there
morph.py      grow and shrink
holes.py      fill holes, remove specks
soften.py     smooth outlines, feather edges
batch.py      how many masks for how many pictures, which sizes
"""

from .batch import at_size, one_for_each, paired
from .distance import METRICS, distance
from .grid import FRAMES, SNAPPING, grid_report, to_grid
from .holes import fill_holes, remove_specks
from .morph import SHAPES, grow, shrink
from .regions import label, region_boxes
from .soften import FEATHERS, feather, smooth_outline

__all__ = [
    "FEATHERS",
    "FRAMES",
    "METRICS",
    "SHAPES",
    "SNAPPING",
    "at_size",
    "distance",
    "feather",
    "fill_holes",
    "grid_report",
    "grow",
    "label",
    "one_for_each",
    "paired",
    "region_boxes",
    "remove_specks",
    "shrink",
    "smooth_outline",
    "to_grid",
]
