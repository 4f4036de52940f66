"""Classifier Guidance."""

from comfy_api.latest import io

from ..sampler.checkpoint.imagenet import names_of
from .checked import checked
from .class_label import chosen_labels, in_words
from .host_classifier import CLASSIFIER, FORMS, guided_model

__all__ = ["ClassifierGuidance"]


class ClassifierGuidance(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceClassifierGuidance",
            display_name="Classifier Guidance",
            category="mask guidance",
            description=(
                "Leads a pixel-space model to a class by a classifier's gradient (Dhariwal & Nichol 2021), even one that was "
                "trained without classes. Works with every sampler. The classifier must know the model's kind of pictures, "
                "noise and size."
            ),
            search_aliases=["classifier guidance", "class conditional", "ADM-G", "guided diffusion", "ImageNet class"],
            inputs=[
                io.Model.Input("model", tooltip="A model from Load Guided-Diffusion Model."),
                CLASSIFIER.Input("classifier", tooltip="From Load Classifier."),
                io.Int.Input(
                    "class_label",
                    default=0,
                    min=0,
                    max=99999,
                    tooltip="Number of the class to lead to, from 0. A model with classes needs its Class Label besides, "
                    "unless it knows 'any class'.",
                ),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.0,
                    max=1000.0,
                    step=0.1,
                    tooltip="How strongly. 0: not at all. 1 is the classifier's own odds, for models with classes; without, 10 "
                    "is usual. More is clearer and less varied; too much burns out.",
                ),
                io.String.Input(
                    "class_name",
                    default="",
                    optional=True,
                    advanced=True,
                    tooltip="Name of the class instead of its number. Several, with commas between, are of picture after "
                    "picture of a batch; in Inpaint, and behind Crop for Inpainting, of crop after crop. Empty: class_label "
                    "counts.",
                ),
                io.Combo.Input(
                    "form",
                    options=[*FORMS],
                    default=FORMS[0],
                    optional=True,
                    advanced=True,
                    tooltip="score: the guess is shifted, for every sampler. mean shift: as in RePaint's program, the mean of "
                    "each step is shifted by its variance; where no variance is drawn (all but method repaint), it is score.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="MODEL", tooltip="The model with its guide."),
                io.String.Output(
                    display_name="name", tooltip="The class's name, where the classifier or ImageNet has one."
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, model, classifier, class_label, scale, class_name="", form=FORMS[0]) -> io.NodeOutput:
        names = names_of(classifier.found)
        labels = chosen_labels(class_label, class_name, names, classifier.found.num_classes, "classifier")
        return io.NodeOutput(guided_model(model, classifier, labels, scale, form), in_words(labels, names))
