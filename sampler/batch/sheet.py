"""Contact sheets: every picture of a run beside what was masked and what was painted."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .files import PROGRAM, written

__all__ = ["BACKGROUND", "Row", "contact_sheets", "is_sheet", "rgb", "sheet_paths", "with_hole"]

CELL, GAP, LINE = 128, 4, 14
BACKGROUND, TEXT, HOLE = (24, 24, 24), (220, 220, 220), (128, 128, 128)
ROWS = 64  # pictures a sheet
BLOCKS_WIDE = 12  # cells side by side, about

Row = tuple[str, Callable[[], list[np.ndarray]]]  # name, and: original, mask (bool), results


def contact_sheets(folder: Path, rows: Sequence[Row], results: int) -> list[Path]:
    """Write contact_sheet.jpg, and contact_sheet_2.jpg ... for many pictures.

    Args:
        folder: Where to.
        rows: A picture each; its arrays are read when its turn comes.
        results: Results a picture, the same for all.
    """
    paths = sheet_paths(folder, len(rows))
    for number, path in enumerate(paths):
        image = sheet(rows[number * ROWS : (number + 1) * ROWS], results)
        with written(path) as file:
            image.save(file, "JPEG", quality=90, comment=PROGRAM)
    return paths


def sheet_paths(folder: Path, rows: int) -> list[Path]:
    """The sheets that so many pictures fill."""
    numbers = range(1, -(-rows // ROWS) + 1)
    return [folder / ("contact_sheet.jpg" if number == 1 else f"contact_sheet_{number}.jpg") for number in numbers]


def is_sheet(path: Path, manifest: Mapping[str, Any] | None) -> bool:
    """Whether a file is a contact sheet of ours.

    Args:
        path: The file.
        manifest: Of the run it lies beside. Sheets of earlier versions carry no mark; theirs are known by their measures.
    """
    try:
        with Image.open(path) as image:
            if image.info.get("comment") == PROGRAM.encode():
                return True
            variants = manifest["settings"].get("variants", 1) if manifest else 0
            across, down = block_width(2 + variants), CELL + LINE + GAP
            return variants > 0 and image.width % across == 0 and (image.height - LINE - GAP) % down == 0
    except Exception:  # no picture, or no such manifest
        return False


def block_width(columns: int) -> int:
    return columns * (CELL + GAP) + 3 * GAP


def sheet(rows: Sequence[Row], results: int) -> Image.Image:
    columns = 2 + results
    blocks = min(max(1, BLOCKS_WIDE // columns), len(rows))
    high = -(-len(rows) // blocks)
    blocks = -(-len(rows) // high)  # four pictures fill two blocks of two, and no third
    across = block_width(columns)
    image = Image.new("RGB", (blocks * across, LINE + GAP + high * (CELL + LINE + GAP)), BACKGROUND)
    draw = ImageDraw.Draw(image)
    titles = ["original", "masked", *(["result"] if results == 1 else [f"result {i}" for i in range(results)])]
    for column, title in enumerate(titles):
        draw.text((GAP + column * (CELL + GAP), 1), title, fill=TEXT)
    heading = image.crop((0, 0, across, LINE))
    for block in range(1, blocks):
        image.paste(heading, (block * across, 0))
    for place, (name, arrays) in enumerate(rows):
        block, line = divmod(place, high)
        left, top = block * across + GAP, LINE + line * (CELL + LINE + GAP)
        original, mask, *painted = arrays()
        for column, cell in enumerate([original, with_hole(original, mask), *painted]):
            image.paste(thumbnail(rgb(cell)), (left + column * (CELL + GAP), top))
        draw.text((left, top + CELL + 1), shortened(name, columns * (CELL + GAP) // 6), fill=TEXT)
    return image


def with_hole(original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture, grey where the mask (bool) is."""
    masked = rgb(original).copy()
    masked[mask] = HOLE
    return masked


def rgb(pixels: np.ndarray) -> np.ndarray:
    """Any number of channels as three."""
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        return np.stack([grey] * 3, axis=-1)
    return pixels[..., :3]


def thumbnail(pixels: np.ndarray) -> Image.Image:
    """In a square cell; small pictures enlarged by whole factors, so that pixels stay pixels."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(image.size)
    if longest <= CELL:
        factor = CELL // longest
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    else:
        image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (CELL, CELL), BACKGROUND)
    cell.paste(image, ((CELL - image.width) // 2, (CELL - image.height) // 2))
    return cell


def shortened(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"...{name[-(letters - 3) :]}"
