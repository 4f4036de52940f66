"""What an instruction model was asked to change in a picture, put into the untouched original.

placement.py   where one picture lies on another
texture.py     what two pictures have in common whatever their colours are
alignment.py   find where the edited picture lies
least_squares.py  what both fits share
colours.py     one change of colours for the whole picture
difference.py  how far two pictures differ, in units of their noise
change.py      all of these: the mask of what was changed
composite.py   clean the mask, and put the change into the original
"""

from .alignment import Alignment, align
from .change import Change, Comparison, find_change
from .composite import Cleaning, Composite, composite_edit
from .placement import WHOLE, Placement, laid_over

__all__ = [
    "WHOLE",
    "Alignment",
    "Change",
    "Cleaning",
    "Comparison",
    "Composite",
    "Placement",
    "align",
    "composite_edit",
    "find_change",
    "laid_over",
]
