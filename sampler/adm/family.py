"""guided-diffusion and what grew from it: improved-diffusion, RePaint, P2, ILVR, DPS, Disco Diffusion."""

from collections.abc import Mapping

from ..checkpoint.family import Family
from ..checkpoint.flags import COMMON, Vocabulary, Whole, YesNo
from .architecture import known_layers, read_architecture, with_hidden_flags
from .config import UNetConfig
from .heads import settle_heads
from .unet import UNet

__all__ = ["ADM"]

VOCABULARY = COMMON | Vocabulary(
    flags={
        "num_heads": Whole(),
        "num_head_channels": Whole(),
        "num_heads_upsample": Whole(),
        "use_new_attention_order": YesNo(),
    },
    aliases={"num_heads_channels": "num_head_channels"},
    nulls={"num_head_channels": -1},
    takes_back={"num_heads": {"num_head_channels": -1}},  # it would win over num_heads
)


def in_words(unet: UNetConfig, sources: Mapping[str, str]) -> list[str]:
    widths = ", ".join(f"{mult:g}" for mult in unet.channel_mult)
    attention = ", ".join(f"1/{ds}" for ds in unet.attention_ds) or "the middle"
    by_channels = unet.num_head_channels > 0
    heads = f"{unet.num_head_channels} channels a head" if by_channels else f"{unet.num_heads} heads"
    head_source = sources["num_head_channels" if by_channels else "num_heads"]
    order = "new" if unet.use_new_attention_order else "legacy"
    return [
        f"width: {unet.model_channels} channels x {widths}; {unet.num_res_blocks} residual blocks a level",
        f"attention at {attention}: {heads}   [{head_source}], {order} order   [{sources['use_new_attention_order']}]",
    ]


ADM = Family(
    name="guided-diffusion",
    landmarks=("input_blocks.0.0.weight", "time_embed.0.weight"),
    read=read_architecture,
    network=UNet,
    vocabulary=VOCABULARY,
    known=known_layers,
    hidden=with_hidden_flags,
    probe=settle_heads,
    describe=in_words,
)
