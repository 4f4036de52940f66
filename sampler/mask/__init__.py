"""Masks as the host has them: float in [0, 1], 1 is repainted. (The samplers beside this package keep where `known` is 1.)

regions.py    connected regions
grid.py       a mask on a model's own grid, and what is lost there
"""

from .grid import FRAMES, SNAPPING, grid_report, to_grid
from .regions import label, region_boxes

__all__ = ["FRAMES", "SNAPPING", "grid_report", "label", "region_boxes", "to_grid"]
