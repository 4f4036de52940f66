"""Pad for Outpainting."""

import math

from comfy_api.latest import io

from ..sampler.mask import (
    PADDINGS,
    PLACES,
    Sides,
    pad,
    sides_for_ratio,
    sides_for_size,
    sides_in_percent,
    snapped,
)
from ..sampler.sentence import shortly
from .checked import checked
from .colour import colour_from_hex, colour_input
from .convert import image_from_pictures, pictures_from_image
from .seed import seed_input

__all__ = ["PadForOutpainting"]

PIXELS, PERCENT, RATIO, SIZE = "pixels", "percent", "aspect ratio", "size"
SIDES, PLACE = ("left", "top", "right", "bottom"), ("picture_across", "picture_down")
# Inputs that a choice reads, for the page, which greys the others.
PAD_BY_USES = {PIXELS: SIDES, PERCENT: SIDES, RATIO: ("aspect_ratio", *PLACE), SIZE: ("width", "height", *PLACE)}
FILL_USES = {name: {"colour": ("colour",), "noise": ("seed",)}.get(name, ()) for name in PADDINGS}
ACROSS = dict(zip(("left", "middle", "right"), PLACES, strict=True))
DOWN = dict(zip(("top", "middle", "bottom"), PLACES, strict=True))


def ratio_from(text: str) -> float:
    """'16:9', '16/9' or '1.78' as a number."""
    across, _, down = text.replace("/", ":").partition(":")
    try:
        ratio = float(across) / float(down or 1)
    except (ValueError, ZeroDivisionError):
        ratio = math.nan
    if not 0.01 <= ratio <= 100:  # also what is no number
        raise ValueError(
            f"The aspect ratio is {shortly(text)}, but must look like 16:9 or 1.78, and lie between 0.01 and 100."
        )
    return ratio


class PadForOutpainting(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceOutpaint",
            display_name="Pad for Outpainting",
            category="mask guidance",
            description=(
                "Makes a picture larger, and a mask of what is new: by pixels, percent, to an aspect ratio or a size. "
                "The picture itself does not change."
            ),
            search_aliases=["outpaint", "pad image", "extend image", "uncrop", "expand canvas", "aspect ratio"],
            inputs=[
                io.Image.Input("image", tooltip="The picture, one or a batch."),
                io.Combo.Input(
                    "pad_by",
                    options=[PIXELS, PERCENT, RATIO, SIZE],
                    default=PIXELS,
                    tooltip="pixels, percent: what left, top, right and bottom mean. aspect ratio, size: the "
                    "result's; where the picture stands in it is chosen below.",
                    extra_dict={"uses": PAD_BY_USES},
                ),
                *(
                    io.Int.Input(
                        side,
                        default=64 if side in ("left", "right") else 0,
                        min=0,
                        max=16384,
                        tooltip=f"Added at the {side}, in pixels or percent of the picture.",
                    )
                    for side in SIDES
                ),
                io.String.Input(
                    "aspect_ratio", default="16:9", tooltip="Width to height of the result, for aspect ratio."
                ),
                io.Int.Input("width", default=1024, min=1, max=16384, tooltip="Of the result, for size."),
                io.Int.Input("height", default=1024, min=1, max=16384, tooltip="Of the result, for size."),
                io.Combo.Input(
                    "picture_across",
                    options=list(ACROSS),
                    default="middle",
                    tooltip="Where the picture stands from left to right, for aspect ratio and size.",
                ),
                io.Combo.Input(
                    "picture_down",
                    options=list(DOWN),
                    default="middle",
                    tooltip="Where the picture stands from top to bottom, for aspect ratio and size.",
                ),
                io.Combo.Input(
                    "fill",
                    options=list(PADDINGS),
                    default="smooth",
                    tooltip="What the new part starts from. smooth: the border's colours, flowing outwards. edge: the "
                    "border, repeated. mirror: the picture, reflected. colour: the one below. noise: random.",
                    extra_dict={"uses": FILL_USES},
                ),
                colour_input("#808080", "For colour: red, green, blue, such as #808080. Its opacity does not count."),
                io.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="The mask reaches so many pixels into the picture, so that the model may adapt what it "
                    "joins. More hides the seam better, and repaints more of the picture.",
                ),
                io.Int.Input(
                    "multiple",
                    default=8,
                    min=1,
                    max=1024,
                    tooltip="Add a few pixels more so that both sides of the result are multiples of this: 8 for most "
                    "latent models, 1 for none.",
                ),
                seed_input("Of the noise; other fills do not use it.", advanced=True),
            ],
            outputs=[
                io.Image.Output(display_name="IMAGE"),
                io.Mask.Output(display_name="MASK", tooltip="What is new, and the overlap."),
                io.String.Output(display_name="report", tooltip="The new size, and what was added where."),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        image,
        pad_by,
        left,
        top,
        right,
        bottom,
        aspect_ratio,
        width,
        height,
        picture_across,
        picture_down,
        fill,
        colour,
        overlap,
        multiple,
        seed,
    ) -> io.NodeOutput:
        pictures = pictures_from_image(image)
        have = (pictures.shape[-2], pictures.shape[-1])
        place = ACROSS[picture_across], DOWN[picture_down]
        wanted = {
            PIXELS: lambda: Sides(left, top, right, bottom),
            PERCENT: lambda: sides_in_percent(*have, left, top, right, bottom),
            RATIO: lambda: sides_for_ratio(*have, ratio_from(aspect_ratio), *place),
            SIZE: lambda: sides_for_size(*have, (height, width), *place),
        }
        sides = snapped(*have, wanted[pad_by](), multiple)
        shade = {"colour": colour_from_hex(colour)} if fill == "colour" else {}
        padded, mask = pad(pictures, sides, fill, overlap, seed=seed, **shade)
        report = (
            f"{have[1]}x{have[0]} becomes {padded.shape[-1]}x{padded.shape[-2]}: {sides.left} px left, {sides.top} top, "
            f"{sides.right} right, {sides.bottom} bottom"
        )
        return io.NodeOutput(image_from_pictures(padded), mask.contiguous(), report)
