"""The record of a family of networks, and what a checkpoint was found to be.

A family is a folder with its network and one `Family`; `sampler/families.py` lists them. Samplers, hosts and the command
line see nothing of it but the `Detection`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from torch import Tensor

from .classes import ANY
from .diffusion import DiffusionConfig
from .error import CheckpointError
from .flags import COMMON, ConfigFile, Flags, Layers, Told, Vocabulary
from .network import Network, NetworkConfig

__all__ = ["Detection", "Family"]

Config = TypeVar("Config", bound=NetworkConfig)
Tensors = Mapping[str, Tensor]
MOST_CHANNELS = 4


def as_they_are(tensors: Tensors) -> dict[str, Tensor]:
    return dict(tensors)


def nothing_beside(tensors: Tensors) -> Flags:
    return {}


def nothing_known(config: NetworkConfig) -> Layers:
    return ()


def nothing_hidden(config: Config, told: Told) -> Config:
    return config


def not_probed(tensors: Tensors, found: "Detection", between: Callable[[], None]) -> "Detection":
    return found


def nothing_to_say(config: NetworkConfig, sources: Mapping[str, str]) -> list[str]:
    return []


@dataclass(frozen=True)
class Family(Generic[Config]):
    """One kind of network, for every checkpoint that holds one. Functions must be a module's own: processes exchange it.

    Attributes:
        name: For people; the report says "NAME UNet".
        landmarks: Keys by which the family is known; every network of it has them all, under its file's own names.
        read: The architecture, from keys and shapes alone; raises CheckpointError for what has the landmarks and is
            something else, or has holes. Shapes are a stranger's: nothing may loop over, or make room for, a number in a
            key. Flags that no shape tells are left at their defaults.
        network: The class of the networks; `Network` says what it must be.
        rename: The state dict under the network's own names.
        vocabulary: What can be said about its checkpoints: COMMON, and its own hidden flags.
        known: (source, flags) of rising authority that the architecture brings: the defaults of the family's code as
            "guess", then what is published about this very architecture.
        beside: Flags that a trainer's tables beside the network tell, see `Checkpoint.beside`.
        hidden: The architecture with the flags that were told; raises CheckpointError where they do not fit it.
        probe: Replaces guesses about the architecture by what works best, with sources that say so. Calls its last argument
            before each pass through the network: what that raises ends the probe, as when the user cancels.
        describe: The architecture in words, a line a fact, with the source of each hidden flag.
        config_files: Files of its code base that tell flags, in rising authority.
    """

    name: str
    landmarks: tuple[str, ...]
    read: Callable[[Tensors], Config]
    network: type[Network]
    rename: Callable[[Tensors], dict[str, Tensor]] = as_they_are
    vocabulary: Vocabulary = COMMON
    known: Callable[[Config], Layers] = nothing_known
    beside: Callable[[Tensors], Flags] = nothing_beside
    hidden: Callable[[Config, Told], Config] = nothing_hidden
    probe: Callable[[Tensors, "Detection", Callable[[], None]], "Detection"] = not_probed
    describe: Callable[[Config, Mapping[str, str]], list[str]] = nothing_to_say
    config_files: tuple[ConfigFile, ...] = ()

    def owns(self, keys: Iterable[str]) -> bool:
        return set(self.landmarks) <= set(keys)

    def detect(self, tensors: Tensors, layers: Layers = ()) -> "Detection":
        """What a state dict of this family, under the network's own names, was found to be.

        Args:
            tensors: On the meta device will do.
            layers: (source, flags) of rising authority, all above what the family knows.

        Raises:
            CheckpointError: The network is not one that fills masks, or the flags are wrong or do not fit it.
        """
        config = self.read(tensors)
        check_channels(config)
        told = self.vocabulary.agree([*self.known(config), *layers])
        config = self.hidden(config, told)
        diffusion = training(told)
        names, null = classes(told, config.num_classes)
        return Detection(self, config, diffusion, told.value("image_size", int, 0), names, null, dict(told.sources))


@dataclass(frozen=True)
class Detection:
    """What a checkpoint was found to be.

    Attributes:
        family: Whose network it is.
        config: Its architecture, in the family's own flags.
        diffusion: How it was trained.
        image_size: Side of the pictures it was trained on, in pixels; 0 where nobody says.
        class_names: Name of each class label, or empty.
        null_class: Label that stands for "any class", or None.
        sources: Where each hidden flag came from: "guess", "probe", "signature (...)", "metadata", "sidecar ..." or "you".
    """

    family: Family[Any]
    config: NetworkConfig
    diffusion: DiffusionConfig
    image_size: int
    class_names: tuple[str, ...] = ()
    null_class: int | None = None
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Of a picture."""
        return self.config.in_channels

    @property
    def has_variance(self) -> bool:
        """Whether as many channels of variance follow the prediction's."""
        return self.config.out_channels == 2 * self.channels

    @property
    def num_classes(self) -> int | None:
        return self.config.num_classes

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""
        return self.config.size_multiple

    @property
    def flags(self) -> Flags:
        """All that the family's vocabulary has words for, by the fields of these names; who is told this finds the same."""
        values = {**vars(self.config), **vars(self.diffusion), **vars(self), "image_size": self.image_size or None}
        return {flag: values[flag] for flag in self.family.vocabulary.flags if values.get(flag) is not None}

    def guessed(self, flags: Iterable[str]) -> bool:
        """Whether nothing but a guess backs any of these flags."""
        return any(self.sources.get(flag) == "guess" for flag in flags)


