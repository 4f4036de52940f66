"""One of lucidrains' networks from keys and shapes, and how it was trained from what its trainer saves beside it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..checkpoint.error import CheckpointError
from ..checkpoint.flags import Flags
from ..checkpoint.shapes import Shapes, numbered, side
from ..checkpoint.strangers import refuse
from ..schedule import BETAS, alphas_cumprod, named_betas
from .config import Attention, LucidConfig

__all__ = ["read_architecture", "written_beside"]

LOOK_ALIKES = (
    (r"^time_mlp\.0\.weights$", "a lucidrains network with random Fourier features, which this loader does not read"),
    (
        r"\.fn\.fn\.|^downs\.0\.0\.block1\.norm\.(weight|bias)$",
        "of an older version of lucidrains' denoising-diffusion-pytorch; expected one of version 2, train or save it with that",
    ),
)
MOST_LEVELS, LEAST_DIM = 10, 4
# Loss weights by what is predicted, at a level of signal over noise where they differ.
OBJECTIVES = {"eps": lambda snr: 1.0, "x0": lambda snr: snr, "v": lambda snr: snr / (snr + 1)}
TELLING_SNR = 0.25


def read_architecture(tensors: Mapping[str, Tensor]) -> LucidConfig:
    """The whole architecture.

    Raises:
        CheckpointError: A look-alike, or a network with holes.
    """
    refuse(tensors.keys(), LOOK_ALIKES)
    shape_of = {key: tuple(value.shape) for key, value in tensors.items()}
    levels = numbered(shape_of, "downs", MOST_LEVELS, "levels")
    # What changes the resolution after a level is a sequence, what keeps it after the last one a convolution.
    after = [f"downs.{level}.3.1.weight" for level in range(levels - 1)] + [f"downs.{levels - 1}.3.weight"]
    dim = side(shape_of, "time_mlp.1.weight", 1)
    if dim < LEAST_DIM:
        raise CheckpointError(f"This network has {dim} features for a timestep, too few for any; it is damaged.")
    return LucidConfig(
        in_channels=side(shape_of, "init_conv.weight", 1),
        out_channels=side(shape_of, "final_conv.weight"),
        dim=dim,
        widths=(side(shape_of, "init_conv.weight"), *(side(shape_of, key) for key in after)),
        attention=tuple(attention(shape_of, f"downs.{level}.2") for level in range(levels)),
        middle=attention(shape_of, "mid_attn"),
    )


def attention(shape_of: Shapes, place: str) -> Attention:
    full = f"{place}.to_out.weight" in shape_of
    heads, *sides = (side(shape_of, f"{place}.mem_kv", axis) for axis in (1, 2, 3))
    memory, channels = sides if full else reversed(sides)
    return Attention(full, heads, channels, memory)


def written_beside(beside: Mapping[str, Tensor]) -> Flags:
    """The noise schedule and what is predicted, from tables that the trainer saves with the network.

    Raises:
        CheckpointError: The schedule has no name here.
    """
    table, loss = beside.get("alphas_cumprod"), beside.get("loss_weight")
    if table is None or table.ndim != 1 or not 1 < len(table) <= 100_000:
        return {}
    told: Flags = {"noise_schedule": schedule_of(table.double()), "diffusion_steps": len(table)}
    if loss is not None and loss.shape == table.shape:
        snr = table.double() / (1 - table.double())
        place = int((snr - TELLING_SNR).abs().argmin())
        there = float(snr[place])
        told["prediction"] = min(OBJECTIVES, key=lambda name: abs(float(loss[place]) - OBJECTIVES[name](there)))
    return told


def schedule_of(table: Tensor) -> str:
    for name in BETAS:
        try:
            named = alphas_cumprod(named_betas(name, len(table)))
        except ValueError:  # too few steps for it
            continue
        if torch.allclose(named, table, rtol=1e-3, atol=1e-6):
            return name
    raise CheckpointError(
        f"This file's noise schedule is none of {', '.join(BETAS)} with their usual settings, which alone are read."
    )
