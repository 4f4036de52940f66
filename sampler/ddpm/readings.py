"""Find out by experiment how a DDPM network is meant, where nothing says it; see checkpoint/probe.py."""

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

__all__ = ["probe_conventions", "probe_heads", "settle_conventions", "settle_heads"]

HEADS = ("num_heads", "num_head_channels")
CONVENTION = ("norm_eps", "downsample_padding", "flip_sin_to_cos", "freq_shift")
# Heads show where the picture does, the timestep's features where it is nearly drowned.
SHARES = (0.5, 0.15, 0.03)
BY_CHANNELS = ((1, -1), (1, 8), (1, 32), (1, 64))
BY_COUNT = ((1, -1), (2, -1), (4, -1), (8, -1), (1, 32), (1, 64))


def settle_conventions(
    tensors: Mapping[str, Tensor], found: Detection, between: Callable[[], None] = nothing
) -> Detection:
    """Replace guesses about diffusers' conventions, and about heads, by what works best; see `Family.probe`."""
    return settle_config(tensors, found, (*CONVENTION, *HEADS), probe_conventions, between)


def settle_heads(tensors: Mapping[str, Tensor], found: Detection, between: Callable[[], None] = nothing) -> Detection:
    """The same about heads alone."""
    return settle_config(tensors, found, HEADS, probe_heads, between)


def probe_conventions(
    net: Network, diffusion: DiffusionConfig, fixed: Collection[str] = (), between: Callable[[], None] = nothing
) -> tuple[DDPMConfig, float]:
    """The best reading and its gain; arguments as for `probe_heads` of guided-diffusion's family."""
    config = cast(DDPMConfig, net.config)
    known = ({flag: convention[flag] for flag in CONVENTION} for convention in (GOOGLE, TRAINING_SCRIPT))
    return probe_readings(net, diffusion, readings_of(config, [*known], BY_CHANNELS, fixed), SHARES, between)


def probe_heads(
    net: Network, diffusion: DiffusionConfig, fixed: Collection[str] = (), between: Callable[[], None] = nothing
) -> tuple[DDPMConfig, float]:
    """The same of heads alone."""
    config = cast(DDPMConfig, net.config)
    return probe_readings(net, diffusion, readings_of(config, [{}], BY_COUNT, fixed), SHARES, between)


def readings_of(
    config: DDPMConfig,
    conventions: Collection[Mapping[str, object]],
    splits: Collection[tuple[int, int]],
    fixed: Collection[str],
) -> list[DDPMConfig]:
    """The reading that stands, then every convention with every split into heads that fits; fixed flags stay as they are."""
    readings = [config]
    for convention, (heads, channels) in product(conventions, splits):
        said = {**convention, "num_heads": heads, "num_head_channels": channels}
        tried: dict[str, Any] = {flag: value for flag, value in said.items() if flag not in fixed}
        if all(width % (heads if channels == -1 else channels) == 0 for width in config.attention_widths):
            readings.append(replace(config, **tried))
    return list(dict.fromkeys(readings))
