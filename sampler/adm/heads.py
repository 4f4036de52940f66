"""Find out by experiment how the attention of a network is split into heads, and in which order; see checkpoint/probe.py."""

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import cast

from torch import Tensor

from ..checkpoint.diffusion import DiffusionConfig
from ..checkpoint.family import Detection
from ..checkpoint.network import Network
from ..checkpoint.probe import nothing, probe_readings, settle_config
from .config import UNetConfig

__all__ = ["HEADS", "probe_heads", "settle_heads"]

HEADS = ("num_heads", "num_head_channels", "use_new_attention_order")

# Shares of signal (alphas_cumprod) at which readings are compared: heads show where the picture does.
HEAD_SHARES = (0.5, 0.15, 0.06)
HEAD_COUNTS = (1, 2, 4, 8)
HEAD_CHANNELS = (32, 64)


def settle_heads(tensors: Mapping[str, Tensor], found: Detection, between: Callable[[], None] = nothing) -> Detection:
    """Replace guesses about heads and their order by what works best, where the difference is clear."""
    return settle_config(tensors, found, HEADS, probe_heads, between)


def readings_of(config: UNetConfig, fixed: Collection[str]) -> list[UNetConfig]:
    """Every way to split the attention width of a network into heads, in both orders, that keeps the fixed flags."""
    splits = [(config.num_heads, config.num_head_channels)]
    splits += [(count, -1) for count in HEAD_COUNTS if all(w % count == 0 for w in config.attention_widths)]
    splits += [(config.num_heads, c) for c in HEAD_CHANNELS if all(w % c == 0 for w in config.attention_widths)]
    readings = [
        replace(config, num_heads=count, num_head_channels=channels, use_new_attention_order=new)
        for (count, channels), new in itertools.product(dict.fromkeys(splits), (False, True))
    ]
    return [r for r in readings if all(getattr(r, flag) == getattr(config, flag) for flag in fixed)]


def probe_heads(
    net: Network, diffusion: DiffusionConfig, fixed: Collection[str] = (), between: Callable[[], None] = nothing
) -> tuple[UNetConfig, float]:
    """The best reading of the attention, and how many times smaller its error is than that of the network as it is.

    Args:
        net: The network, with the reading that stands.
        diffusion: Its noise schedule.
        fixed: Flags that are known and stay as they are.
        between: Called before each pass through the network; what it raises ends the probe.
    """
    return probe_readings(net, diffusion, readings_of(cast(UNetConfig, net.config), fixed), HEAD_SHARES, between)
