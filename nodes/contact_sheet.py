"""Several fills of one picture side by side, each with its seed under it."""

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..sampler.mask import at_side

__all__ = ["contact_sheet"]

SIDE = 384  # pixels of a tile's longer side
STRIP = 28  # for the words under a tile
GAP = 6
PAPER, INK = 0.11, "white"


def contact_sheet(tiles: Sequence[Tensor], words: Sequence[str]) -> Tensor:
    """A sheet, nearly square, row by row; IMAGE (1, H, W, 3).

    Args:
        tiles: (C, H, W) in [0, 1], all of one size; 1, 3 or 4 channels, of which opacity is not shown.
        words: One line for each.
    """
    shown = [with_words(at_side(tile[None], SIDE)[0], line) for tile, line in zip(tiles, words, strict=True)]
    across = math.ceil(math.sqrt(len(shown)))
    height, width = shown[0].shape[:2]
    rows = math.ceil(len(shown) / across)
    sheet = torch.full((rows * (height + GAP) + GAP, across * (width + GAP) + GAP, 3), PAPER)
    for number, tile in enumerate(shown):
        top, left = (
            GAP + place * (side + GAP) for place, side in zip(divmod(number, across), (height, width), strict=True)
        )
        sheet[top : top + height, left : left + width] = tile
    return sheet[None]


def with_words(picture: Tensor, line: str) -> Tensor:
    """A picture (C, h, w) with a line under it; (h + STRIP, w, 3)."""
    colour = picture[:3] if len(picture) >= 3 else picture[:1].expand(3, -1, -1)
    strip = Image.new("RGB", (picture.shape[-1], STRIP), (round(255 * PAPER),) * 3)
    ImageDraw.Draw(strip).text((4, 5), line, fill=INK, font=ImageFont.load_default(16))
    below = torch.frombuffer(bytearray(strip.tobytes()), dtype=torch.uint8).reshape(STRIP, -1, 3) / 255
    return torch.cat([colour.movedim(0, -1).float().cpu(), below])
