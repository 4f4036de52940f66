"""Recognise a checkpoint: the architecture from keys and shapes, the rest from what is published or written beside it.

Shapes settle everything but the attention heads and their order, the noise schedule and its length, whether timesteps
are rescaled, and what is predicted. Those "hidden" flags are looked up, in rising authority: a guess, the table of
published checkpoints, the file's own metadata, a sidecar file, the user. Each value remembers where it came from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from .checkpoint import CheckpointError
from .config import DiffusionConfig, UNetConfig
from .flags import HIDDEN, PREDICTION_NAMES, Flags
from .signatures import HC64, HEADS4, LEGACY, LINEAR, SIGNATURES
from .unet import NORM_GROUPS

__all__ = ["HEADS", "Detection", "detect", "read_architecture"]

HEADS = ("num_heads", "num_head_channels", "use_new_attention_order")

# One recognisable key of every family people have, and what to tell them. The first match counts.
OTHER_FAMILIES = (
    (r"transformer_blocks\.", "a latent diffusion model (Stable Diffusion and its kin); use ComfyUI's Load Checkpoint"),
    (r"^first_stage_model\.|^conditioner\.", "a whole latent diffusion checkpoint; use ComfyUI's Load Checkpoint"),
    (r"^(decoder|encoder)\.(mid|up|down)", "an autoencoder (VAE), not a diffusion model; use ComfyUI's Load VAE"),
    (r"^x_embedder\.|^double_blocks\.|^joint_blocks\.", "a diffusion transformer; use ComfyUI's Load Diffusion Model"),
    (
        r"^out\.2\.positional_embedding$",
        "a guided-diffusion classifier, not a diffusion model; choose the diffusion file",
    ),
    (r"^temb\.dense\.0\.weight$", "a DDPM network of the pesser/SDEdit family, which this loader does not read yet"),
    (r"^time_embedding\.linear_1\.weight$", "a diffusers UNet2DModel, which this loader does not read yet"),
    (r"^first_conv\.weight$", "one of xyfJASON's own UNets, which this loader does not read yet"),
    (r"^init_conv\.weight$", "a lucidrains network, which this loader does not read yet"),
    (r"^all_modules\.", "a score_sde network, which this loader does not read yet"),
    (r"^(timestep_embed|mapping_timestep_embed)\.weight$", "a v-diffusion network, which this loader does not read"),
    (r"^denoise_fn\.", "a trained inpainter or upscaler (Palette, SR3), which needs its own sampler"),
)


@dataclass(frozen=True)
class Detection:
    """What a checkpoint was found to be.

    Attributes:
        unet: Architecture.
        diffusion: How it was trained.
        image_size: Side of the pictures it was trained on, in pixels.
        class_names: Name of each class label, or empty.
        null_class: Label that stands for "any class", or None.
        sources: Where each hidden flag came from: "guess", "probe", "signature (...)", "metadata", "sidecar ..." or "you".
    """

    unet: UNetConfig
    diffusion: DiffusionConfig
    image_size: int
    class_names: tuple[str, ...] = ()
    null_class: int | None = None
    sources: dict[str, str] = field(default_factory=dict)

    def guessed(self, flags: tuple[str, ...]) -> bool:
        """Whether nothing but a guess backs any of these flags."""
        return any(self.sources.get(flag) == "guess" for flag in flags)


def detect(tensors: Mapping[str, Tensor], layers: list[tuple[str, Flags]] = ()) -> Detection:
    """Recognise a state dict.

    Args:
        tensors: State dict of the network; on the meta device will do.
        layers: (source, flags) pairs of rising authority, e.g. from metadata, a sidecar file and the user.

    Raises:
        CheckpointError: Another family, an upsampler, or a network with holes.
    """
    refuse_other_families(tensors)
    shape = read_architecture(tensors)
    merged, sources = {}, {}
    for source, flags in [*known_layers(shape), *layers]:
        if "num_heads" in flags:  # a lesser authority's num_head_channels would win over it
            flags = {"num_head_channels": -1, **flags}
        for flag, value in flags.items():
            if flag in HIDDEN:
                merged[flag], sources[flag] = value, source
    refuse_non_eps(shape, sources)
    return assemble(shape, merged, sources)


def refuse_other_families(tensors: Mapping[str, Tensor]) -> None:
    keys = list(tensors)
    for pattern, what in OTHER_FAMILIES:
        if any(re.search(pattern, key) for key in keys):
            raise CheckpointError(f"This checkpoint is {what}.")
    if "input_blocks.0.0.weight" not in tensors or "time_embed.0.weight" not in tensors:
        raise CheckpointError(
            f"This checkpoint is of an unknown family: expected guided-diffusion's keys (input_blocks.0.0.weight, "
            f"time_embed.0.weight ...), found {', '.join(sorted(keys)[:3])} ..."
        )
    if "out.2.weight" not in tensors or not any(key.startswith("output_blocks.") for key in keys):
        raise CheckpointError("This checkpoint is a guided-diffusion classifier, not a diffusion model.")


def read_architecture(tensors: Mapping[str, Tensor]) -> UNetConfig:
    """Every flag that keys and shapes settle; heads are left at their defaults."""
    shape_of = {key: tuple(value.shape) for key, value in tensors.items()}
    in_channels = shape_of["input_blocks.0.0.weight"][1]
    if in_channels > 4:
        raise CheckpointError(
            f"This network takes {in_channels} channels: it is an upsampler or another conditional model, which cannot "
            "fill a mask by itself; choose the diffusion model of the same release."
        )
    outputs = 1 + max(int(key.split(".")[1]) for key in tensors if key.startswith("output_blocks."))
    blocks, updown = decoder_blocks(shape_of, outputs)
    levels = outputs // (blocks + 1)
    stride = blocks + 1 if updown or any(".0.op." in key for key in tensors) else None
    conv_resample = updown or stride is not None
    first = [1 + level * (blocks + 1) for level in range(levels)]
    channels = shape_of["time_embed.0.weight"][1]
    try:
        widths = [shape_of[f"input_blocks.{i}.0.out_layers.3.weight"][0] for i in first]
        emb_rows = shape_of["input_blocks.1.0.emb_layers.1.weight"][0]
    except KeyError as missing:
        raise CheckpointError(f"This checkpoint has a hole: {missing} is missing; download it again.") from missing
    if odd := [width for width in (channels, *widths) if width % NORM_GROUPS]:
        raise CheckpointError(
            f"This network has layers of {odd[0]} channels, which guided-diffusion's norms of {NORM_GROUPS} groups cannot "
            "divide; it is damaged, or of a variant this loader does not know."
        )
    mult = tuple(width / channels if width % channels else width // channels for width in widths)
    return UNetConfig(
        in_channels=in_channels,
        out_channels=shape_of["out.2.weight"][0],
        model_channels=channels,
        channel_mult=mult,
        num_res_blocks=blocks,
        attention_ds=tuple(2**level for level, i in enumerate(first) if f"input_blocks.{i}.1.qkv.weight" in tensors),
        num_classes=shape_of["label_emb.weight"][0] if "label_emb.weight" in tensors else None,
        use_scale_shift_norm=emb_rows == 2 * widths[0],
        resblock_updown=updown,
        conv_resample=conv_resample,
    )


def decoder_blocks(shape_of: Mapping[str, tuple], outputs: int) -> tuple[int, bool]:
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
        "image_size": {4: 64, 5: 128, 6: 256, 7: 512}.get(shape.levels, 8 * 2 ** (shape.levels - 1)),
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


def assemble(shape: UNetConfig, flags: Flags, sources: dict[str, str]) -> Detection:
    heads = {name: flags[name] for name in (*HEADS, "num_heads_upsample") if name in flags}
    unet = replace(shape, **heads)
    check_heads(unet)
    diffusion = DiffusionConfig(
        noise_schedule=flags["noise_schedule"],
        diffusion_steps=int(flags["diffusion_steps"]),
        rescale_timesteps=bool(flags["rescale_timesteps"]),
        prediction=PREDICTION_NAMES.get(flags["prediction"], flags["prediction"]),
        var_type=flags["var_type"],
    )
    null_class = flags.get("null_class")
    if null_class is not None and not 0 <= null_class < (shape.num_classes or 0):
        raise CheckpointError(f"null_class is {null_class}, but the network has {shape.num_classes} classes.")
    return Detection(
        unet, diffusion, int(flags["image_size"]), tuple(flags.get("class_names", ())), null_class, dict(sources)
    )


def check_heads(unet: UNetConfig) -> None:
    """Heads must share the channels of every attention evenly."""
    flag = "num_head_channels" if unet.num_head_channels != -1 else "num_heads"
    value = getattr(unet, flag)
    for width in unet.attention_widths:
        if value < 1 or width % value:
            raise CheckpointError(f"{flag} is {value}, but an attention of this network has {width} channels to share.")
