"""Several fills of one picture side by side, each with its seed under it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .views import seen

__all__ = ["contact_sheet", "image_of"]

SIDE = 384  # pixels of a tile's longer side, at most
STRIP = 40  # for the words under a tile
GAP = 6
PAPER, INK, LETTERS = (28, 28, 28), "white", 28


def contact_sheet(tiles: Sequence[Tensor], words: Sequence[str]) -> Image.Image:
    """A sheet, nearly square, row by row.

    Args:
        tiles: (C, H, W) in [0, 1], all of one size; 1, 3 or 4 channels, of which opacity is not shown.
        words: One line for each.
    """
    shown = [seen(tile, (SIDE, SIDE)) for tile in tiles]
    across = math.ceil(math.sqrt(len(shown)))
    width, height = (side + GAP for side in (shown[0].width, shown[0].height + STRIP))
    sheet = Image.new("RGB", (across * width + GAP, math.ceil(len(shown) / across) * height + GAP), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(LETTERS)
    for number, (tile, line) in enumerate(zip(shown, words, strict=True)):
        row, column = divmod(number, across)
        left, top = GAP + column * width, GAP + row * height
        sheet.paste(tile, (left, top))
        pen.text((left + 4, top + tile.height + 2), line, fill=INK, font=font)
    return sheet


def image_of(sheet: Image.Image) -> Tensor:
    """As IMAGE (1, H, W, 3)."""
    return torch.from_numpy(np.array(sheet)).float().div(255)[None]
