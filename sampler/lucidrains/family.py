"""lucidrains' denoising-diffusion-pytorch, version 2."""

from collections.abc import Mapping

from ..checkpoint.family import Family
from ..checkpoint.flags import Flags
from .architecture import read_architecture, written_beside
from .config import LucidConfig
from .unet import LucidUNet

__all__ = ["LUCIDRAINS"]


def known(config: LucidConfig) -> list[tuple[str, Flags]]:
    """The defaults of its code."""
    learned = config.out_channels == 2 * config.in_channels
    return [
        (
            "guess",
            {
                "noise_schedule": "sigmoid",
                "diffusion_steps": 1000,
                "prediction": "v",
                "var_type": "learned_range" if learned else "fixed_small",
                "image_size": 16 * 2 ** (config.levels - 1),
            },
        )
    ]


def in_words(config: LucidConfig, sources: Mapping[str, str]) -> list[str]:
    full = [f"1/{2**level}" for level, kind in enumerate(config.attention) if kind.full]
    return [
        f"width: {', '.join(map(str, config.widths))} channels; full attention at {', '.join(full) or 'the middle'}, "
        "linear attention at the other levels"
    ]


LUCIDRAINS: Family[LucidConfig] = Family(
    name="lucidrains",
    landmarks=("init_conv.weight", "time_mlp.1.weight"),
    read=read_architecture,
    network=LucidUNet,
    known=known,
    beside=written_beside,
    describe=in_words,
)
