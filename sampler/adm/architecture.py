"""A guided-diffusion network from keys and shapes, and its hidden flags from what is known of such networks.

Shapes settle everything but the attention heads and their order, the noise schedule and its length, whether timesteps
are rescaled, and what is predicted.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ..checkpoint.error import CheckpointError
from ..checkpoint.flags import Flags, Told
from ..checkpoint.shapes import Shapes, numbered, side
from ..checkpoint.strangers import LATENT, refuse
from ..layers import NORM_GROUPS
from .config import UNetConfig
from .signatures import HC64, HEADS4, LEGACY, LINEAR, SIGNATURES

__all__ = ["known_layers", "read_architecture", "with_heads", "with_hidden_flags"]

# What has a guided-diffusion UNet's landmarks and is none.
LOOK_ALIKES = (
    LATENT,
    (
        r"^out\.2\.positional_embedding$",
        "a guided-diffusion classifier, not a diffusion model; choose the diffusion file, and load this one with "
        "Load Classifier",
    ),
)
MOST_BLOCKS, MOST_LEVELS = 256, 8  # the largest published network has 21 and 7


def read_architecture(tensors: Mapping[str, Tensor]) -> UNetConfig:
    """Every flag that keys and shapes settle; heads are left at their defaults.

    Raises:
        CheckpointError: A look-alike, or a network with holes.
    """
    refuse(tensors.keys(), LOOK_ALIKES)
    shape_of = {key: tuple(value.shape) for key, value in tensors.items()}
    outputs = decoder_length(shape_of)
    blocks, updown = decoder_blocks(shape_of, outputs)
    levels = outputs // (blocks + 1)
    if levels > MOST_LEVELS:
        raise CheckpointError(f"This network has {levels} levels, more than any of its kind; it is damaged.")
    stride = blocks + 1 if updown or any(".0.op." in key for key in tensors) else None
    conv_resample = updown or stride is not None
    first = [1 + level * (blocks + 1) for level in range(levels)]
    channels = side(shape_of, "time_embed.0.weight", 1)
    widths = [side(shape_of, f"input_blocks.{i}.0.out_layers.3.weight") for i in first]
    if odd := [width for width in (channels, *widths) if width % NORM_GROUPS]:
        raise CheckpointError(
            f"This network has layers of {odd[0]} channels, which guided-diffusion's norms of {NORM_GROUPS} groups cannot "
            "divide; it is damaged, or of a variant this loader does not know."
        )
    mult = tuple(width / channels if width % channels else width // channels for width in widths)
    return UNetConfig(
        in_channels=side(shape_of, "input_blocks.0.0.weight", 1),
        out_channels=side(shape_of, "out.2.weight"),
        model_channels=channels,
        channel_mult=mult,
        num_res_blocks=blocks,
        attention_ds=tuple(2**level for level, i in enumerate(first) if f"input_blocks.{i}.1.qkv.weight" in tensors),
        num_classes=side(shape_of, "label_emb.weight") if "label_emb.weight" in tensors else None,
        use_scale_shift_norm=side(shape_of, "input_blocks.1.0.emb_layers.1.weight") == 2 * widths[0],
        resblock_updown=updown,
        conv_resample=conv_resample,
    )


def decoder_length(shape_of: Shapes) -> int:
    """The number of decoder blocks; the numbers in their keys are counted, never trusted."""
    if "out.2.weight" not in shape_of or not any(key.startswith("output_blocks.") for key in shape_of):
        raise CheckpointError("This checkpoint is a guided-diffusion classifier, not a diffusion model.")
    return numbered(shape_of, "output_blocks", MOST_BLOCKS, "decoder blocks")


def decoder_blocks(shape_of: Shapes, outputs: int) -> tuple[int, bool]:
    """`num_res_blocks` and `resblock_updown`, from the first decoder block that doubles the resolution."""
    for i in range(outputs):
        for place in (1, 2):
            if f"output_blocks.{i}.{place}.in_layers.0.weight" in shape_of:
                return i, True
            if f"output_blocks.{i}.{place}.conv.weight" in shape_of:
                return i, False
    raise CheckpointError("This network never doubles its resolution; it is not a guided-diffusion UNet.")


def known_layers(shape: UNetConfig) -> list[tuple[str, Flags]]:
    """The guess, and the published checkpoint of the same architecture if there is one."""
    layers = [("guess", guess(shape))]
    for row in SIGNATURES:
        if all(getattr(shape, flag) == value for flag, value in row.shape.items()):
            layers.append((f"signature ({row.name})", row.hidden))
    return layers


def guess(shape: UNetConfig) -> Flags:
    """guided-diffusion's own defaults, and 64 channels a head where every attention width allows it."""
    by_channels = shape.resblock_updown and all(width % 64 == 0 for width in shape.attention_widths)
    return {
        **(HC64 if by_channels else HEADS4),
        **LINEAR,
        **LEGACY,
        "prediction": "eps",
        "var_type": "learned_range" if shape.learn_sigma else "fixed_large",
        "image_size": 8 * 2 ** (shape.levels - 1),
    }


def refuse_non_eps(shape: UNetConfig, sources: Mapping[str, str]) -> None:
    """OpenAI's consistency and EDM networks have the shape of ADM-64 and LSUN-256, but three outputs and another input."""
    adm64 = shape.model_channels == 192 and shape.use_scale_shift_norm and shape.attention_ds == (2, 4, 8)
    lsun = shape.model_channels == 256 and not shape.use_scale_shift_norm and shape.attention_ds == (8, 16, 32)
    if shape.out_channels == 3 and shape.resblock_updown and (adm64 or lsun) and sources.get("prediction") == "guess":
        raise CheckpointError(
            "This looks like one of OpenAI's consistency or EDM models, which need another sampler; if it is a "
            "guided-diffusion model after all, choose its prediction (eps, x0 or v) yourself."
        )


def with_hidden_flags(shape: UNetConfig, told: Told) -> UNetConfig:
    """The architecture with its attention heads.

    Raises:
        CheckpointError: They do not fit it, or nobody says what a network predicts that looks as if it were not the noise.
    """
    refuse_non_eps(shape, told.sources)
    return with_heads(shape, told)


def with_heads(shape: UNetConfig, told: Told) -> UNetConfig:
    """The architecture of a diffusion network or a classifier with its attention heads.

    Raises:
        CheckpointError: They do not fit it.
    """
    unet = replace(
        shape,
        num_heads=told.value("num_heads", int, shape.num_heads),
        num_head_channels=told.value("num_head_channels", int, shape.num_head_channels),
        num_heads_upsample=told.value("num_heads_upsample", int, shape.num_heads_upsample),
        use_new_attention_order=told.value("use_new_attention_order", bool, shape.use_new_attention_order),
    )
    check_heads(unet)
    return unet


def check_heads(unet: UNetConfig) -> None:
    """Heads must share the channels of every attention evenly."""
    if unet.num_head_channels != -1:
        used = ["num_head_channels"]
    else:
        used = ["num_heads", *(["num_heads_upsample"] if unet.num_heads_upsample != -1 else [])]
    for flag in used:
        value = getattr(unet, flag)
        for width in unet.attention_widths:
            if value < 1 or width % value:
                raise CheckpointError(
                    f"{flag} is {value}, but an attention of this network has {width} channels to share."
                )
