"""From a checkpoint file to a network that runs.

Each flag that no tensor's shape tells is looked up, in rising authority: a guess, what is published about the same
architecture, configuration files, the file's own metadata, a sidecar file, the user; what is still a guess then is tried
out. Each value remembers where it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from . import families
from .checkpoint.classes import in_words
from .checkpoint.error import CheckpointError
from .checkpoint.family import Detection, Family
from .checkpoint.file import Checkpoint, read_checkpoint
from .checkpoint.flags import COMMON, SIDECARS, Flags, Layers, metadata_flags, sidecar_flags
from .checkpoint.folder import file_of, files_in
from .checkpoint.network import build, check_finite, check_keys
from .checkpoint.probe import nothing, settle_schedule
from .checkpoint.strangers import refuse
from .sentence import in_one_line

__all__ = [
    "Recognised",
    "describe",
    "detect",
    "files_that_count",
    "flags_in",
    "load_network",
    "read_again",
    "recognise",
]

YOU = "you"


@dataclass(frozen=True)
class Recognised:
    """A checkpoint, its tensors under the network's own names, and what it was found to be."""

    checkpoint: Checkpoint
    detection: Detection


def recognise(
    path: str | Path,
    weights: str = "ema",
    overrides: Flags | None = None,
    probe: bool = True,
    between: Callable[[], None] = nothing,
) -> Recognised:
    """Read a checkpoint and find out everything needed to run it.

    Args:
        path: A .safetensors, .pt, .pth, .ckpt or .bin file, or a folder as diffusers saves it.
        weights: "ema" or "model", where the file holds both.
        overrides: Hidden flags the user insists on, see the family's vocabulary.
        probe: Try the possible readings of attention and schedule where nothing better than a guess is known. Costs some
            dozen small forward passes on the CPU.
        between: Called before each of them; what it raises ends the probe.

    Raises:
        CheckpointError: With one sentence that says what is wrong and what to do.
    """
    path = file_of(Path(path), weights)
    checkpoint = read_checkpoint(path, weights)
    family = family_of(checkpoint.tensors)
    layers = [*written(path, checkpoint, family), (YOU, overrides or {})]
    checkpoint = replace(checkpoint, tensors=family.rename(checkpoint.tensors))
    detection = family.detect(checkpoint.tensors, layers)
    check_keys(checkpoint.tensors, detection)
    check_finite(checkpoint.tensors)
    if probe:
        detection = family.probe(checkpoint.tensors, detection, between)
        detection = settle_schedule(checkpoint.tensors, detection, between)
    return Recognised(checkpoint, detection)


def read_again(path: str | Path, weights: str, detection: Detection) -> Recognised:
    """A checkpoint that another process has recognised."""
    checkpoint = read_checkpoint(file_of(Path(path), weights), weights)
    return Recognised(replace(checkpoint, tensors=detection.family.rename(checkpoint.tensors)), detection)


def load_network(path: str | Path, weights: str = "ema", overrides: Flags | None = None) -> tuple[nn.Module, Detection]:
    """A float32 network on the CPU, ready to call, and what it was found to be; arguments as for `recognise`."""
    found = recognise(path, weights, overrides)
    return build(found.checkpoint.tensors, found.detection), found.detection


def detect(tensors: dict[str, Tensor], layers: Layers = ()) -> Detection:
    """What a state dict was found to be, without a probe; see `Family.detect`."""
    family = family_of(tensors)
    return family.detect(family.rename(tensors), layers)


def family_of(tensors: dict[str, Tensor]) -> Family[Any]:
    """Whose network a state dict is.

    Raises:
        CheckpointError: Nobody's here.
    """
    for family in families.FAMILIES:
        if family.owns(tensors):
            return family
    refuse(tensors)
    expected = "; or ".join(f"{family.name}'s keys ({', '.join(family.landmarks)} ...)" for family in families.FAMILIES)
    found = ", ".join(sorted(tensors)[:3])
    raise CheckpointError(f"This checkpoint is of an unknown family: expected {expected}, found {found} ...")


def written(path: Path, checkpoint: Checkpoint, family: Family[Any]) -> Layers:
    """What is written in and beside a checkpoint, and where."""
    configs = [(config, place) for config in family.config_files if (place := config.of(path))]
    sidecar, flags = sidecar_flags(path, family.vocabulary)
    return [
        ("the trainer's tables", family.beside(checkpoint.beside)),
        *((place.name, config.flags(place, family.vocabulary)) for config, place in configs),
        ("metadata", metadata_flags(checkpoint.metadata, family.vocabulary)),
        (f"sidecar {sidecar}", flags),
    ]


def files_that_count(path: Path) -> list[Path]:
    """The checkpoint, or those of a folder, and all there is beside it that recognising it may read."""
    files: dict[Path, None] = {}
    for file in files_in(path) if path.is_dir() else [path]:
        configs = (config.of(file) for family in families.FAMILIES for config in family.config_files)
        files |= dict.fromkeys((file, *map(file.with_suffix, SIDECARS), *filter(None, configs)))
    return [file for file in files if file.is_file()]


def flags_in(content: object) -> Flags:
    """Flags of any family in a configuration file's content, in the names that the families' code bases use."""
    vocabulary = COMMON
    for family in families.FAMILIES:
        vocabulary |= family.vocabulary
    return vocabulary.pick(content)


def describe(found: Recognised) -> str:
    """What was found and how sure it is, for people; a line a fact."""
    detection, diffusion, sources = found.detection, found.detection.diffusion, found.detection.sources
    parameters = sum(value.numel() for value in found.checkpoint.tensors.values()) / 1e6
    origin = f", weights from '{found.checkpoint.origin}'" if found.checkpoint.origin else ""
    rescaled = ", rescaled timesteps" if diffusion.rescale_timesteps else ""
    names = f" ({in_one_line(in_words(detection.class_names))})" if detection.class_names else ""
    outputs = detection.config.out_channels
    clip = f"kept within {diffusion.clip:g}" if diffusion.clip else "not clipped"

    def source(flag: str) -> str:
        return f"   [{sources.get(flag, 'default')}]"

    return "\n".join(
        [
            f"{detection.family.name} UNet, {parameters:.1f} M parameters{origin}",
            *detection.family.describe(detection.config, sources),
            f"channels: {detection.channels} in, {outputs} out; classes: {detection.num_classes or 'none'}{names}",
            f"noise schedule: {diffusion.noise_schedule}, {diffusion.diffusion_steps} steps{rescaled}"
            + source("noise_schedule"),
            f"predicts {diffusion.prediction}{source('prediction')}; variance: {diffusion.var_type}{source('var_type')}"
            + (f"; predicted pictures are {clip}{source('clip_sample')}" if diffusion.clip != 1 else ""),
            f"trained at {detection.image_size} px{source('image_size')}; "
            f"sides must be multiples of {detection.size_multiple}",
        ]
    )
