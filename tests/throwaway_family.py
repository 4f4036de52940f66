"""A family of networks in one file: what CONTRIBUTING's recipe "a model family" asks for, and no more.

The networks are two convolutions. Their files call them by names of their own, keep the width in the shapes, and tell the
strength of the second one, which no shape tells, in a `toy_config.json` beside them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from mask_guidance.sampler.checkpoint import (
    COMMON,
    ConfigFile,
    Family,
    Flags,
    Network,
    Told,
    Vocabulary,
    Whole,
    check_size,
)
from mask_guidance.sampler.embedded import Embedded
from torch import Tensor, nn

RENAMED = {"first.w": "inner.weight", "first.b": "inner.bias", "last.w": "outer.weight", "last.b": "outer.bias"}
RENAMED |= {"label.w": "label.weight"}


@dataclass(frozen=True)
class ToyConfig:
    """Two convolutions: `in_channels` to `width` to `out_channels`."""

    in_channels: int
    out_channels: int
    width: int
    num_classes: int | None = None
    strength: int = 1
    size_multiple: int = 4

    def activations(self, size: int, norm_size: int = 4) -> float:
        return 2.0 * self.width * size


class ToyNetwork(Network):
    config: ToyConfig

    def __init__(self, config: ToyConfig, operations: Any = nn, device=None, dtype: torch.dtype = torch.float32):
        super().__init__(config, operations, device, dtype)
        self.inner = operations.Conv2d(config.in_channels, config.width, 3, padding=1, device=device, dtype=dtype)
        self.outer = operations.Conv2d(config.width, config.out_channels, 1, device=device, dtype=dtype)
        if config.num_classes is not None:
            self.label = operations.Embedding(config.num_classes, config.width, device=device, dtype=torch.float32)

    def embed(self, timesteps: Tensor, y: Tensor | None) -> Tensor:
        emb = (timesteps / 1000)[:, None]
        return emb if y is None else emb + self.label(y)

    def forward(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None, embedded=None) -> Tensor:
        check_size(x.shape[-1], x.shape[-2], self.config.size_multiple)
        emb = embedded or Embedded(self.embed(timesteps, y))
        h = self.inner(x) + emb.emb.to(x)[:, :, None, None]
        return self.config.strength * self.outer(h.tanh()).float()


def read(tensors: Mapping[str, Tensor]) -> ToyConfig:
    first, last = tensors["inner.weight"].shape, tensors["outer.weight"].shape
    classes = len(tensors["label.weight"]) if "label.weight" in tensors else None
    return ToyConfig(first[1], last[0], first[0], classes)


def rename(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {RENAMED.get(key, key): value for key, value in tensors.items()}


def known(config: ToyConfig) -> list[tuple[str, Flags]]:
    return [("guess", {"image_size": 16, "strength": 1})]


def hidden(config: ToyConfig, told: Told) -> ToyConfig:
    return replace(config, strength=told.value("strength", int, config.strength))


def describe(config: ToyConfig, sources: Mapping[str, str]) -> list[str]:
    return [f"width: {config.width}; strength: {config.strength}   [{sources['strength']}]"]


TOY = Family(
    name="toy",
    landmarks=("first.w", "last.w"),
    read=read,
    network=ToyNetwork,
    rename=rename,
    vocabulary=COMMON | Vocabulary({"strength": Whole(1, 9)}, aliases={"num_train_timesteps": "diffusion_steps"}),
    known=known,
    hidden=hidden,
    describe=describe,
    config_files=(ConfigFile("toy_config.json"),),
)

CONFIG = ToyConfig(in_channels=3, out_channels=6, width=8, num_classes=3, strength=2)
WRITTEN = {"strength": 2, "num_train_timesteps": 500, "beta_schedule": "cosine", "class_names": ["cat", "dog", "any"]}
WRITTEN |= {"null_class": 2}


def toy_network() -> ToyNetwork:
    """Always with the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ToyNetwork(CONFIG).eval().requires_grad_(False)


def save_toy(folder: Path, name: str = "toy.pt") -> Path:
    """Such a network's file under its own names, and its configuration beside it."""
    theirs = {ours: own for own, ours in RENAMED.items()}
    torch.save({theirs[key]: value for key, value in toy_network().state_dict().items()}, folder / name)
    (folder / "toy_config.json").write_text(json.dumps(WRITTEN))
    return folder / name
