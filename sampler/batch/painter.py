"""One batch of pictures through the network."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..chain import Chain, chosen_timesteps
from ..checkpoint import CheckpointError, Detection, build, class_numbers
from ..checkpoint.imagenet import names_of
from ..class_guidance import class_gradient
from ..classifiers import RecognisedClassifier, build_classifier, recognise_classifier
from ..embedded import Embedded, Embeddings
from ..methods import Step
from ..painting import paint
from ..recognition import Recognised, recognise
from ..respacing import largest_sigma
from ..schedule import sigmas
from .settings import RunSettings, SettingsError

__all__ = [
    "Painter",
    "calls_of",
    "check_labels",
    "chosen_dtype",
    "guide_of",
    "look_at",
    "told_beside",
    "visited",
    "which",
]

TORCH_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
OF_ACCELERATE = {"no": "fp32", "fp16": "fp16", "bf16": "bf16", "fp8": "bf16"}


def look_at(weights: Path, settings: RunSettings) -> Recognised:
    """Read a checkpoint and find out what it is.

    Raises:
        SettingsError: It is not there, or cannot be used.
    """
    if not weights.exists():
        raise SettingsError(f"There is no checkpoint {weights}.")
    try:
        return recognise(weights, which(settings), settings.flags)
    except CheckpointError as error:
        raise SettingsError(f"{weights.name}: {error}") from error


def which(settings: RunSettings) -> str:
    """The weights to take where a checkpoint holds several."""
    return "ema" if settings.load_ema else "model"


def guide_of(settings: RunSettings, detection: Detection) -> RecognisedClassifier | None:
    """The classifier that guides the network; None where none is asked for.

    Raises:
        SettingsError: It is not there, cannot be used, or is of another network.
    """
    if not settings.guidance:
        return None
    path = Path(settings.classifier).expanduser()
    if not path.is_file():
        raise SettingsError(f"There is no classifier {path}.")
    try:
        found = recognise_classifier(path)
        found.classifier.check_pair(detection)
    except ValueError as error:
        raise SettingsError(f"{path.name}: {error}") from error
    return found


def told_beside(detection: Detection, guide: RecognisedClassifier | None) -> dict[str, Any]:
    """Flags that files beside the weights tell, as JSON has them: they can change while the weights do not."""
    names = {Path(file.path).name for file in detection.family.config_files}
    told = {flag: detection.flags.get(flag) for flag, source in detection.sources.items() if beside(source, names)}
    if guide is not None:
        found = guide.classifier
        values = {**vars(found.config), **(vars(found.diffusion) if found.diffusion else {}), **vars(found)}
        told |= {f"classifier {flag}": values.get(flag) for flag, source in found.sources.items() if beside(source)}
    read: dict[str, Any] = json.loads(json.dumps(told))
    return read


def beside(source: str, names: Collection[str] = ()) -> bool:
    return source.startswith("sidecar ") or source in names


def chosen_dtype(dtype: str, mixed_precision: str, device: torch.device) -> str:
    """What "auto" means: Accelerate's setting.

    Raises:
        SettingsError: fp16 on a processor, where it is hundreds of times slower than fp32.
    """
    chosen = OF_ACCELERATE[mixed_precision] if dtype == "auto" else dtype
    if chosen == "fp16" and device.type == "cpu":
        raise SettingsError("fp16 on a processor takes hundreds of times longer than fp32; choose bf16 or fp32.")
    return chosen


def labels_of(label: str, detection: Detection, guided: bool = False) -> tuple[int, ...] | None:
    """Class labels by number or name, of picture after picture; None for networks without classes.

    Args:
        label: One, or several with commas between.
        detection: Whose classes they are.
        guided: A classifier may be meant by it, too.

    Raises:
        SettingsError: No such class, or none given where the network needs one.
    """
    classes = detection.num_classes
    if classes is None:
        if label and not guided:
            raise SettingsError(f"class_label is '{label}', but this network has no classes; leave it out.")
        return None
    if not label:
        if detection.null_class is None:
            raise SettingsError(f"This network paints one of {classes} classes; choose one with --class_label.")
        return (detection.null_class,)
    return numbers_in(label, classes, names_of(detection))


def check_labels(label: str, detection: Detection, guide: RecognisedClassifier | None) -> None:
    """Raises SettingsError if the network, or what guides it, has no such class, or needs one."""
    labels_of(label, detection, guided=guide is not None)
    if guide is not None:
        guided_to(label, guide)


def guided_to(label: str, guide: RecognisedClassifier) -> tuple[int, ...]:
    """The same of a classifier, which always needs one."""
    if not label:
        raise SettingsError("A classifier guides to a class; choose one with --class_label.")
    return numbers_in(label, guide.classifier.num_classes, names_of(guide.classifier), "classifier")


def numbers_in(label: str, classes: int, names: Sequence[str], noun: str = "model") -> tuple[int, ...]:
    try:
        return class_numbers(label, classes, names, noun)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def visited(settings: RunSettings, detection: Detection) -> int:
    """How many timesteps a chain visits.

    Raises:
        SettingsError: That many cannot be had.
    """
    schedule = detection.diffusion.alphas_cumprod()
    try:
        return len(chosen_timesteps(settings, sigmas(schedule)))
    except ValueError as error:
        raise SettingsError(str(error)) from error


def calls_of(settings: RunSettings, detection: Detection, size: tuple[int, int]) -> int:
    """Model calls that a picture of this width and height takes."""
    schedule = detection.diffusion.alphas_cumprod()
    return Chain.of(settings, sigmas(schedule), largest_sigma((1, detection.channels, *size))).calls


class Painter:
    """A network, ready to fill pictures.

    Args:
        found: The checkpoint.
        settings: The run's; dtype must be chosen.
        device: Where the network runs.
        guide: The classifier that guides it, see `guide_of`.
    """

    def __init__(
        self, found: Recognised, settings: RunSettings, device: torch.device, guide: RecognisedClassifier | None = None
    ):
        self.detection, self.settings, self.device = found.detection, settings, device
        self.dtype = TORCH_DTYPES[settings.dtype]
        self.net = build(found.checkpoint.tensors, found.detection, self.dtype).to(device)
        self.embeddings = Embeddings()
        self.schedule = found.detection.diffusion.alphas_cumprod()
        self.labels = labels_of(settings.class_label, found.detection, guided=guide is not None)
        if guide is not None:
            self.guided_to = guided_to(settings.class_label, guide)
            self.classifier = build_classifier(guide, self.dtype).to(device)
            self.steps_scale = guide.classifier.timestep_scale(found.detection)
        self.guide = guide

    @property
    def channels(self) -> int:
        return self.detection.channels

    def predict(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the network gives; without labels, those of the run's first pictures."""
        if labels is None and self.labels is not None:
            labels = self.on_device(self.labels, range(len(x)))
        t = t * self.detection.diffusion.timestep_scale
        return self.net(x.to(self.dtype), t, labels, self.embedded(t, labels))

    def embedded(self, t: Tensor, labels: Tensor | None) -> Embedded | None:
        """What the network makes of these timesteps and labels; kept where it costs no wait to look at them."""
        if t.device.type != "cpu":
            return None
        key = tuple(t.tolist()), None if labels is None else tuple(labels.tolist())
        return self.embeddings.at(key, lambda: self.net.embed(t, labels))

    def gradient(self, labels: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Of the log-probability of each picture's class, times the scale."""
        steps = t * self.steps_scale
        return self.settings.guidance * class_gradient(self.classifier, x, steps, labels)

    def steps(self, pictures: Tensor, known: Tensor, numbers: Sequence[int], seed: int) -> Iterator[Step]:
        """Fill a batch, a step at a time; arguments as for `sampler.paint`."""
        settings = replace(self.settings, var_type=self.detection.diffusion.variance(self.settings.var_type))
        gradient = None
        if self.guide is not None:
            self.guide.classifier.check_size(*reversed(pictures.shape[-2:]))
            gradient = partial(self.gradient, self.on_device(self.guided_to, numbers))
        predict = self.predict
        if self.labels is not None:
            predict = partial(self.predict, labels=self.on_device(self.labels, numbers))
        return paint(
            predict,
            self.schedule,
            pictures.to(self.device),
            known.to(self.device),
            settings,
            prediction=self.detection.diffusion.prediction,
            clip=self.detection.diffusion.clip if settings.clip else 0.0,
            seed=seed,
            indices=numbers,
            class_gradient=gradient,
        )

    def on_device(self, labels: Sequence[int], numbers: Sequence[int]) -> Tensor:
        """Labels of pictures by their numbers, sent once; those after the last begin anew."""
        return torch.tensor([labels[number % len(labels)] for number in numbers], device=self.device)

    def fill(
        self, pictures: Tensor, known: Tensor, numbers: Sequence[int], seed: int, on_call: Callable[[int], None]
    ) -> Tensor:
        """Fill a batch.

        Args:
            pictures: In [-1, 1]; (B, C, H, W).
            known: True where they are kept; bool (B, 1, H, W).
            numbers: Of the pictures in the run.
            seed: The user's.
            on_call: Called after each model call with the batch's size.
        """
        with torch.inference_mode():
            for step in self.steps(pictures, known, numbers, seed):
                on_call(len(pictures))
                x = step.x
        return x.cpu()
