"""Fill Masked Area."""

import torch
from comfy_api.latest import io

from ..sampler.mask import FILLS, fill
from .checked import checked
from .compute import on_device
from .convert import image_from_pictures, pictures_and_masks
from .seed import seed_input

__all__ = ["FillMaskedArea"]


class FillMaskedArea(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceFill",
            display_name="Fill Masked Area",
            category="mask guidance",
            description=(
                "Replaces the masked part by something plain. It is what a sampler starts from when it denoises only "
                "partly, and hides the old object from it. Unmasked pixels do not change; soft masks mix in proportion."
            ),
            search_aliases=["fill mask", "masked content", "prefill", "blur masked", "neutral fill", "infill", "telea"],
            inputs=[
                io.Image.Input("image", tooltip="The picture, one or a batch."),
                io.Mask.Input("mask", tooltip="What to replace: one mask for all pictures, or one for each."),
                io.Combo.Input(
                    "fill",
                    options=list(FILLS),
                    default="smooth",
                    tooltip="smooth: colours flow in from the rim. edge extend: the colour of the nearest kept pixel; "
                    "the best before VAE Encode. mean colour: of the kept part. neutral: grey. noise: random, as bright and "
                    "varied as the kept part.",
                ),
                seed_input("Of the noise; other fills do not use it."),
            ],
            outputs=[io.Image.Output(display_name="IMAGE")],
        )

    @classmethod
    @checked
    def execute(cls, image, mask, fill, seed) -> io.NodeOutput:
        pictures, masks, _ = pictures_and_masks(image, mask)
        return io.NodeOutput(image_from_pictures(filled(pictures, masks, fill, seed)))


def filled(pictures: torch.Tensor, masks: torch.Tensor, how: str, seed: int) -> torch.Tensor:
    if how == "noise":  # drawn for the whole batch, so that picture k has noise k
        return fill(pictures, masks, how, seed)
    return on_device(lambda p, m: fill(p, m, how), pictures, masks)
