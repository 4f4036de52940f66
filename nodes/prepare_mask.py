"""Prepare Mask."""

import torch
from comfy_api.latest import io

from ..sampler.mask import FEATHERS, SHAPES, Preparation, prepare
from .convert import coverage_in_words, masks_from, on_device

__all__ = ["PrepareMask"]


class PrepareMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidancePrepareMask",
            display_name="Prepare Mask",
            category="mask guidance",
            essentials_category="Image Tools",
            description=(
                "Everything a drawn mask may need, in the order of the settings from top to bottom; each does nothing "
                "at its default. Pixels are pixels: grow by 32 grows by 32, on every side, also at the picture's border."
            ),
            search_aliases=[
                "grow mask",
                "shrink mask",
                "expand mask",
                "erode",
                "dilate",
                "feather mask",
                "blur mask",
                "invert mask",
                "threshold mask",
                "fill holes",
                "remove specks",
                "smooth mask",
            ],
            inputs=[
                io.Mask.Input(
                    "mask", tooltip="One mask or a batch; soft values are kept soft unless you set a threshold."
                ),
                io.Boolean.Input("invert", default=False, tooltip="Swap what is painted and what is kept."),
                io.Float.Input(
                    "threshold",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Values from here on become fully masked, all others unmasked. 0 keeps soft values as they are.",
                ),
                io.Float.Input(
                    "ignore_below",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Values fainter than this become unmasked, stronger ones stay as they are: removes the "
                    "haze of soft brushes. 0 ignores nothing.",
                ),
                io.Int.Input(
                    "remove_specks",
                    default=0,
                    min=0,
                    max=1_000_000,
                    tooltip="Separate areas that cover fewer pixels than this are cleared. 0 and 1 remove nothing.",
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=False,
                    tooltip="Mask what is enclosed by the mask. In soft masks holes fill up to the lowest point of their rim.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-4096,
                    max=4096,
                    tooltip="Grow the mask by exactly so many pixels in every direction; negative values shrink it. A "
                    "few pixels more than the object give the model room for clean edges.",
                ),
                io.Combo.Input(
                    "grow_shape",
                    options=list(SHAPES),
                    default="round",
                    tooltip="round: true distance, the same in every direction. square: corners stay sharp. diamond: "
                    "corners are cut at 45 degrees.",
                ),
                io.Int.Input(
                    "smooth_outline",
                    default=0,
                    min=0,
                    max=512,
                    tooltip="Round off corners and frayed edges within so many pixels, without softening. More is rounder.",
                ),
                io.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=2048,
                    tooltip="Width in pixels of the soft ramp at the edge; nothing farther away changes, and the "
                    "picture's border does not fade.",
                ),
                io.Combo.Input(
                    "feather_side",
                    options=list(FEATHERS),
                    default="both",
                    tooltip="outward: the mask stays whole and fades outside. inward: it fades inside, nothing "
                    "outside changes. both: half-way at the edge, so many pixels to either side.",
                ),
            ],
            outputs=[
                io.Mask.Output(display_name="MASK"),
                io.String.Output(
                    display_name="report", tooltip="The steps that were done, in their order, and coverage."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        mask,
        invert,
        threshold,
        ignore_below,
        remove_specks,
        fill_holes,
        grow,
        grow_shape,
        smooth_outline,
        feather,
        feather_side,
    ) -> io.NodeOutput:
        wanted = Preparation(
            invert=invert,
            threshold=threshold,
            ignore_below=ignore_below,
            specks=remove_specks,
            fill_holes=fill_holes,
            grow=grow,
            shape=grow_shape,
            smooth=smooth_outline,
            feather=feather,
            side=feather_side,
        )
        given = masks_from(mask)
        done: list[str] = []

        def step(part: torch.Tensor) -> torch.Tensor:
            result, done[:] = prepare(part, wanted)
            return result

        prepared = on_device(step, given)
        order = ", ".join(done) or "nothing to do"
        report = f"{order}\n{coverage_in_words(given)} before, {coverage_in_words(prepared)} after"
        return io.NodeOutput(prepared, report)
