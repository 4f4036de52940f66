"""What a network of any family must be, and how one is built around a checkpoint's tensors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from ..embedded import Embedded
from ..fast import Packs
from .error import CheckpointError

if TYPE_CHECKING:
    from .family import Detection

__all__ = [
    "Network",
    "NetworkConfig",
    "build",
    "check_finite",
    "check_keys",
    "check_places",
    "check_size",
    "filled",
    "is_finite",
]

Module = TypeVar("Module", bound=nn.Module)


class NetworkConfig(Protocol):
    """What samplers, hosts and the command line ask of a network's architecture; families add their own flags."""

    @property
    def in_channels(self) -> int:
        """Channels of a picture, 1 to 4."""

    @property
    def out_channels(self) -> int:
        """As many, or twice as many where the network gives a variance."""

    @property
    def num_classes(self) -> int | None:
        """Labels of a class-conditional network."""

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this."""

    def activations(self, size: int, norm_size: int = 4) -> float:
        """Bytes in memory at a time for each pixel, without the weights; sizes are of a number in the torso and its norms."""


class Network(nn.Module):
    """A network of any family, made by class.

    Args:
        config: Its architecture.
        operations: Namespace of layer classes in torch.nn's names. Every layer with weights comes from here, so that a host
            can offload, cast and patch each.
        device: Where the parameters are made.
        dtype: Of the torso; what needs float32 for good numbers stays float32.
    """

    config: NetworkConfig
    packs: Packs  # what layers keep for a processor beside their weights

    def __init__(
        self,
        config: Any,
        operations: Any = nn,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.config = config
        self.dtype = dtype
        self.packs = Packs()

    def forward(
        self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, embedded: Embedded | None = None
    ) -> Tensor:
        """Predict what the network was trained to predict.

        Args:
            x: Noisy pictures, in the torso's dtype; (B, in_channels, H, W).
            timesteps: Training steps, times `DiffusionConfig.timestep_scale`, fractions allowed; (B,).
            y: Class labels, for class-conditional networks only; int64 (B,).
            embedded: What `embed` made of the two, where a run keeps it.

        Returns:
            The prediction, then the variance channels if the network has them; float32 (B, out_channels, H, W),
            contiguous: what is done with pictures whose channels come last takes two to three times as long.

        Raises:
            ValueError: H or W is no multiple of `config.size_multiple`, or a label is missing or too many.
        """
        raise NotImplementedError

    def embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        """Embedding of timesteps and labels; float32 (B, features)."""
        raise NotImplementedError


def build(tensors: Mapping[str, Tensor], found: "Detection", dtype: torch.dtype = torch.float32) -> Network:
    """The network around the checkpoint's own tensors, ready to call; on the CPU, what needs no other type is not copied."""
    return filled(found.family.network(found.config, nn, torch.device("meta"), dtype), tensors)


def filled(net: Module, tensors: Mapping[str, Tensor]) -> Module:
    """A network on the meta device with a checkpoint's own tensors, ready to call."""
    types = {key: value.dtype for key, value in net.state_dict().items()}
    net.load_state_dict({key: value.to(types[key]) for key, value in tensors.items()}, assign=True)
    return net.requires_grad_(False).train(False)


def check_keys(tensors: Mapping[str, Tensor], found: "Detection") -> None:
    """Every tensor of the network must be there, in the right shape, with the right kind of numbers, and no other.

    Raises:
        CheckpointError: One is missing, too many, of another shape or of another kind.
    """
    places = found.family.network(found.config, nn, torch.device("meta")).state_dict()
    check_places(tensors, places, f"{found.family.name} network")


def check_places(tensors: Mapping[str, Tensor], places: Mapping[str, Tensor], name: str) -> None:
    """The same for any network, by its state dict on the meta device, and what it is called."""
    expected = {key: tuple(value.shape) for key, value in places.items()}
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    for words, keys in (
        ("lacks", sorted(set(expected) - set(shapes))),
        ("has the unknown", sorted(set(shapes) - set(expected))),
    ):
        if keys:
            raise CheckpointError(
                f"This checkpoint {words} {len(keys)} of a {name}'s tensors, e.g. {keys[0]}; "
                "it is damaged, or of a variant this loader does not know."
            )
    for key, shape in expected.items():
        if shapes[key] != shape:
            raise CheckpointError(f"Tensor {key} has shape {shapes[key]}, expected {shape}; the checkpoint is damaged.")
        if places[key].is_floating_point() and not tensors[key].is_floating_point():
            raise CheckpointError(
                f"Tensor {key} holds {str(tensors[key].dtype).removeprefix('torch.')} numbers, expected float32, float16 or "
                "bfloat16; the checkpoint is quantized or of another kind: choose one with the full weights."
            )


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """No weight may be infinite or no number at all; every one is read once, and none is copied.

    Raises:
        CheckpointError: One is.
    """
    for key, value in tensors.items():
        if not is_finite(value):
            raise CheckpointError(
                f"Tensor {key} holds numbers that are infinite or not numbers (NaN): the training failed, or the file is "
                "damaged; choose an earlier checkpoint, or download it again."
            )


def is_finite(value: Tensor) -> bool:
    """Whether all of a tensor's numbers are."""
    if not value.is_floating_point() or not value.numel():
        return True
    plain = value if value.element_size() > 1 else value.float()  # torch does not compare 8-bit numbers
    return bool(torch.stack(plain.detach().aminmax()).isfinite().all())


def check_size(width: int, height: int, multiple: int) -> None:
    """A network that halves the picture several times needs that to come out even.

    Raises:
        ValueError: It does not.
    """
    if width % multiple or height % multiple:
        fitting = "x".join(str(-(-side // multiple) * multiple) for side in (width, height))
        raise ValueError(
            f"The picture is {width}x{height}, but this model needs sides that are multiples of {multiple}; "
            f"crop or scale it, e.g. to {fitting}."
        )
