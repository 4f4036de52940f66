"""Mask from Image."""

from collections.abc import Callable

from comfy_api.latest import io
from torch import Tensor

from ..sampler.mask import CHANNELS, from_alpha, from_channel, from_colour, from_luminance
from .checked import checked
from .colour import colour_from_hex, colour_input
from .convert import pictures_from_image
from .coverage import coverage_in_words
from .preview import shown_under_node
from .views import masks_seen

__all__ = ["MaskFromImage"]

# Functions of the pictures (B, C, H, W) and of those of the node's settings that they use.
SOURCES: dict[str, Callable[..., Tensor]] = {
    "colour": lambda pictures, colour, tolerance, softness, **_: from_colour(
        pictures, colour_from_hex(colour), tolerance / 255, softness / 255
    ),
    "brightness": lambda pictures, darkest, brightest, softness, **_: from_luminance(
        pictures, darkest, brightest, softness / 255
    ),
    "transparency": lambda pictures, **_: from_alpha(pictures),
    **{name: lambda pictures, name=name, **_: from_channel(pictures, name) for name in CHANNELS},
}


class MaskFromImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceMaskFromImage",
            display_name="Mask from Image",
            category="mask guidance",
            description="A mask out of a picture: where it is transparent, has a colour, a brightness, or a channel's values.",
            search_aliases=[
                "image to mask",
                "colour to mask",
                "color to mask",
                "alpha to mask",
                "chroma key",
                "luminance",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The picture, one or a batch."),
                io.Combo.Input(
                    "source",
                    options=list(SOURCES),
                    default="colour",
                    tooltip="colour: where the picture has about the colour below. brightness: where it lies between "
                    "darkest and brightest. transparency: where the alpha channel is low. red, green, blue, alpha: "
                    "that channel's values as a soft mask.",
                ),
                colour_input(
                    "#ffffff",
                    "For colour: red, green, blue in two digits each, such as #ff8000. Its opacity does not count.",
                ),
                io.Int.Input(
                    "tolerance",
                    default=16,
                    min=0,
                    max=255,
                    tooltip="For colour: how far any of red, green, blue may be off, of 255. 0 takes that very "
                    "colour; more takes in its neighbours.",
                ),
                io.Float.Input(
                    "darkest",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="For brightness: the darkest that is masked, 0 is black.",
                ),
                io.Float.Input(
                    "brightest",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="For brightness: the brightest that is masked, 1 is white.",
                ),
                io.Int.Input(
                    "softness",
                    default=0,
                    min=0,
                    max=255,
                    tooltip="For colour and brightness: over so many levels of 255 beyond the range it fades out. 0 is hard.",
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="MASK"),
                io.String.Output(display_name="report", tooltip="How much is masked."),
            ],
        )

    @classmethod
    @checked
    def execute(cls, image: Tensor, source: str, **settings: int | float | str) -> io.NodeOutput:
        pictures = pictures_from_image(image)
        mask = SOURCES[source](pictures, **settings)
        shown = shown_under_node(lambda: masks_seen(mask, pictures))
        return io.NodeOutput(mask, coverage_in_words(mask), ui=shown)
