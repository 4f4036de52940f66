"""Pictures of what a node has done, shown under it: boxes of crops, masks over pictures, repaired places before and after."""

import math

import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..sampler.mask import PAINTED_FROM, Box, Crops, Stitched
from .preview import LEAST_SIDE, outlined

__all__ = ["PAINTED", "STRENGTH", "WIDENED", "crops_seen", "masks_seen", "pair", "repairs_seen", "seen"]

PAINTED, WIDENED = (1.0, 0.25, 0.2), (1.0, 0.75, 0.1)  # red: what is painted; yellow: what it takes around it
STRENGTH = 0.55  # of a colour over a picture
LARGEST = 1024  # pixels of a side of what is shown
MOST_SHOWN = 6  # pictures: of a video, its beginning
GAP = 8  # pixels between before and after
CONTEXT = 0.5  # around a repaired place, at each side, of the side of a square as large
LEAST_CONTEXT = 16  # pixels


def crops_seen(crops: Crops) -> list[Image.Image]:
    """The pictures with the outline of what is masked, and the crops' boxes with their numbers in the batch."""
    views = []
    for picture in [*dict.fromkeys(region.picture for region in crops.regions)][:MOST_SHOWN]:
        view = with_outline(seen(crops.pictures[picture]), crops.mask[picture] > 0)
        scale = view.width / crops.mask.shape[-1]
        for number, region in enumerate(crops.regions):
            if region.picture == picture:
                draw_box(view, region.box, scale, str(number))
        views.append(view)
    return views


def masks_seen(masks: Tensor, pictures: Tensor | None = None) -> list[Image.Image]:
    """Masks, white where something is painted; or red over pictures in grey.

    Args:
        masks: (B, H, W).
        pictures: (B, C, H, W).
    """
    views = [seen(mask[None]) for mask in masks[:MOST_SHOWN]]
    return views if pictures is None else [tinted(seen(p), v) for p, v in zip(pictures, views, strict=False)]


def tinted(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture in grey, so that red is seen on any."""
    red = Image.new("RGB", picture.size, in_bytes(PAINTED))
    share = mask.convert("L").point(lambda value: round(STRENGTH * value))
    return Image.composite(red, picture.convert("L").convert("RGB"), share)


def repairs_seen(crops: Crops, stitched: Stitched) -> list[Image.Image]:
    """For each crop that was put back, the changed place with what is around it: before, outlined, and after."""
    placed = [(region.picture, place) for region, place in zip(crops.regions, stitched.places, strict=True) if place]
    whole = Box(0, 0, *crops.mask.shape[-2:])
    views = []
    for picture, place in placed[:MOST_SHOWN]:
        box = with_context(place, whole)
        old, new, weight = (part(each[picture], box) for each in (crops.pictures, stitched.pictures, stitched.weight))
        views.append(pair(old, new, weight >= PAINTED_FROM))
    return views


def pair(old: Tensor, new: Tensor, mask: Tensor) -> Image.Image:
    """Before and after in one picture: one above the other where the place is wide, else side by side."""
    half = (LARGEST - GAP) // 2
    wide = old.shape[-1] > old.shape[-2]
    room = (LARGEST, half) if wide else (half, LARGEST)
    before, after = with_outline(seen(old, room), mask), seen(new, room)
    width, height = before.size
    offset = (0, height + GAP) if wide else (width + GAP, 0)
    both = Image.new("RGB", (offset[0] + width, offset[1] + height), "gray")
    both.paste(before)
    both.paste(after, offset)
    return both


def with_context(box: Box, whole: Box) -> Box:
    more = max(LEAST_CONTEXT, math.ceil(CONTEXT * math.sqrt(box.height * box.width)))
    return Box(box.top - more, box.left - more, box.bottom + more, box.right + more).intersection(whole)


def part(values: Tensor, box: Box) -> Tensor:
    """(..., H, W); the box lies inside."""
    return values[..., box.top : box.bottom, box.left : box.right]


def seen(picture: Tensor, room: tuple[int, int] = (LARGEST, LARGEST)) -> Image.Image:
    """A picture at a size to look at: large ones made smaller, small ones by whole numbers larger.

    Args:
        picture: (C, H, W) in [0, 1], of any number of channels.
        room: Width and height it may have.
    """
    step = max(1, max(picture.shape[-2:]) // (2 * LARGEST))  # so that the largest pictures cost no more than others
    colours = picture[:, ::step, ::step]
    colours = colours[:3] if len(colours) >= 3 else colours[:1].expand(3, -1, -1)
    image = Image.fromarray(colours.float().mul(255).round().clamp(0, 255).byte().movedim(0, -1).cpu().numpy())
    scale = min(room[0] / image.width, room[1] / image.height)
    if scale >= 1:
        factor = min(int(scale), math.ceil(LEAST_SIDE / max(image.size)))
        return image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
    sides = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
    return image.resize(sides, Image.Resampling.BOX)


def with_outline(view: Image.Image, inside: Tensor) -> Image.Image:
    """A view with the outline of a region, of which no stroke is lost where the view is smaller; bool (H, W)."""
    size = (min(view.height, inside.shape[-2]), min(view.width, inside.shape[-1]))
    region = F.adaptive_max_pool2d(inside[None].float(), size)[0]
    return outlined(view, Image.fromarray((region * 255).byte().cpu().numpy()))


def draw_box(view: Image.Image, box: Box, scale: float, name: str) -> None:
    """A box in a picture's pixels, on a view of the picture, in place; what is beyond the border is drawn at the border."""
    line = max(1, max(view.size) // LEAST_SIDE)
    scaled = Box(*(round(scale * side) for side in (box.top, box.left, box.bottom, box.right)))
    shown = scaled.intersection(Box(0, 0, view.height, view.width))
    pen = ImageDraw.Draw(view)
    for inwards, colour, width in ((0, "black", 3 * line), (line, in_bytes(WIDENED), line)):
        left, top = shown.left + inwards, shown.top + inwards
        sides = (left, top, max(left, shown.right - 1 - inwards), max(top, shown.bottom - 1 - inwards))
        pen.rectangle(sides, outline=colour, width=width)
    font = ImageFont.load_default(max(14, max(view.size) // 24))
    _, _, across, down = pen.textbbox((0, 0), name, font, stroke_width=2 * line)
    place = (min(shown.left + 5 * line, view.width - across), min(shown.top + 3 * line, view.height - down))
    pen.text(place, name, in_bytes(WIDENED), font, stroke_width=2 * line, stroke_fill="black")


def in_bytes(colour: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour)
    return red, green, blue
