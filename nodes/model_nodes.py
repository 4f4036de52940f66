"""The nodes that load a model, paint with one, or plan for one."""

from comfy_api.latest import io

from .class_label import ClassLabel
from .classifier_guidance import ClassifierGuidance
from .inpaint import Inpaint
from .ksampler import MaskGuidedKSampler
from .load_classifier import LoadClassifier
from .load_model import LoadGuidedDiffusionModel
from .repaint_sampler import RePaintSamplerNode
from .resample_schedule import ResampleSchedule
from .respaced_sigmas import RespacedSigmas
from .save_model import SaveGuidedDiffusionModel

__all__ = ["NODES"]

NODES: list[type[io.ComfyNode]] = [
    LoadGuidedDiffusionModel,
    SaveGuidedDiffusionModel,
    ClassLabel,
    RespacedSigmas,
    RePaintSamplerNode,
    Inpaint,
    MaskGuidedKSampler,
    ResampleSchedule,
    LoadClassifier,
    ClassifierGuidance,
]
