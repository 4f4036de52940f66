"""Pictures with their holes filled, once or several times: what is said and shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from PIL import Image
from torch import Tensor

from ..sampler.mask import Box, Crops, Stitched
from .contact_sheet import contact_sheet
from .fills import Fill
from .preview import shown_under_node
from .views import part, repairs_seen

__all__ = ["Filled", "in_words", "sheet", "shown"]

NOTES = 6  # of a part's record: lines from here on are its own


@dataclass(frozen=True)
class Filled:
    """One fill, and the pictures with it."""

    fill: Fill
    stitched: Stitched


def in_words(crops: Crops, done: Sequence[Filled], feather: int, note: str, doubts: Tensor | None) -> list[str]:
    """What was done, in lines.

    Args:
        crops: What was cut out.
        done: Every fill.
        feather: Width of the band.
        note: Besides.
        doubts: How little the model believes each fill of each picture, where the one it believes most is kept; (fills, B).
    """
    calls = sum(each.fill.calls for each in done)
    side, count = crops.crops.shape[-1], len(crops.regions)
    regions = [
        f"picture {region.picture}: {region.box.width}x{region.box.height} at ({region.box.left}, {region.box.top})"
        for region in crops.regions
    ]
    first, *others = done[0].fill.parts
    _, *settings = first.record
    settings += [*dict.fromkeys(line for other in others for line in other.record[NOTES:] if line not in settings)]
    together = f", {first.samples.shape[0]} at a time" if others else ""
    seeds = ", ".join(str(each.fill.seed) for each in done)
    return [
        f"{calls} model calls, {count} region{'s' * (count > 1)} at {side}x{side}{together}",
        *regions,
        *settings,
        *([f"fill by fill, seeds {seeds}"] if len(done) > 1 else []),
        *([] if doubts is None else best_in_words(done, doubts)),
        f"largest change outside the mask: {255 * max(each.stitched.band for each in done):.3g} of 255 in the band of "
        f"{feather} px, {255 * max(each.stitched.beyond for each in done):.3g} beyond it",
        *([note] if note else []),
    ]


def best_in_words(done: Sequence[Filled], doubts: Tensor) -> list[str]:
    seeds = [done[fill].fill.seed for fill in doubts.argmin(0).tolist()]
    more = [", ".join(f"{float(doubt - own.min()):.2f}" for doubt in own) for own in doubts.T]
    return [
        f"picture {number}, kept: seed {seed}; the model doubts the fills by so much more: {figures}"
        for number, (seed, figures) in enumerate(zip(seeds, more, strict=True))
    ]


def sheet(crops: Crops, done: Sequence[Filled]) -> Image.Image:
    """The painted parts of the first picture that has any, fill by fill."""
    picture = crops.regions[0].picture
    box = around(crops, picture)
    tiles = [part(each.stitched.pictures[picture], box) for each in done]
    return contact_sheet(tiles, [f"{number + 1}: seed {each.fill.seed}" for number, each in enumerate(done)])


def around(crops: Crops, picture: int) -> Box:
    """All that is shown to the model of a picture."""
    boxes = (region.box for region in crops.regions if region.picture == picture)
    return reduce(Box.union, boxes).intersection(Box(0, 0, *crops.pictures.shape[-2:]))


def shown(crops: Crops, done: Sequence[Filled]):
    """Under the node: before and after, or the fills to choose from."""
    if len(done) > 1:
        return shown_under_node(lambda: [sheet(crops, done)])
    return shown_under_node(lambda: repairs_seen(crops, done[0].stitched))
