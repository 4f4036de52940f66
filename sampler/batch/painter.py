"""One batch of pictures through the network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..chain import Chain, chosen_timesteps
from ..checkpoint import CheckpointError, Detection, build
from ..checkpoint.classes import class_number as number_of
from ..methods import Step
from ..painting import paint
from ..recognition import Recognised, recognise
from ..respacing import largest_sigma
from ..schedule import sigmas
from .settings import RunSettings, SettingsError

__all__ = ["Painter", "calls_of", "chosen_dtype", "class_number", "look_at", "visited", "which"]

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


def chosen_dtype(dtype: str, mixed_precision: str, device: torch.device) -> str:
    """What "auto" means: Accelerate's setting.

    Raises:
        SettingsError: fp16 on a processor, where it is hundreds of times slower than fp32.
    """
    chosen = OF_ACCELERATE[mixed_precision] if dtype == "auto" else dtype
    if chosen == "fp16" and device.type == "cpu":
        raise SettingsError("fp16 on a processor takes hundreds of times longer than fp32; choose bf16 or fp32.")
    return chosen


def class_number(label: str, detection: Detection) -> int | None:
    """A class label by number or name; None for networks without classes.

    Raises:
        SettingsError: No such class, or none given where the network needs one.
    """
    classes = detection.num_classes
    if classes is None:
        if label:
            raise SettingsError(f"class_label is '{label}', but this network has no classes; leave it out.")
        return None
    if not label:
        if detection.null_class is None:
            raise SettingsError(f"This network paints one of {classes} classes; choose one with --class_label.")
        return detection.null_class
    try:
        return number_of(label, classes, detection.class_names)
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
    """

    def __init__(self, found: Recognised, settings: RunSettings, device: torch.device):
        self.detection, self.settings, self.device = found.detection, settings, device
        self.dtype = TORCH_DTYPES[settings.dtype]
        self.net = build(found.checkpoint.tensors, found.detection, self.dtype).to(device)
        self.schedule = found.detection.diffusion.alphas_cumprod()
        self.label = class_number(settings.class_label, found.detection)

    @property
    def channels(self) -> int:
        return self.detection.channels

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        label = None if self.label is None else torch.full((len(x),), self.label, device=x.device)
        return self.net(x.to(self.dtype), t * self.detection.diffusion.timestep_scale, label)

    def steps(self, pictures: Tensor, known: Tensor, numbers: Sequence[int], seed: int) -> Iterator[Step]:
        """Fill a batch, a step at a time; arguments as for `sampler.paint`."""
        settings = replace(self.settings, var_type=self.detection.diffusion.variance(self.settings.var_type))
        return paint(
            self.predict,
            self.schedule,
            pictures.to(self.device),
            known.to(self.device),
            settings,
            prediction=self.detection.diffusion.prediction,
            clip=self.detection.diffusion.clip if settings.clip else 0.0,
            seed=seed,
            indices=numbers,
        )

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
