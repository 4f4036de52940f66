"""Pictures with their holes filled, once or several times: what is said and shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ..sampler.mask import Crops, Stitched
from .contact_sheet import contact_sheet
from .fills import Fill
from .preview import shown_under_node
from .views import repairs_seen

__all__ = ["Filled", "in_words", "sheet", "shown"]


@dataclass(frozen=True)
class Filled:
    """One fill, and the pictures with it."""

    fill: Fill
    stitched: Stitched


def in_words(crops: Crops, done: Sequence[Filled], feather: int, note: str, doubts: Sequence[float] = ()) -> list[str]:
    """What was done, in lines.

    Args:
        crops: What was cut out.
        done: Every fill.
        feather: Width of the band.
        note: Besides.
        doubts: How little the model believes each fill, where the one it believes most is kept.
    """
    calls = sum(part.calls for each in done for part in each.fill.parts)
    side, count = crops.crops.shape[-1], len(crops.regions)
    regions = [
        f"picture {region.picture}: {region.box.width}x{region.box.height} at ({region.box.left}, {region.box.top})"
        for region in crops.regions
    ]
    _, *settings = done[0].fill.parts[0].record
    seeds = ", ".join(str(each.fill.seed) for each in done)
    return [
        f"{calls} model calls, {count} region{'s' * (count > 1)} at {side}x{side}",
        *regions,
        *settings,
        *([f"fill by fill, seeds {seeds}"] if len(done) > 1 else []),
        *(best_in_words(done, doubts) if doubts else []),
        f"largest change outside the mask: {255 * max(each.stitched.band for each in done):.3g} of 255 in the band of "
        f"{feather} px, {255 * max(each.stitched.beyond for each in done):.3g} beyond it",
        *([note] if note else []),
    ]


def best_in_words(done: Sequence[Filled], doubts: Sequence[float]) -> list[str]:
    best = min(doubts)
    figures = ", ".join(f"{doubt - best:.2f}" for doubt in doubts)
    return [f"kept: seed {done[doubts.index(best)].fill.seed}; the model doubts the fills by so much more: {figures}"]


def sheet(crops: Crops, done: Sequence[Filled]) -> Image.Image:
    """The first picture's painted parts, fill by fill."""
    top, left, bottom, right = around(crops)
    tiles = [each.stitched.pictures[0, :, top:bottom, left:right] for each in done]
    return contact_sheet(tiles, [f"{number + 1}: seed {each.fill.seed}" for number, each in enumerate(done)])


def around(crops: Crops) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of all that is shown to the model of the first picture; the whole picture, if nothing is."""
    boxes = [region.box for region in crops.regions if region.picture == 0]
    height, width = crops.pictures.shape[-2:]
    if not boxes:
        return 0, 0, height, width
    box = boxes[0]
    for other in boxes[1:]:
        box = box.union(other)
    return max(0, box.top), max(0, box.left), min(height, box.bottom), min(width, box.right)


def shown(crops: Crops, done: Sequence[Filled]):
    """Under the node: before and after, or the fills to choose from."""
    if len(done) > 1:
        return shown_under_node(lambda: [sheet(crops, done)])
    return shown_under_node(lambda: repairs_seen(crops, done[0].stitched))
