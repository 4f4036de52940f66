"""Class Label."""

import torch
from comfy_api.latest import io

from ..sampler.checkpoint import class_named
from ..sampler.sentence import shortly
from .checked import checked
from .class_names import names_of
from .pixel_model import LABEL, NULL_LABEL, PixelModel

__all__ = ["ClassLabel", "conditioning"]

ANY = "any class"


def conditioning(label: int | None = None) -> list:
    """A CONDITIONING that carries a class label, or nothing.

    The text part is an empty tensor rather than None, which the host's nodes that join conditionings cannot read.
    """
    return [[torch.zeros(1, 1, 1), {} if label is None else {LABEL: label}]]


def class_names(model) -> tuple[str, ...]:
    """Names of a MODEL's classes; empty where it has none, or none are known."""
    return names_of(model.model.detection) if model is not None and isinstance(model.model, PixelModel) else ()


def number_of(name: str, names: tuple[str, ...]) -> int:
    """The label of a class by name."""
    if not names:
        raise ValueError(
            f"class_name is {shortly(name)}, but no class names are known; connect the model, or use class_label."
        )
    return class_named(name, names)


class ClassLabel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceClassLabel",
            display_name="Class Label",
            category="mask guidance",
            description="Tells a class-conditional guided-diffusion model what to paint, as a text prompt tells others.",
            search_aliases=["class conditional", "ImageNet class", "label", "class conditioning"],
            inputs=[
                io.Int.Input(
                    "class_label",
                    default=0,
                    min=NULL_LABEL,
                    max=99999,
                    tooltip="Number of the class, from 0. -1 is 'any class', for models trained with one (the example "
                    "model is): it leaves the choice to the picture, and serves as negative for cfg.",
                ),
                io.Model.Input(
                    "model", optional=True, tooltip="Connect the model to choose by name and to see the class's name."
                ),
                io.String.Input(
                    "class_name",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Name of the class instead of its number, e.g. 'landscape'; needs the model connected. Empty: "
                    "class_label counts.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(display_name="CONDITIONING"),
                io.String.Output(display_name="name", tooltip="The class's name, where the model or ImageNet has one."),
            ],
        )

    @classmethod
    @checked
    def execute(cls, class_label: int, model=None, class_name: str = "") -> io.NodeOutput:
        names = class_names(model)
        label = number_of(class_name, names) if class_name.strip() else class_label
        if label == NULL_LABEL:
            return io.NodeOutput(conditioning(label), ANY)
        if names and label >= len(names):
            raise ValueError(f"class_label is {label}, but this model has classes 0 to {len(names) - 1}.")
        return io.NodeOutput(conditioning(label), names[label] if names else str(label))
