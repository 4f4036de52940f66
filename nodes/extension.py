"""The pack's nodes, and what is done once when the host loads them."""

import logging

from comfy_api.latest import ComfyExtension, io

from . import example_pictures, model_folder, model_route, schedule_route
from .composite_edit import CompositeEdit
from .crop import CropForInpainting
from .fill import FillMaskedArea
from .mask_from_image import MaskFromImage
from .model_view import ModelView
from .needed import what_models_lack
from .outpaint import PadForOutpainting
from .paper_mask import PaperTestMask
from .prepare_mask import PrepareMask
from .stitch import StitchBack

__all__ = ["MaskGuidanceExtension"]


class MaskGuidanceExtension(ComfyExtension):
    async def on_load(self) -> None:
        model_folder.register()
        example_pictures.offer()
        schedule_route.register()
        model_route.register()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            *nodes_for_models(),
            PrepareMask,
            MaskFromImage,
            PaperTestMask,
            ModelView,
            FillMaskedArea,
            CropForInpainting,
            StitchBack,
            PadForOutpainting,
            CompositeEdit,
        ]


def nodes_for_models() -> list[type[io.ComfyNode]]:
    """None, and why, where the host lacks what they need."""
    lack = what_models_lack()
    if lack:
        logging.warning(lack)
        return []
    from .model_nodes import NODES

    return NODES
