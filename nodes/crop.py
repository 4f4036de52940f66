"""Crop for Inpainting."""

from comfy_api.latest import io

from ..sampler.mask import Frame, at_size, crop, one_for_each
from . import inputs
from .checked import checked
from .convert import image_from_pictures, masks_from, pictures_and_masks
from .preview import shown_under_node
from .views import crops_seen

__all__ = ["STITCH", "CropForInpainting"]

STITCH = io.Custom("MASK_GUIDANCE_STITCH")
SIZE, MULTIPLE = "size", "multiple"


class CropForInpainting(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceCrop",
            display_name="Crop for Inpainting",
            category="mask guidance",
            essentials_category="Image Tools",
            description=(
                "Cuts the masked regions out of a large picture, with context, at the model's size: as many crops as "
                "there are regions. Stitch Back puts them into the untouched original."
            ),
            search_aliases=[
                "inpaint crop",
                "crop and stitch",
                "crop by mask",
                "masked crop",
                "detailer",
                "only masked",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The picture, one or a batch (a video's frames)."),
                io.Mask.Input("mask", tooltip="What is to be painted; everything above 0 counts."),
                inputs.split(
                    "each region: a crop for every separate region. one per picture: all regions of a picture in "
                    "one crop. one box for all: the same crop in every picture, so that a video does not shake.",
                ),
                inputs.merge_distance(
                    "Regions whose boxes are at most so many pixels apart become one. More gives fewer crops.",
                ),
                inputs.context_factor(
                    "How much larger than the region the crop is. More context helps the model to match the "
                    "surroundings, and leaves fewer of its pixels for the region.",
                ),
                io.Combo.Input(
                    "fit",
                    options=[SIZE, MULTIPLE],
                    default=SIZE,
                    tooltip="size: every crop is resized to width x height, the model's own size. multiple: pixels "
                    "stay as they are, and sides are multiples of the number below.",
                    extra_dict={
                        "uses": {SIZE: ("width", "height", "enlarge"), MULTIPLE: ("multiple",)}
                    },  # the page greys the other
                ),
                io.Int.Input("width", default=512, min=1, max=16384, tooltip="Of every crop, for fit: size."),
                io.Int.Input("height", default=512, min=1, max=16384, tooltip="Of every crop, for fit: size."),
                io.Int.Input(
                    "multiple",
                    default=8,
                    min=1,
                    max=1024,
                    tooltip="For fit: multiple. 8 suits most latent models, 16 or 32 some; 1 for pixel models.",
                ),
                io.Boolean.Input(
                    "enlarge",
                    default=True,
                    advanced=True,
                    tooltip="For fit: size. On: small regions are enlarged to it, for more detail. Off: they get more "
                    "context instead, and are painted pixel by pixel.",
                ),
                *(
                    io.Int.Input(
                        f"context_{side}",
                        default=0,
                        min=0,
                        max=16384,
                        advanced=True,
                        tooltip=f"Pixels of context at the {side}, beyond the factor's.",
                    )
                    for side in ("left", "top", "right", "bottom")
                ),
                io.Mask.Input(
                    "context_mask",
                    optional=True,
                    tooltip="What the crop must show besides, without being painted: a face to match, the light's source.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="IMAGE", tooltip="The crops, a batch."),
                io.Mask.Output(display_name="MASK", tooltip="What is masked in each crop."),
                STITCH.Output(
                    display_name="STITCH", tooltip="For Stitch Back: the originals, and where the crops belong."
                ),
                io.String.Output(
                    display_name="report", tooltip="How many regions, where, and how much they were resized."
                ),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        image,
        mask,
        split,
        merge_distance,
        context_factor,
        fit,
        width,
        height,
        multiple,
        enlarge,
        context_left,
        context_top,
        context_right,
        context_bottom,
        context_mask=None,
    ) -> io.NodeOutput:
        pictures, masks, note = pictures_and_masks(image, mask)
        if context_mask is not None:
            context_mask, _ = at_size(masks_from(context_mask, "context mask"), *pictures.shape[-2:])
            context_mask = one_for_each(context_mask, len(pictures))
        frame = Frame(
            context_factor,
            (context_left, context_top, context_right, context_bottom),
            (height, width) if fit == SIZE else None,
            multiple,
            enlarge,
        )
        crops = crop(pictures, masks, frame, split, merge_distance, context_mask)
        shown = shown_under_node(lambda: crops_seen(crops))
        return io.NodeOutput(image_from_pictures(crops.crops), crops.masks, crops, described(crops, note), ui=shown)


def described(crops, note: str) -> str:
    height, width = crops.crops.shape[-2:]
    count = len(crops.regions)
    lines = [f"{count} {'region' if count == 1 else 'regions'} at {width}x{height}"]
    for number, region in enumerate(crops.regions):
        box = region.box
        lines.append(
            f"{number}: picture {region.picture}, {box.width}x{box.height} at ({box.left}, {box.top}), scaled by "
            f"{width / box.width:.3g}"
        )
    if not crops.mask.any():
        note = note or "the mask is empty"
        lines.append("nothing is masked: whole pictures, and Stitch Back will change nothing")
    return "\n".join([*lines, *([note] if note else [])])
