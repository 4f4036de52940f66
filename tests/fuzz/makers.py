"""Values that other nodes may hand to ours, made from a recipe in JSON: ordinary ones, odd ones, and things of another kind.

Used inside the fuzzer's server (odd_nodes.py) and in tests that call nodes in their own process.
"""

import math
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

NAN, INF = float("nan"), float("inf")

# Linked values that pass by the host's checks of types and ranges.
VALUES: dict[str, Any] = {
    "nan": NAN, "inf": INF, "-inf": -INF, "none": None, "true": True, "zero": 0, "one": 1, "minus one": -1, "half": 0.5,
    "huge": 10**30, "huge float": 1e300, "minus zero": -0.0, "text": "7", "empty": "", "long": "9" * 5000, "list": [1, 2],
    "dict": {}, "bytes": b"8", "object": SimpleNamespace(), "numpy float": np.float32(1.5), "numpy int": np.int64(8),
    "numpy nan": np.float64("nan"), "numpy list": np.zeros(3), "tensor": torch.tensor(3.0), "tensors": torch.zeros(2, 2),
    "complex": 1 + 2j, "decimal": Decimal("1.5"), "lone surrogate": "\ud800", "nul": "a\0b", "lines": "1\n2",
    "list of tensors": [torch.zeros(1, 8, 8, 3)], "tuple": (1, 2), "empty list": [], "class": dict,
}  # fmt: skip


def box(shape: list[int], draw: torch.Generator) -> Tensor:
    values = torch.zeros(shape)
    height, width = shape[-2:]
    values[..., height // 4 : height // 4 + max(1, height // 2), width // 3 : width // 3 + max(1, width // 2)] = 1
    return values


def right_half(shape: list[int], draw: torch.Generator) -> Tensor:
    values = torch.zeros(shape)
    values[..., shape[-1] // 2 :] = 1
    return values


def pixel(shape: list[int], draw: torch.Generator) -> Tensor:
    values = torch.zeros(shape).flatten()
    values[values.numel() // 2 : values.numel() // 2 + 1] = 1
    return values.reshape(shape)


def spoiled(value: float):
    """Ordinary numbers with one bad one."""

    def made(shape: list[int], draw: torch.Generator) -> Tensor:
        values = levels(shape, draw).flatten()
        values[-1:] = value
        return values.reshape(shape)

    return made


def levels(shape: list[int], draw: torch.Generator) -> Tensor:
    """Random, on 8-bit levels, as loaded pictures are."""
    return torch.randint(0, 256, shape, generator=draw) / 255


FILLS = {
    "levels": levels,
    "box": box,
    "half": right_half,
    "pixel": pixel,
    "soft": lambda shape, draw: torch.rand(shape, generator=draw),
    "speckled": lambda shape, draw: (torch.rand(shape, generator=draw) > 0.8).float(),
    "checkers": lambda shape, draw: (torch.arange(math.prod(shape)).reshape(shape) % 2).float(),
    "zeros": lambda shape, draw: torch.zeros(shape),
    "ones": lambda shape, draw: torch.ones(shape),
    "grey": lambda shape, draw: torch.full(shape, 0.5),
    "faint": lambda shape, draw: torch.full(shape, 1e-30),
    "denormal": lambda shape, draw: torch.full(shape, 1e-42),
    "nearly": lambda shape, draw: torch.full(shape, 1 - 2**-24),
    "normal": lambda shape, draw: torch.randn(shape, generator=draw),
    "large": lambda shape, draw: 1e30 * torch.randn(shape, generator=draw),
    "largest": lambda shape, draw: torch.full(shape, torch.finfo(torch.float32).max),
    "beyond": lambda shape, draw: 3 * torch.rand(shape, generator=draw) - 1,
    "negative": lambda shape, draw: -torch.rand(shape, generator=draw),
    "nan": spoiled(NAN),
    "inf": spoiled(INF),
    "-inf": spoiled(-INF),
    "all nan": lambda shape, draw: torch.full(shape, NAN),
}
LAYOUTS = {
    "plain": lambda values: values,
    "expanded": lambda values: values[:1].expand(values.shape),
    "turned": lambda values: values.transpose(-1, -2).contiguous().transpose(-1, -2),
    "every second": lambda values: values.repeat_interleave(2, -1)[..., ::2],
}


def tensor(
    shape: list[int], fill: str = "levels", dtype: str = "float32", layout: str = "plain", seed: int = 0
) -> Tensor:
    values = FILLS[fill](shape, torch.Generator().manual_seed(seed))
    return LAYOUTS[layout](values.to(getattr(torch, dtype)))


def latent(samples: dict, mask: dict | None = None, **more: Any) -> dict:
    """A LATENT; `mask` goes in as Set Latent Noise Mask does it."""
    out = {"samples": tensor(**samples), **more}
    if mask is not None:
        values = tensor(**mask)
        out["noise_mask"] = values.reshape(-1, 1, *values.shape[-2:]) if values.ndim > 1 and values.numel() else values
    return out


def sigmas(values: list) -> Tensor:
    return torch.tensor([float(value) for value in values])


def conditioning(**entries: Any) -> list:
    return [[torch.zeros(1, 8, 16), {key: VALUES.get(value, value) for key, value in entries.items()}]]


@cache
def tiny(name: str):
    from tiny_models import tiny as made

    return made(name)


MAKERS = {
    "value": lambda name: VALUES[name],
    "tensor": tensor,
    "latent": latent,
    "sigmas": sigmas,
    "conditioning": conditioning,
    "nothing": lambda: [],
    "model": lambda name: tiny(name).model,
    "text": lambda name: tiny(name).positive,
    "latent without samples": lambda: {"noise_mask": torch.zeros(1, 1, 8, 8)},
}


def make(what: str, **recipe: Any) -> Any:
    """What a recipe stands for."""
    return MAKERS[what](**recipe)
