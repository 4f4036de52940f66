"""Stitch Back."""

from comfy_api.latest import io
from torch import Tensor

from ..sampler.mask import Box, Crops, stitch
from . import inputs
from .checked import checked
from .convert import image_from_pictures, masks_from, pictures_from_image
from .crop import STITCH
from .preview import shown_under_node
from .views import repairs_seen

__all__ = ["StitchBack"]


class StitchBack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceStitch",
            display_name="Stitch Back",
            category="mask guidance",
            essentials_category="Image Tools",
            description=(
                "Puts painted crops back into the untouched original. Outside the mask and the band around it, every "
                "pixel is the original's, bit by bit."
            ),
            search_aliases=["inpaint stitch", "uncrop", "paste back", "blend", "poisson", "seamless", "colour match"],
            inputs=[
                STITCH.Input("stitch", tooltip="From Crop for Inpainting."),
                io.Image.Input("image", tooltip="The painted crops: all of them, in their order, of any size."),
                inputs.blend(),
                io.Int.Input(
                    "blend_pixels",
                    default=8,
                    min=0,
                    max=2048,
                    tooltip="Width of the band outside the mask where old and new mix. Wider hides more of a seam and "
                    "changes more of the original. 0 changes nothing outside the mask.",
                ),
                io.Boolean.Input(
                    "colour_match",
                    default=False,
                    tooltip="Fit brightness and contrast of each crop to the original, by what was not masked: "
                    "against the colour shift of a VAE.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where to put back, instead of where the mask was: of the whole pictures' size, of the crops', or "
                    "on the model's grid, from What the Model Sees: then what was really painted is put back, in whole cells.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="IMAGE"),
                io.String.Output(display_name="report", tooltip="Largest change in the band, and beyond it: none."),
                io.Mask.Output(
                    display_name="MASK",
                    tooltip="What is new, as large as the pictures: 1 in the mask, falling over the band, 0 where the "
                    "original stays.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, stitch, image, blend, blend_pixels, colour_match, mask=None) -> io.NodeOutput:
        return stitched(stitch, image, blend, blend_pixels, colour_match, mask)


def stitched(crops, image, blend, blend_pixels, colour_match, mask) -> io.NodeOutput:
    masks = None if mask is None else masks_from(mask, "stitch mask").to(crops.pictures.device)
    result = stitch(crops, pictures_from_image(image, "painted picture"), blend, blend_pixels, colour_match, masks)
    report = [
        f"{len(crops.regions) - result.unchanged} of {len(crops.regions)} crops put back, {blend}",
        f"largest change outside the mask: {255 * result.band:.3g} of 255 in the band of {blend_pixels} px, "
        f"{255 * result.beyond:.3g} beyond it",
    ]
    if masks is not None and masks.shape[-1] < crops.masks.shape[-1] and masks.shape[1:] != crops.mask.shape[1:]:
        report.append(f"stitch mask: cells of {crops.masks.shape[-1] // masks.shape[-1]} px of each crop")
    if masks is not None and (missed := out_of_reach(masks, crops)):
        report.append(f"{missed:,} px of the stitch mask lie outside the crops, where there is nothing to put back")
    if result.unchanged:
        report.append(f"{result.unchanged} came back as they were cut, and were left alone")
    if masks is not None and not masks.any():
        report.append("the stitch mask is empty: nothing is put back")
    shown = shown_under_node(lambda: repairs_seen(crops, result))
    return io.NodeOutput(image_from_pictures(result.pictures), "\n".join(report), result.weight, ui=shown)


def out_of_reach(masks: Tensor, crops: Crops) -> int:
    """Pixels of a stitch mask of the pictures' size that lie in no crop."""
    if masks.shape[1:] != crops.mask.shape[1:]:
        return 0
    alone = (masks > 0).expand(len(crops.mask), -1, -1).clone()
    for region in crops.regions:
        box = region.box.intersection(Box(0, 0, *alone.shape[-2:]))
        alone[region.picture, box.top : box.bottom, box.left : box.right] = False
    return int(alone.sum())
