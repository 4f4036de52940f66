"""Paper Test Mask."""

import comfy.utils
import torch
from comfy_api.latest import io

from ..sampler.mask import PAPER_MASKS, check_room, paper_mask
from .checked import checked
from .convert import pictures_from_image
from .seed import seed_input

__all__ = ["PaperTestMask"]

ALL_SIX = "all six of RePaint"
SIX = tuple(PAPER_MASKS)[:6]
NOTHING = "nothing"


class PaperTestMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceTestMask",
            display_name="Paper Test Mask",
            category="mask guidance",
            description=(
                "The six masks of the RePaint paper, and boxes, checkerboards, free-form strokes and random rectangles of "
                "others, at any size, to compare settings on what the literature uses."
            ),
            search_aliases=["test mask", "RePaint mask", "irregular mask", "random mask", "half mask", "checkerboard"],
            inputs=[
                io.Combo.Input(
                    "kind",
                    options=[*PAPER_MASKS, ALL_SIX],
                    default="wide",
                    tooltip="wide, narrow: random strokes (LaMa's). every second line; half: the right one; expand: all but "
                    "the middle; super-resolve 2x: one pixel of four is kept. box: the middle. free-form: DeepFill's strokes. "
                    "random rectangles: one to four; random half: any of four; random centre: a box of random size in the "
                    "middle. everything: the whole picture. all six of RePaint: a batch of the first six.",
                ),
                io.Int.Input("width", default=256, min=1, max=16384, tooltip="In pixels, if no picture is connected."),
                io.Int.Input("height", default=256, min=1, max=16384, tooltip="In pixels, if no picture is connected."),
                seed_input(
                    "Of the random kinds (wide, narrow, free-form, random ...). Same seed, same mask, on any device and "
                    "at any place in a batch."
                ),
                io.Int.Input(
                    "batch_size",
                    default=1,
                    min=1,
                    max=4096,
                    tooltip="How many masks of each kind. The random kinds differ from each other.",
                ),
                io.Image.Input("image", optional=True, tooltip="Take width and height from this picture."),
                io.Combo.Input(
                    "united_with",
                    options=[NOTHING, *PAPER_MASKS],
                    default=NOTHING,
                    optional=True,
                    tooltip="A second kind: what either of the two paints.",
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="MASK"),
                io.Float.Output(display_name="coverage", tooltip="Share that is masked, 0 to 1."),
            ],
        )

    @classmethod
    @checked
    def execute(cls, kind, width, height, seed, batch_size, image=None, united_with=NOTHING) -> io.NodeOutput:
        if image is not None:
            height, width = pictures_from_image(image).shape[-2:]
        kinds = SIX if kind == ALL_SIX else (kind,)
        kinds = kinds if united_with == NOTHING else tuple(f"{name}+{united_with}" for name in kinds)
        count = len(kinds) * batch_size
        given = 0 if image is None else image.numel()
        check_room(count * height * width, given, f"{count} masks of {width}x{height}", "take fewer or smaller ones")
        bar = comfy.utils.ProgressBar(count)  # with it the host stops the node when asked to
        mask = torch.cat([paper_mask(name, height, width, seed, batch_size, lambda: bar.update(1)) for name in kinds])
        return io.NodeOutput(mask, float(mask.mean(dtype=torch.float64)))
