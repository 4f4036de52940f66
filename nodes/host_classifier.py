"""A classifier under the host's memory management, and the hook by which it guides a MODEL."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import comfy.model_management
import comfy.model_patcher
import comfy.patcher_extension
import torch
from comfy_api.latest import io
from torch import Tensor

from ..sampler.adm.encoder import EncoderUNet
from ..sampler.checkpoint.imagenet import names_of
from ..sampler.class_guidance import class_gradient, score_shift
from ..sampler.classifiers import Classifier, RecognisedClassifier, build_classifier
from .class_label import in_words
from .own_run import run_of
from .pixel_model import DTYPES, Clip, PixelModel

__all__ = ["CLASSIFIER", "FORMS", "MEAN", "Guide", "HostClassifier", "guided_model", "host_classifier"]

CLASSIFIER = io.Custom("MASK_GUIDANCE_CLASSIFIER")
KEY = "mask_guidance_classifier"
SCORE, MEAN = "score", "mean shift"
FORMS = (SCORE, MEAN)


@dataclass(frozen=True)
class HostClassifier:
    """What a CLASSIFIER is.

    Attributes:
        patcher: The network in the host's hands.
        found: What it was found to be.
        name: Of its file.
    """

    patcher: comfy.model_patcher.ModelPatcher
    found: Classifier
    name: str


def host_classifier(found: RecognisedClassifier, dtype: str, name: str) -> HostClassifier:
    """A recognised classifier under the host's management.

    Of plain layers and the host's classic patcher: it is loaded whole. What the host lends to a layer for one call, when it
    streams weights, is gone or written over by the time the gradient comes back through that layer.

    Args:
        found: Read with inference mode off, so that autograd takes its weights as they are.
        dtype: Of the torso's weights, a key of DTYPES.
        name: Of its file.
    """
    with torch.inference_mode(False):
        net = copy.deepcopy(build_classifier(found, DTYPES[dtype]))  # or it would go on reading the file
    patcher = comfy.model_patcher.ModelPatcher(
        net,
        load_device=comfy.model_management.get_torch_device(),
        offload_device=comfy.model_management.unet_offload_device(),
    )
    return HostClassifier(patcher, found.classifier, name)


@dataclass(frozen=True)
class Guide:
    """A hook of a MODEL: it shifts each guess to where the classifier finds the class likelier.

    Attributes:
        net: The classifier's.
        found: What it is.
        name: Of its file.
        labels: Of picture after picture; those after the last begin anew.
        scale: How strongly.
        form: One of FORMS.
    """

    net: EncoderUNet
    found: Classifier
    name: str
    labels: tuple[int, ...]
    scale: float
    form: str

    @property
    def words(self) -> str:
        """For the record of a run."""
        classes = in_words(self.labels, names_of(self.found))
        return f"led by {self.name} to {classes}, scale {self.scale:g}, form {self.form}"

    def __call__(self, args: dict) -> Tensor:
        """Called by the host after cfg, with the noisy picture and the guess."""
        x, sigma, model, options = args["input"], args["sigma"], args["model"], args["model_options"]
        self.found.check_size(x.shape[-1], x.shape[-2])
        run = run_of(options)
        numbers = range(len(x)) if run is None else run.numbers
        sampling = model.model_sampling
        steps = sampling.timestep(sigma).float() * self.found.timestep_scale(model.detection)
        labels = labels_on(x.device, self.labels, tuple(numbers))
        slope = self.scale * class_gradient(self.net, sampling.calculate_input(sigma, x), steps, labels)
        if run is not None and run.draws_variance and self.form == MEAN:
            run.add(slope)
            return args["denoised"]
        guess = args["denoised"] + score_shift(slope, 1.0, sigma.reshape(-1, *[1] * (x.ndim - 1)))
        for hook in options.get("sampler_post_cfg_function", []):
            if isinstance(hook, Clip):
                guess = hook({"denoised": guess})
        return guess


@lru_cache(8)
def labels_on(device: torch.device, labels: tuple[int, ...], numbers: tuple[int, ...]) -> Tensor:
    """Sent once, not at each step: a step that sends waits for the device."""
    return torch.tensor([labels[number % len(labels)] for number in numbers], device=device)


def guided_model(model, classifier: HostClassifier, labels: tuple[int, ...], scale: float, form: str):
    """A MODEL that a classifier guides; the one given stays as it is.

    Raises:
        ValueError: They do not go together, in one sentence.
    """
    if not isinstance(model.model, PixelModel):
        raise ValueError(
            "Classifier Guidance needs a pixel-space model from Load Guided-Diffusion Model: a classifier of noisy pictures "
            "reads no latents."
        )
    classifier.found.check_pair(model.model.detection)
    guided = model.clone()
    if scale:
        guided.set_model_sampler_post_cfg_function(
            Guide(classifier.patcher.model, classifier.found, classifier.name, labels, scale, form)
        )
        guided.set_additional_models(KEY, [*guided.get_additional_models_with_key(KEY), classifier.patcher.clone()])
        wrappers = comfy.patcher_extension.WrappersMP
        guided.add_wrapper_with_key(wrappers.PREPARE_SAMPLING, KEY, with_room(classifier))
    return guided


def with_room(classifier: HostClassifier) -> Callable:
    """The host makes room for what the model alone needs to run; a larger batch tells it of what the gradient needs."""

    def prepare(executor, model, noise_shape, *args, **options):
        size = comfy.model_management.dtype_size(classifier.patcher.model.dtype)
        pixels = math.prod(noise_shape[-2:])
        own = model.model.memory_required([1, *noise_shape[1:]])
        more = max(1.0, pixels * classifier.found.config.gradient(size) / own)
        return executor(model, [math.ceil(noise_shape[0] * more), *noise_shape[1:]], *args, **options)

    return prepare
