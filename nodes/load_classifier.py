"""Load Classifier."""

from pathlib import PurePath

import torch
from comfy_api.latest import io

from ..sampler.checkpoint import CheckpointError
from ..sampler.classifiers import describe_classifier, recognise_classifier
from . import model_folder
from .checked import checked
from .host_classifier import CLASSIFIER, host_classifier
from .model_files import stamps_of
from .pixel_model import DTYPES

__all__ = ["LoadClassifier"]


class LoadClassifier(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceLoadClassifier",
            display_name="Load Classifier",
            category="mask guidance",
            description=(
                "Loads a guided-diffusion classifier of noisy pictures (OpenAI's 64x64_classifier.pt to "
                "512x512_classifier.pt, and those trained like them) from models/guided_diffusion, for Classifier Guidance."
            ),
            search_aliases=["noisy classifier", "classifier guidance", "guided diffusion", "ADM-G"],
            inputs=[
                io.Combo.Input(
                    "classifier_name",
                    options=(files := model_folder.files()),
                    default=next((name for name in files if "classifier" in name), None),
                    tooltip="A .pt, .pth, .ckpt or .safetensors file in models/guided_diffusion, or the pack's example.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default="auto",
                    advanced=True,
                    tooltip="auto and fp32 repeat the original code's numbers. fp16 and bf16 halve memory, at a small loss.",
                ),
            ],
            outputs=[
                CLASSIFIER.Output(display_name="CLASSIFIER", tooltip="For Classifier Guidance."),
                io.String.Output(display_name="report", tooltip="What was found in the file: size, classes, noise."),
            ],
        )

    @classmethod
    def validate_inputs(cls, classifier_name) -> bool | str:
        linked = classifier_name is None  # what arrives is known, and checked, when the node runs
        if linked or classifier_name in model_folder.files():
            return True
        if model_folder.has(classifier_name):
            return (
                f"'{classifier_name}' is a model that diffusers saved, and a classifier is one file: OpenAI's, or one trained "
                "like them; choose another."
            )
        return f"'{classifier_name}' is not in models/guided_diffusion."

    @classmethod
    def fingerprint_inputs(cls, classifier_name, **kwargs) -> tuple:
        """Load again when the file, or a sidecar beside it, changed; any file, where the name is linked and not known yet."""
        names = model_folder.files() if classifier_name is None else [classifier_name]
        return tuple(stamp for name in names for stamp in stamps_of(model_folder.path_of(name)))

    @classmethod
    @checked
    def execute(cls, classifier_name, dtype) -> io.NodeOutput:
        try:
            with torch.inference_mode(False):  # autograd takes no weights that were read in it
                found = recognise_classifier(model_folder.path_of(classifier_name))
        except CheckpointError as error:
            raise ValueError(f"{classifier_name}: {error}") from error
        return io.NodeOutput(host_classifier(found, dtype, PurePath(classifier_name).name), describe_classifier(found))
