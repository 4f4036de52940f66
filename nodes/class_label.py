"""Class Label."""

import torch
from comfy_api.latest import io

from ..sampler.checkpoint import class_numbers
from ..sampler.checkpoint.classes import ANY
from ..sampler.checkpoint.imagenet import names_of
from .checked import checked
from .pixel_model import LABEL, NULL_LABEL, PixelModel

__all__ = ["ClassLabel", "chosen_labels", "conditioning", "in_words"]


def conditioning(label: int | tuple[int, ...] | None = None) -> list:
    """A CONDITIONING that carries a class label, or one for each picture of a batch, or nothing.

    The text part is an empty tensor rather than None, which the host's nodes that join conditionings cannot read.
    """
    return [[torch.zeros(1, 1, 1), {} if label is None else {LABEL: label}]]


def classes_of(model) -> tuple[tuple[str, ...], int | None]:
    """Names and number of a MODEL's classes; empty and None where it has none, or they are not known."""
    if model is None or not isinstance(model.model, PixelModel):
        return (), None
    return names_of(model.model.detection), model.model.detection.num_classes


def chosen_labels(
    number: int, name: str, names: tuple[str, ...], classes: int | None, noun: str = "model"
) -> tuple[int, ...]:
    """The labels that a node's inputs ask for, of picture after picture.

    Args:
        number: Counts where there is no name.
        name: Of a class, or names and numbers with commas between.
        names: Of all classes, or empty.
        classes: How many there are; None: that is not known.
        noun: Whose classes they are.

    Raises:
        ValueError: There is no such class.
    """
    if name.strip():
        return class_numbers(name, classes, names, noun)
    if classes is not None and number >= classes:
        raise ValueError(f"class_label is {number}, but this {noun} has classes 0 to {classes - 1}.")
    return (number,)


def in_words(labels: tuple[int, ...], names: tuple[str, ...]) -> str:
    """Names of labels, or numbers where there are none."""
    words = [ANY if label == NULL_LABEL else names[label] if names else str(label) for label in labels]
    return ", ".join(words)


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
                    tooltip="Name of the class instead of its number, e.g. 'landscape'; needs the model connected. Several, "
                    "with commas between, are of picture after picture of a batch; in Inpaint, and behind Crop for Inpainting, "
                    "of crop after crop. Empty: class_label counts.",
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
        names, classes = classes_of(model)
        labels = chosen_labels(class_label, class_name, names, classes)
        return io.NodeOutput(conditioning(labels if len(labels) > 1 else labels[0]), in_words(labels, names))
