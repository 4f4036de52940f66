"""Class Label."""

import re

import torch
from comfy_api.latest import io

from ..sampler.checkpoint import class_named
from ..sampler.checkpoint.imagenet import names_of
from ..sampler.sentence import shortly
from .checked import checked
from .pixel_model import LABEL, NULL_LABEL, PixelModel

__all__ = ["ClassLabel", "chosen_labels", "conditioning", "in_words"]

ANY = "any class"
DIGITS = re.compile("[0-9]{1,9}")


def conditioning(label: int | tuple[int, ...] | None = None) -> list:
    """A CONDITIONING that carries a class label, or one for each picture of a batch, or nothing.

    The text part is an empty tensor rather than None, which the host's nodes that join conditionings cannot read.
    """
    return [[torch.zeros(1, 1, 1), {} if label is None else {LABEL: label}]]


def class_names(model) -> tuple[str, ...]:
    """Names of a MODEL's classes; empty where it has none, or none are known."""
    return names_of(model.model.detection) if model is not None and isinstance(model.model, PixelModel) else ()


def chosen_labels(number: int, name: str, names: tuple[str, ...], classes: int | None) -> tuple[int, ...]:
    """The labels that a node's inputs ask for, of picture after picture.

    Args:
        number: Counts where there is no name.
        name: Of a class, or names and numbers with commas between.
        names: Of all classes, or empty.
        classes: How many there are; None: that is not known.

    Raises:
        ValueError: There is no such class.
    """
    if name.strip():
        return named_labels(name, names, classes)
    if classes is not None and number >= classes:
        raise ValueError(f"class_label is {number}, but this model has classes 0 to {classes - 1}.")
    return (number,)


def named_labels(said: str, names: tuple[str, ...], classes: int | None) -> tuple[int, ...]:
    try:
        return (class_named(said, names),)  # a name may have commas
    except ValueError:
        parts = [part.strip() for part in said.split(",")]
    if len(parts) == 1 or not all(parts):
        return (number_of(said, names),)
    return tuple(
        chosen_labels(int(part), "", names, classes)[0] if DIGITS.fullmatch(part) else number_of(part, names)
        for part in parts
    )


def number_of(name: str, names: tuple[str, ...]) -> int:
    """The label of a class by name."""
    if not names:
        raise ValueError(
            f"class_name is {shortly(name)}, but no class names are known; connect the model, or use class_label."
        )
    return class_named(name, names)


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
        names = class_names(model)
        labels = chosen_labels(class_label, class_name, names, len(names) or None)
        return io.NodeOutput(conditioning(labels if len(labels) > 1 else labels[0]), in_words(labels, names))
