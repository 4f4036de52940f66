"""A DDPM network from keys and shapes, under DDPM's own names."""

from collections.abc import Mapping

from torch import Tensor

from ..checkpoint.error import CheckpointError
from ..checkpoint.shapes import Shapes, numbered, side
from ..checkpoint.strangers import LATENT, refuse
from .config import CONV, PLAIN, RESBLOCK, DDPMConfig

__all__ = ["read_architecture"]

# What has such a network's landmarks and is none.
LOOK_ALIKES = (
    LATENT,
    (
        r"^time_proj\.|\.skip_conv\.|\.FirUpsample|\.FirDownsample",
        "an NCSN++ network (google/ncsnpp-...), whose noise levels are of another kind; choose a ddpm model",
    ),
    (r"^(add_embedding|encoder_hid_proj|controlnet_)", "no unconditional UNet2DModel; use ComfyUI's own loaders"),
)
MOST_LEVELS, MOST_BLOCKS = 10, 16  # the largest published network has 6 and 2


def read_architecture(tensors: Mapping[str, Tensor]) -> DDPMConfig:
    """Every flag that keys and shapes settle; the others are left at their defaults.

    Raises:
        CheckpointError: A look-alike, or a network with holes.
    """
    refuse(tensors.keys(), LOOK_ALIKES)
    shape_of = {key: tuple(value.shape) for key, value in tensors.items()}
    levels = numbered(shape_of, "down", MOST_LEVELS, "levels")
    blocks = numbered(shape_of, "down.0.block", MOST_BLOCKS, "blocks a level")
    widths = tuple(side(shape_of, f"down.{level}.block.0.conv1.weight") for level in range(levels))
    places = [f"down.{level}.downsample" for level in range(levels - 1)]
    kinds = resampling(shape_of, [*places, *(f"up.{level}.upsample" for level in range(1, levels))])
    return DDPMConfig(
        in_channels=side(shape_of, "conv_in.weight", 1),
        out_channels=side(shape_of, "conv_out.weight"),
        channels=side(shape_of, "conv_in.weight"),
        embed_channels=side(shape_of, "temb.dense.0.weight"),
        widths=widths,
        num_res_blocks=blocks,
        down_attention=tuple(f"down.{level}.attn.0.q.weight" in shape_of for level in range(levels)),
        up_attention=tuple(f"up.{level}.attn.0.q.weight" in shape_of for level in range(levels)),
        middle_attention="mid.attn_1.q.weight" in shape_of,
        middle_norm="mid.attn_1.norm.weight" in shape_of,
        shrink=kinds[: levels - 1],
        grow=kinds[levels - 1 :],
        num_classes=side(shape_of, "label_emb.weight") if "label_emb.weight" in shape_of else None,
        use_scale_shift_norm=side(shape_of, "down.0.block.0.temb_proj.weight") == 2 * widths[0],
    )


def resampling(shape_of: Shapes, places: list[str]) -> tuple[str, ...]:
    """How each place changes the resolution; where one has weights, all have."""
    kinds = []
    for place in places:
        found = [kind for kind, key in ((CONV, "conv"), (RESBLOCK, "conv1")) if f"{place}.{key}.weight" in shape_of]
        kinds.append(found[0] if found else PLAIN)
    if PLAIN in kinds and len(set(kinds)) > 1:
        raise CheckpointError(
            f"This checkpoint has a hole: {places[kinds.index(PLAIN)]} has no weights; download it again."
        )
    return tuple(kinds)
