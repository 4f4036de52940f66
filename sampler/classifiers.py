"""From the file of a classifier of noisy pictures to a network that runs; recognition.py does the same for diffusion models."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from .adm.architecture import with_heads
from .adm.classifier import LANDMARKS, VOCABULARY, read_classifier
from .adm.config import UNetConfig
from .adm.encoder import EncoderUNet
from .checkpoint.classes import in_words
from .checkpoint.diffusion import DiffusionConfig
from .checkpoint.error import CheckpointError
from .checkpoint.family import MOST_CHANNELS, Detection, classes, training
from .checkpoint.file import Checkpoint, read_checkpoint
from .checkpoint.flags import Layers, metadata_flags, sidecar_flags
from .checkpoint.imagenet import names_of
from .checkpoint.network import check_finite, check_places, filled
from .recognition import family_of
from .sentence import in_one_line

__all__ = ["Classifier", "RecognisedClassifier", "build_classifier", "describe_classifier", "recognise_classifier"]

NAME = "guided-diffusion classifier"


@dataclass(frozen=True)
class Classifier:
    """What a classifier was found to be.

    Attributes:
        config: Its architecture; `out_channels` is the number of classes.
        image_size: Side of the pictures that it takes, in pixels; no others.
        class_names: Name of each class, or empty.
        diffusion: How its pictures were noised, where that is told; None: as the diffusion model of the same release.
        sources: Where each hidden flag came from, see `Detection`.
    """

    config: UNetConfig
    image_size: int
    class_names: tuple[str, ...] = ()
    diffusion: DiffusionConfig | None = None
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        return self.config.out_channels

    @property
    def null_class(self) -> None:
        """No class of a classifier is "any class"."""

    def check_pair(self, model: Detection) -> None:
        """Raises ValueError, in one sentence, if the classifier cannot judge what this diffusion model paints."""
        if self.config.in_channels != model.channels:
            raise ValueError(
                f"The classifier takes pictures of {self.config.in_channels} channels and the model paints {model.channels}; "
                "choose a classifier for this model."
            )
        ours, theirs = self.diffusion, model.diffusion
        if ours is None or same_noise(ours, theirs):
            return
        named = [f"{one.noise_schedule}, {one.diffusion_steps} steps" for one in (ours, theirs)]
        if named[0] == named[1]:
            ends = [one.betas()[[0, -1]].tolist() for one in (ours, theirs)]
            named = [f"{name}, betas {first:g} to {last:g}" for name, (first, last) in zip(named, ends, strict=True)]
        raise ValueError(
            f"The classifier was trained on the noise of {named[0]}, and the model on that of {named[1]}; choose a classifier "
            "for this model."
        )

    def timestep_scale(self, model: Detection) -> float:
        """What a training step is multiplied by before the classifier is given it; where nobody tells, as for the model."""
        own = self.diffusion if "rescale_timesteps" in self.sources else None
        return (own or model.diffusion).timestep_scale

    def check_size(self, width: int, height: int) -> None:
        """Raises ValueError, in one sentence, if it takes no pictures of this size."""
        if (width, height) != (self.image_size, self.image_size):
            raise ValueError(
                f"The picture is {width}x{height}, but the classifier takes {self.image_size}x{self.image_size} only; crop or "
                "scale the picture, or choose a classifier of that size."
            )


def same_noise(one: DiffusionConfig, other: DiffusionConfig) -> bool:
    """Whether step by step the pictures are as noisy."""
    return one.diffusion_steps == other.diffusion_steps and torch.allclose(one.betas(), other.betas())


@dataclass(frozen=True)
class RecognisedClassifier:
    """A classifier's file, and what it was found to be."""

    checkpoint: Checkpoint
    classifier: Classifier


def recognise_classifier(path: str | Path, weights: str = "ema") -> RecognisedClassifier:
    """Read the file of a classifier.

    Args:
        path: .safetensors, .pt, .pth or .ckpt.
        weights: "ema" or "model", where the file holds both.

    Raises:
        CheckpointError: With one sentence that says what is wrong and what to do.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path, weights)
    sidecar, flags = sidecar_flags(path, VOCABULARY)
    layers = [("metadata", metadata_flags(checkpoint.metadata, VOCABULARY)), (f"sidecar {sidecar}", flags)]
    found = detect_classifier(checkpoint.tensors, layers)
    places = EncoderUNet(found.config, found.image_size, nn, torch.device("meta")).state_dict()
    check_places(checkpoint.tensors, places, NAME)
    check_finite(checkpoint.tensors)
    return RecognisedClassifier(checkpoint, found)


def detect_classifier(tensors: dict[str, Tensor], layers: Layers = ()) -> Classifier:
    """What a state dict was found to be; arguments and errors as for `Family.detect`."""
    refuse_others(tensors)
    told = VOCABULARY.agree(layers)
    shape, image_size = read_classifier(tensors, told)
    if not 1 <= shape.in_channels <= MOST_CHANNELS:
        raise CheckpointError(
            f"This classifier takes {shape.in_channels} channels, expected a picture's 1 to {MOST_CHANNELS}; it is of "
            "another kind, or damaged."
        )
    config = with_heads(shape, told)
    names, _ = classes(told, shape.out_channels)
    schedule = training(told) if "noise_schedule" in told.values else None
    return Classifier(config, image_size, names, schedule, dict(told.sources))


def refuse_others(tensors: dict[str, Tensor]) -> None:
    if set(LANDMARKS) <= set(tensors):
        return
    family = family_of(tensors)
    if family.name == "guided-diffusion" and not any(key.startswith("output_blocks.") for key in tensors):
        raise CheckpointError(
            "This classifier has no attention pool (out.2.positional_embedding); expected one as OpenAI's noisy classifiers."
        )
    raise CheckpointError(
        f"This checkpoint is a diffusion model of the {family.name} family, not a classifier; load it with Load "
        "Guided-Diffusion Model, and choose a file such as 256x256_classifier.pt here."
    )


def build_classifier(found: RecognisedClassifier, dtype: torch.dtype = torch.float32) -> EncoderUNet:
    """The network around the file's own tensors, ready to call."""
    classifier = found.classifier
    net = EncoderUNet(classifier.config, classifier.image_size, nn, torch.device("meta"), dtype)
    return filled(net, found.checkpoint.tensors)


def describe_classifier(found: RecognisedClassifier) -> str:
    """What was found and how sure it is, for people; a line a fact."""
    classifier, config = found.classifier, found.classifier.config
    parameters = sum(value.numel() for value in found.checkpoint.tensors.values()) / 1e6
    names = names_of(classifier)
    schedule = classifier.diffusion
    noise = (
        f"{schedule.noise_schedule}, {schedule.diffusion_steps} steps" if schedule else "that of the model it guides"
    )
    widths = ", ".join(f"{mult:g}" for mult in config.channel_mult)
    return "\n".join(
        [
            f"{NAME}, {parameters:.1f} M parameters",
            f"width: {config.model_channels} channels x {widths}; {config.num_res_blocks} residual blocks a level",
            f"classes: {classifier.num_classes}" + (f" ({in_one_line(in_words(names))})" if names else ""),
            f"pictures: {classifier.image_size}x{classifier.image_size}, {config.in_channels} channels; noise: {noise}",
        ]
    )