def check_channels(config: NetworkConfig) -> None:
    if not 1 <= config.in_channels <= MOST_CHANNELS:
        raise CheckpointError(
            f"This network takes {config.in_channels} channels: it is an upsampler or another conditional model, which "
            "cannot fill a mask by itself; choose the diffusion model of the same release."
        )
    if config.out_channels not in (config.in_channels, 2 * config.in_channels):
        raise CheckpointError(
            f"This network takes {config.in_channels} channels and gives {config.out_channels}, expected as many or twice "
            "as many; it is no diffusion model, or damaged."
        )


def training(told: Told) -> DiffusionConfig:
    """How the network was trained, by what was told; where nothing was, as most are."""
    usual = DiffusionConfig()
    found = DiffusionConfig(
        noise_schedule=told.value("noise_schedule", str, usual.noise_schedule),
        diffusion_steps=told.value("diffusion_steps", int, usual.diffusion_steps),
        rescale_timesteps=told.value("rescale_timesteps", bool, usual.rescale_timesteps),
        prediction=told.value("prediction", str, usual.prediction),
        var_type=told.value("var_type", str, usual.var_type),
        beta_start=told.value("beta_start", float, None),
        beta_end=told.value("beta_end", float, None),
        clip_sample=told.value("clip_sample", bool, usual.clip_sample),
        clip_sample_range=told.value("clip_sample_range", float, usual.clip_sample_range),
    )
    try:
        found.betas()
    except ValueError as error:
        raise CheckpointError(f"diffusion_steps is {found.diffusion_steps}: {error}") from error
    return found


def classes(told: Told, count: int | None) -> tuple[tuple[str, ...], int | None]:
    """Names of the classes and the label for any of them, if they fit the network; the last needs no name where it is that."""
    names: tuple[str, ...] = told.value("class_names", tuple, ())
    null = told.value("null_class", int, None)
    if names and null == len(names) == (count or 0) - 1:
        names = (*names, ANY)
    if names and len(names) != count:
        raise CheckpointError(f"class_names has {len(names)} names, but the network has {count} classes.")
    if null is not None and not 0 <= null < (count or 0):
        raise CheckpointError(f"null_class is {null}, but the network has {count} classes.")
    return names, null
