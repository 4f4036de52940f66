"""Find out by experiment how a network in diffusers' format is meant, where no config.json says it; see checkpoint/probe.py."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, cast

from torch import Tensor

from ..checkpoint.diffusion import DiffusionConfig
from ..checkpoint.family import Detection
from ..checkpoint.network import Network
from ..checkpoint.probe import nothing, probe_readings, settle_config
from .config import DDPMConfig
from .conventions import GOOGLE, TRAINING_SCRIPT

__all__ = ["probe_conventions", "settle_conventions"]

FLAGS = ("norm_eps", "downsample_padding", "flip_sin_to_cos", "freq_shift", "num_heads", "num_head_channels")
CONVENTION = FLAGS[:4]
# Heads show where the picture does, the timestep's features where it is nearly drowned.
SHARES = (0.5, 0.15, 0.03)
HEADS = ((1, -1), (1, 8), (1, 32), (1, 64))  # num_heads, num_head_channels


def settle_conventions(
    tensors: Mapping[str, Tensor], found: Detection, between: Callable[[], None] = nothing
) -> Detection:
    """Replace guesses about the code base's conventions, and about heads, by what works best; see `Family.probe`."""
    return settle_config(tensors, found, FLAGS, probe_conventions, between)


def probe_conventions(
    net: Network, diffusion: DiffusionConfig, fixed: Collection[str] = (), between: Callable[[], None] = nothing
) -> tuple[DDPMConfig, float]:
    """The best reading and its gain; arguments as for `probe_heads` of guided-diffusion's family."""
    return probe_readings(net, diffusion, readings_of(cast(DDPMConfig, net.config), fixed), SHARES, between)


def readings_of(config: DDPMConfig, fixed: Collection[str]) -> list[DDPMConfig]:
    """Both conventions with every split into heads, the one that stands first, that keep the fixed flags."""
    conventions: list[dict[str, Any]] = [{flag: c[flag] for flag in CONVENTION} for c in (GOOGLE, TRAINING_SCRIPT)]
    readings = [config]
    for convention, (heads, channels) in product(conventions, HEADS):
        if channels == -1 or all(width % channels == 0 for width in config.attention_widths):
            readings.append(replace(config, **convention, num_heads=heads, num_head_channels=channels))
    kept = (r for r in readings if all(getattr(r, flag) == getattr(config, flag) for flag in fixed))
    return list(dict.fromkeys(kept))
