"""What no shape tells of a DDPM network, and what is known of it: the code bases' conventions, the published networks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..checkpoint.error import CheckpointError
from ..checkpoint.flags import COMMON, Flags, Layers, OneOf, Only, Real, Told, Vocabulary, Whole, YesNo
from .config import DDPMConfig

__all__ = [
    "DDPM",
    "GOOGLE",
    "HIDDEN",
    "TRAINING_SCRIPT",
    "VOCABULARY",
    "XYFJASON",
    "Known",
    "in_words",
    "with_hidden_flags",
]


@dataclass(frozen=True)
class Side:
    """A number of pixels, or a list of height and width, of which the shorter counts."""

    expected: str = "a whole number of pixels"

    def read(self, value: object) -> int:
        sides = list(value) if isinstance(value, (list, tuple)) and value else [value]
        return min(Whole(1, 65_536).read(each) for each in sides)


@dataclass(frozen=True)
class Maker:
    """The class that a part of a diffusers model is of. Those of other noise levels are not read here."""

    expected: str = "UNet2DModel or a scheduler of DDPM's kind (DDPMScheduler, DDIMScheduler ...)"
    others = ("Consistency", "CMStochastic", "ScoreSde", "KarrasVe", "EDM", "FlowMatch", "VQ", "Amused", "Condition")

    def read(self, value: object) -> str:
        if not isinstance(value, str) or any(other in value for other in self.others):
            raise ValueError
        return value


VOCABULARY = COMMON | Vocabulary(
    flags={
        "image_size": Side(),
        # diffusers has another schedule of the name "sigmoid".
        "noise_schedule": OneOf(
            ("linear", "cosine", "quad", "const"), {"squaredcos_cap_v2": "cosine", "scaled_linear": "quad"}
        ),
        # What diffusers calls "learned" is a variance, and ours its logarithm.
        "var_type": OneOf(
            ("fixed_small", "fixed_large", "learned_range"),
            {"fixed_small_log": "fixed_small", "fixed_large_log": "fixed_large"},
        ),
        "norm_num_groups": Whole(1, 1024),
        "norm_eps": Real(0, 1),
        "attn_norm_num_groups": Whole(0, 1024),
        "downsample_padding": Whole(0, 1),
        "flip_sin_to_cos": YesNo(),
        "freq_shift": Whole(0, 1),
        "num_heads": Whole(1, 1024),
        "num_head_channels": Whole(-1, 65_536),
        "num_heads_middle": Whole(-1, 1024),
        "center_input_sample": YesNo(),
    },
    conditions={
        "made_by": Maker(),
        "act_fn": Only("silu", ("swish",)),
        "time_embedding_type": Only("positional"),
        "class_embed_type": Only(None),
        "mid_block_scale_factor": Only(1),
        "trained_betas": Only(None),
        "rescale_betas_zero_snr": Only(False),
    },
    aliases={
        "_class_name": "made_by",
        "sample_size": "image_size",
        "img_size": "image_size",
        "num_train_timesteps": "diffusion_steps",
        "prediction_type": "prediction",
        "variance_type": "var_type",
        "attention_head_dim": "num_head_channels",
        "attn_head_dims": "num_head_channels",
        "resnet_eps": "norm_eps",
        "clip_denoised": "clip_sample",
        "n_heads": "num_heads",
    },
    phrases={"predict_epsilon": ("prediction", "eps", "x0")},
    nulls={"num_head_channels": -1},
    # One means nothing beside the other.
    takes_back={"num_heads": {"num_head_channels": -1}, "num_head_channels": {"num_heads": 1}},
)
HIDDEN = (
    "norm_num_groups",
    "norm_eps",
    "attn_norm_num_groups",
    "downsample_padding",
    "flip_sin_to_cos",
    "freq_shift",
    "num_heads",
    "num_head_channels",
    "num_heads_middle",
    "center_input_sample",
)

# All of them take the ends of the betas as they are, whatever the number of steps.
ENDS: Flags = {"beta_start": 1e-4, "beta_end": 0.02}
# Of google's models in diffusers, which come from DDPM's own code; that has norms of 32 groups and one head, and no others.
GOOGLE: Flags = {"norm_eps": 1e-6, "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, **ENDS}
DDPM: Flags = {**GOOGLE, "norm_num_groups": 32, "num_heads": 1, "num_head_channels": -1}
XYFJASON: Flags = {**GOOGLE, "norm_eps": 1e-5, "downsample_padding": 1, "norm_num_groups": 32, "num_heads_middle": 1}
# Of diffusers' defaults, with which its training script makes networks.
TRAINING_SCRIPT: Flags = {
    "norm_eps": 1e-5,
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "num_head_channels": 8,
    **ENDS,
}
PUBLISHED: Flags = {"noise_schedule": "linear", "diffusion_steps": 1000, "prediction": "eps"}


@dataclass(frozen=True)
class Signature:
    """An architecture that was published, and how its checkpoints were trained."""

    name: str
    widths: tuple[int, ...]
    attention: int  # the level that attends
    hidden: Flags


SIGNATURES = (
    Signature(
        "DDPM 256: CelebA-HQ, LSUN",
        (128, 128, 256, 256, 512, 512),
        4,
        {**PUBLISHED, "var_type": "fixed_small", "image_size": 256},
    ),
    Signature("DDPM CIFAR-10", (128, 256, 256, 256), 1, {**PUBLISHED, "var_type": "fixed_large", "image_size": 32}),
)


@dataclass(frozen=True)
class Known:
    """What is known of a code base's networks: called with an architecture, it gives (source, flags).

    Attributes:
        source: Who says the flags: "guess", or "signature (...)" where the code has no others.
        flags: Of all of them.
        is_published: Whether an architecture of the table is a published checkpoint's.
        null_is_last: Whether the last label stands for "any class".
    """

    source: str
    flags: Flags
    is_published: bool = True
    null_is_last: bool = False

    def __call__(self, shape: DDPMConfig) -> Layers:
        layers: list[tuple[str, Flags]] = [("guess", guess(shape)), (self.source, self.flags)]
        if self.null_is_last and shape.num_classes is not None:
            layers.append((self.source, {"null_class": shape.num_classes - 1}))
        if self.is_published and shape.num_res_blocks == 2 and shape.out_channels == 3:
            attends = tuple(level for level, attention in enumerate(shape.down_attention) if attention)
            layers += [
                (f"signature ({row.name})", row.hidden)
                for row in SIGNATURES
                if (row.widths, (row.attention,)) == (shape.widths, attends)
            ]
        return layers


def guess(shape: DDPMConfig) -> Flags:
    by_channels = shape.use_scale_shift_norm and all(width % 64 == 0 for width in shape.attention_widths)
    return {
        "num_heads": 1,
        "num_head_channels": 64 if by_channels else -1,
        "norm_num_groups": math.gcd(32, *shape.normed_widths),
        "noise_schedule": "linear",
        "diffusion_steps": 1000,
        "prediction": "eps",
        "var_type": "learned_range" if shape.out_channels == 2 * shape.in_channels else "fixed_small",
        "image_size": 8 * 2 ** (shape.levels - 1),
    }


def with_hidden_flags(shape: DDPMConfig, told: Told) -> DDPMConfig:
    """The architecture with what was told of it.

    Raises:
        CheckpointError: It does not fit.
    """
    hidden: dict[str, Any] = {flag: told.values[flag] for flag in HIDDEN if flag in told.values}
    unet = replace(shape, **hidden)
    if unet.freq_shift >= unet.channels // 2:
        raise CheckpointError(f"This network's first layer has {unet.channels} channels, too few for a timestep.")
    divides(unet.normed_widths, "norm_num_groups", unet.norm_num_groups, "norm")
    if unet.middle_attention and unet.attn_norm_num_groups:
        divides({unet.widths[-1]}, "attn_norm_num_groups", unet.attn_norm_num_groups, "norm")
    flag = "num_heads" if unet.num_head_channels == -1 else "num_head_channels"
    divides(unet.attention_widths, flag, getattr(unet, flag), "attention")
    if unet.middle_attention and unet.num_heads_middle != -1:
        divides({unet.widths[-1]}, "num_heads_middle", unet.num_heads_middle, "attention")
    return unet


def divides(widths: set[int], flag: str, value: int, what: str) -> None:
    for width in sorted(widths):
        if value < 1 or width % value:
            raise CheckpointError(
                f"{flag} is {value}, but {'an' if what[0] == 'a' else 'a'} {what} of this network has {width} channels "
                "to share."
            )


def in_words(unet: DDPMConfig, sources: Mapping[str, str]) -> list[str]:
    attends = [f"1/{2**level}" for level, down in enumerate(unet.down_attention) if down]
    by_channels = unet.num_head_channels > 0
    heads = f"{unet.num_head_channels} channels a head" if by_channels else f"heads: {unet.num_heads}"
    order = "cos, sin" if unet.flip_sin_to_cos else "sin, cos"
    padding = "all sides" if unet.downsample_padding else "right and bottom"

    def source(flag: str) -> str:
        return f"   [{sources.get(flag, 'default')}]"

    return [
        f"width: {', '.join(map(str, unet.widths))} channels; residual blocks a level: {unet.num_res_blocks}",
        f"attention at {', '.join(attends) or 'the middle'}: {heads}"
        + source("num_head_channels" if by_channels else "num_heads"),
        f"timestep: {order}, shift {unet.freq_shift}{source('flip_sin_to_cos')}; "
        f"halving pads {padding}{source('downsample_padding')}",
        f"norms: {unet.norm_num_groups} groups{source('norm_num_groups')}, eps {unet.norm_eps:g}{source('norm_eps')}",
    ]
