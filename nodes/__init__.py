"""The pack's nodes; each file holds one family, this one lists them."""

from comfy_api.latest import ComfyExtension, io

from . import example_pictures, model_folder
from .class_label import ClassLabel
from .ksampler import MaskGuidedKSampler
from .load_model import LoadGuidedDiffusionModel
from .repaint_sampler import RePaintSamplerNode
from .resample_schedule import ResampleSchedule
from .respaced_sigmas import RespacedSigmas

__all__ = ["MaskGuidanceExtension"]


class MaskGuidanceExtension(ComfyExtension):
    async def on_load(self) -> None:
        model_folder.register()
        example_pictures.offer()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            LoadGuidedDiffusionModel,
            ClassLabel,
            RespacedSigmas,
            RePaintSamplerNode,
            MaskGuidedKSampler,
            ResampleSchedule,
        ]
