"""The published checkpoints: which architecture goes with which flags that no tensor shows.

Collected from the README files and model lists of guided-diffusion, improved-diffusion, RePaint, P2, DPS and Disco Diffusion.
"""

from dataclasses import dataclass

from ..checkpoint.flags import Flags

__all__ = ["HC64", "HEADS4", "LEGACY", "LINEAR", "SIGNATURES", "Signature"]


@dataclass(frozen=True)
class Signature:
    """A published architecture and the hidden flags of the checkpoints that have it."""

    name: str
    shape: Flags
    hidden: Flags


def signature(
    name: str,
    channels: int,
    blocks: int,
    mult: tuple[float, ...],
    ds: tuple[int, ...],
    updown: bool,
    ssn: bool,
    **hidden: object,
) -> Signature:
    shape: Flags = {
        "model_channels": channels,
        "num_res_blocks": blocks,
        "channel_mult": mult,
        "attention_ds": ds,
        "resblock_updown": updown,
        "use_scale_shift_norm": ssn,
    }
    if "learn_sigma" in hidden:
        shape["learn_sigma"] = hidden.pop("learn_sigma")
    return Signature(name, shape, hidden)


HC64: Flags = {"num_head_channels": 64}
HEADS4: Flags = {"num_heads": 4, "num_head_channels": -1}
HEADS1: Flags = {"num_heads": 1, "num_head_channels": -1}
LINEAR: Flags = {"noise_schedule": "linear", "diffusion_steps": 1000, "rescale_timesteps": False}
COSINE: Flags = {**LINEAR, "noise_schedule": "cosine"}
IMPROVED: Flags = {**HEADS4, "noise_schedule": "cosine", "diffusion_steps": 4000, "rescale_timesteps": True}
TEMPLATE: Flags = {**IMPROVED, "noise_schedule": "linear"}
NEW: Flags = {"use_new_attention_order": True}
LEGACY: Flags = {"use_new_attention_order": False}

M64, M128, M256, M512 = (1, 2, 3, 4), (1, 1, 2, 3, 4), (1, 1, 2, 2, 4, 4), (0.5, 1, 1, 2, 2, 4, 4)
SIGNATURES = (
    signature("OpenAI ImageNet 64", 192, 3, M64, (2, 4, 8), True, True, image_size=64, **HC64, **COSINE, **NEW),
    signature("OpenAI ImageNet 128", 256, 2, M128, (4, 8, 16), True, True, image_size=128, **HEADS4, **LINEAR, **LEGACY),
    signature(
        "OpenAI 256 / LSUN / RePaint", 256, 2, M256, (8, 16, 32), True, True, image_size=256, **HC64, **LINEAR, **LEGACY
    ),
    signature("OpenAI 512", 256, 2, M512, (16, 32, 64), True, True, image_size=512, **HC64, **LINEAR, **LEGACY),
    signature("portrait generator 512", 128, 2, M512, (16, 32, 64), True, True, image_size=512, **HEADS4, **LINEAR, **LEGACY),
    signature("Ukiyo-e / deepspace 256", 128, 2, M256, (8, 16, 32), True, True, image_size=256, **HEADS4, **LINEAR, **LEGACY),
    signature("P2 / ILVR / DPS 256", 128, 1, M256, (16,), True, True, image_size=256, **HC64, **LINEAR, **LEGACY),
    signature(
        "improved-diffusion LSUN 256 and fine-tunes", 128, 2, M256, (16,), False, False,
        image_size=256, **HEADS1, **LINEAR, **LEGACY,
    ),
    signature(
        "improved-diffusion ImageNet 64", 128, 3, M64, (4, 8), False, True,
        learn_sigma=True, image_size=64, **IMPROVED, **LEGACY,
    ),
    signature(
        "improved-diffusion ImageNet 64, 270M", 192, 3, M64, (4, 8), False, True,
        learn_sigma=True, image_size=64, **{**IMPROVED, "rescale_timesteps": False}, **LEGACY,
    ),
    signature(
        "improved-diffusion CIFAR-10", 128, 3, (1, 2, 2, 2), (2, 4), False, True,
        learn_sigma=True, image_size=32, **IMPROVED, **LEGACY,
    ),
    signature(
        "improved-diffusion's README template", 128, 3, M64, (4, 8), False, True,
        learn_sigma=False, image_size=64, **TEMPLATE, **LEGACY,
    ),
    signature(
        "improved-diffusion's README template, CIFAR-10", 128, 3, (1, 2, 2, 2), (2, 4), False, True,
        learn_sigma=False, image_size=32, **TEMPLATE, **LEGACY,
    ),
)  # fmt: skip
