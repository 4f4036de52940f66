"""The pack's nodes, and what is done once when the host loads them."""

from comfy_api.latest import ComfyExtension, io

from . import example_pictures, model_folder, model_route, schedule_route
from .class_label import ClassLabel
from .composite_edit import CompositeEdit
from .crop import CropForInpainting
from .fill import FillMaskedArea
from .inpaint import Inpaint
from .ksampler import MaskGuidedKSampler
from .load_model import LoadGuidedDiffusionModel
from .mask_from_image import MaskFromImage
from .model_view import ModelView
from .outpaint import PadForOutpainting
from .paper_mask import PaperTestMask
from .prepare_mask import PrepareMask
from .repaint_sampler import RePaintSamplerNode
from .resample_schedule import ResampleSchedule
from .respaced_sigmas import RespacedSigmas
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
            LoadGuidedDiffusionModel,
            ClassLabel,
            RespacedSigmas,
            RePaintSamplerNode,
            Inpaint,
            MaskGuidedKSampler,
            ResampleSchedule,
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
