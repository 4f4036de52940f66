"""Masks as the host has them: float in [0, 1], 1 is repainted. (The samplers beside this package keep where `known` is 1.)

Masks are (B, H, W), pictures (B, C, H, W) in [0, 1]; any device.

preparation.py  all that makes a drawn mask fit for use, in a fixed order
distances.py    exact distances: Euclidean, chessboard, city-block
regions.py      connected regions
morph.py        grow and shrink
holes.py        fill holes, remove specks
soften.py       smooth outlines, feather edges
source.py       masks out of pictures
paper.py        masks of the literature
grid.py         a mask on a model's own grid, and what is lost there
filling.py      something plain in place of what is masked
cropping.py     cut regions out, with context, at a model's size; merging.py says which are one
stitching.py    put them back
blend.py        how old and new are joined; harmonic.py solves for it
outpaint.py     pad pictures, with the mask
resample.py     pictures and masks at another size
room.py         how large a result may get
precision.py    half types, for steps that need more
batch.py        how many masks for how many pictures, which sizes
"""

from .batch import SAME_SHAPE, at_size, in_chunks, one_for_each, paired, same_shape
from .blend import BLENDS
from .cropping import SPLITS, Box, Crops, Frame, crop
from .distances import METRICS, distance
from .filling import FILLS, fill
from .grid import FRAMES, PAINTED_FROM, SNAPPING, grid_report, to_grid
from .holes import fill_holes, remove_specks
from .morph import SHAPES, grow, shrink
from .outpaint import PADDINGS, PLACES, Sides, pad, sides_for_ratio, sides_for_size, sides_in_percent, snapped
from .paper import PAPER_MASKS, paper_mask
from .preparation import Setting, prepare, settings_by_age
from .regions import label, region_boxes
from .room import check_room
from .soften import FEATHERS, feather, smooth_outline
from .source import CHANNELS, from_alpha, from_channel, from_colour, from_luminance
from .stitching import Stitched, stitch

__all__ = [
    "BLENDS",
    "CHANNELS",
    "FEATHERS",
    "FILLS",
    "FRAMES",
    "METRICS",
    "PADDINGS",
    "PAINTED_FROM",
    "PAPER_MASKS",
    "PLACES",
    "SAME_SHAPE",
    "SHAPES",
    "SNAPPING",
    "SPLITS",
    "Box",
    "Crops",
    "Frame",
    "Setting",
    "Sides",
    "Stitched",
    "at_size",
    "check_room",
    "crop",
    "distance",
    "feather",
    "fill",
    "fill_holes",
    "from_alpha",
    "from_channel",
    "from_colour",
    "from_luminance",
    "grid_report",
    "grow",
    "in_chunks",
    "label",
    "one_for_each",
    "pad",
    "paired",
    "paper_mask",
    "prepare",
    "region_boxes",
    "remove_specks",
    "same_shape",
    "settings_by_age",
    "shrink",
    "sides_for_ratio",
    "sides_for_size",
    "sides_in_percent",
    "smooth_outline",
    "snapped",
    "stitch",
    "to_grid",
]
