"""Find out by experiment what no tensor's shape tells: attention heads and order, noise schedule.

A network that is read in the way it was trained removes noise from a picture, any picture; read in another way it does
not. So noise of known strength is put on a few synthetic pictures, and the reading with the smallest error wins.
"""

import itertools
import math
from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from ..posterior import predict_x0
from ..schedule import alphas_cumprod, named_betas
from .config import DiffusionConfig, UNetConfig
from .unet import UNet

__all__ = ["probe_heads", "probe_schedule", "test_pictures"]

# Shares of signal (alphas_cumprod) at which readings are compared. Heads show where the picture does; the schedule shows
# where it is nearly drowned, because there a network's habits for its own kind of pictures no longer matter.
HEAD_SHARES = (0.5, 0.15, 0.06)
SCHEDULE_SHARES = (0.06, 0.03)
# A reading replaces the guess when its error is this many times smaller.
CLEARLY_BETTER = 1.1
HEAD_COUNTS = (1, 2, 4, 8)
HEAD_CHANNELS = (32, 64)
SCHEDULES = tuple(
    DiffusionConfig(noise_schedule=name, diffusion_steps=steps, rescale_timesteps=rescale)
    for name in ("linear", "cosine")
    for steps, rescale in ((1000, False), (4000, False), (4000, True))
)


def test_pictures(channels: int, size: int = 64) -> Tensor:
    """Smooth ramps, a disc, waves and a flat colour: what natural pictures share; (4, channels, size, size)."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    disc = (x**2 + y**2 < 0.3).float()
    rows = [
        [0.5 * x, 0.7 * y, x * y],
        [1.2 * disc - 0.6, 0.9 * (x > 0.1).float() - 0.4, 0.4 * y + 0.2],
        [0.8 * (3 * x + y).sin(), 0.8 * (2 * y).cos(), 0.8 * (4 * x * y).sin()],
        [torch.full_like(x, level) for level in (0.3, -0.3, 0.15)],
    ]
    colour = torch.stack([torch.stack(row) for row in rows])
    return colour[:, [i % 3 for i in range(channels)]]


def timestep_at(share: float, diffusion: DiffusionConfig) -> float:
    """What the network is given for the training step nearest to a share of signal."""
    table = alphas_cumprod(named_betas(diffusion.noise_schedule, diffusion.diffusion_steps))
    return int((table - share).abs().argmin()) * diffusion.timestep_scale


@torch.no_grad()
def denoising_error(net: UNet, diffusion: DiffusionConfig, shares: tuple[float, ...]) -> float:
    """Squared error of the predicted noise, geometric mean over the shares so that each counts alike."""
    channels = net.config.in_channels
    x0 = test_pictures(channels)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    y = None if net.config.num_classes is None else torch.zeros(len(x0), dtype=torch.long)
    errors = []
    for share in shares:
        signal, sigma = share**0.5, (1 - share) ** 0.5
        x = signal * x0 + sigma * noise
        t = torch.full((len(x0),), timestep_at(share, diffusion))
        predicted = predict_x0(diffusion.prediction, x, net(x, t, y)[:, :channels], signal, sigma)
        errors.append((predicted - x0).square().mean().log() + 2 * math.log(signal / sigma))
    return float(torch.stack(errors).mean().exp())


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


def with_config(net: UNet, config: UNetConfig) -> UNet:
    """A network of another reading that shares the weights of the first."""
    other = UNet(config, device="meta")
    other.load_state_dict(net.state_dict(), assign=True)
    return other.eval()


def probe_heads(net: UNet, diffusion: DiffusionConfig, fixed: Collection[str] = ()) -> tuple[UNetConfig, float]:
    """The best reading of the attention, and how many times smaller its error is than that of the network as it is.

    Args:
        net: The network, with the reading that stands.
        diffusion: Its noise schedule.
        fixed: Flags that are known and stay as they are.
    """
    readings = readings_of(net.config, fixed)
    if readings == [net.config]:
        return net.config, 1.0
    scored = [(denoising_error(with_config(net, c), diffusion, HEAD_SHARES), c) for c in readings]
    return choose(scored, net.config)


def probe_schedule(net: UNet, diffusion: DiffusionConfig, fixed: Collection[str] = ()) -> tuple[DiffusionConfig, float]:
    """The best noise schedule, and how many times smaller its error is than that of `diffusion`; arguments as above."""
    kept = {flag: getattr(diffusion, flag) for flag in ("prediction", "var_type", *fixed)}
    candidates = dict.fromkeys([diffusion, *(replace(s, **kept) for s in SCHEDULES)])
    scored = [(denoising_error(net, c, SCHEDULE_SHARES), c) for c in candidates]
    return choose(scored, diffusion)


def choose(scored: list, guess: object) -> tuple:
    """The candidate with the smallest error if it is clearly better than the guess, one of them, else the guess."""
    error, best = min(scored, key=lambda pair: pair[0])
    gain = next(error for error, candidate in scored if candidate == guess) / error
    return (best, gain) if gain >= CLEARLY_BETTER else (guess, 1.0)
