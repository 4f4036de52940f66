"""Find out by experiment what no tensor's shape tells: here the noise schedule, in the families what is theirs.

A network that is read in the way it was trained removes noise from a picture, any picture; read in another way it does
not. So noise of known strength is put on a few synthetic pictures, and the reading with the smallest error wins.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from ..posterior import predict_x0
from .diffusion import DiffusionConfig
from .family import Detection
from .network import Network, NetworkConfig, build

__all__ = [
    "choose",
    "denoising_error",
    "nothing",
    "probe_readings",
    "probe_schedule",
    "settle_config",
    "settle_schedule",
    "test_pictures",
]

SCHEDULE = ("noise_schedule", "diffusion_steps", "rescale_timesteps")

# Shares of signal (alphas_cumprod) at which schedules are compared: where the picture is nearly drowned, because there a
# network's habits for its own kind of pictures no longer matter, and where schedules differ most.
SCHEDULE_SHARES = (0.03, 0.01)
SIDE = 64  # of the pictures, in pixels, where the network takes it
# A reading replaces the guess when its error is this many times smaller.
CLEARLY_BETTER = 1.1
# Readings whose errors are this close are one to the network (1000 timesteps, or 4000 rescaled to 1000): the first is taken.
EQUAL = 1.01
SCHEDULES = tuple(
    DiffusionConfig(noise_schedule=name, diffusion_steps=steps, rescale_timesteps=rescale)
    for name in ("linear", "cosine")
    for steps, rescale in ((1000, False), (4000, False), (4000, True))
)
Reading = TypeVar("Reading")
Config = TypeVar("Config", bound=NetworkConfig)


def nothing() -> None:
    """What is done between readings where nobody can ask to stop."""


def settle_schedule(
    tensors: Mapping[str, Tensor], found: Detection, between: Callable[[], None] = nothing
) -> Detection:
    """Replace a guess about the noise schedule by what works best, where the difference is clear; see `Family.probe`."""
    if not found.guessed(("noise_schedule",)):
        return found
    guessed = [flag for flag in SCHEDULE if found.guessed((flag,))]
    net = build(tensors, found)
    diffusion, gain = probe_schedule(net, found.diffusion, fixed=set(SCHEDULE) - set(guessed), between=between)
    sources = dict.fromkeys(guessed, in_words(gain)) if gain > 1 else {}
    return replace(found, diffusion=diffusion, sources={**found.sources, **sources})


def settle_config(
    tensors: Mapping[str, Tensor],
    found: Detection,
    flags: Sequence[str],
    probe: Callable[[Network, DiffusionConfig, Collection[str], Callable[[], None]], tuple[NetworkConfig, float]],
    between: Callable[[], None] = nothing,
) -> Detection:
    """Replace guesses about flags of an architecture by what works best; see `Family.probe`.

    Args:
        tensors: As for `Family.probe`, like `found` and `between`.
        found: See there.
        flags: That can be found out so.
        probe: From a network, its diffusion, what is fixed of the flags and `between` to the best architecture and its gain.
        between: See there.
    """
    guessed = [flag for flag in flags if found.guessed((flag,))]
    if not guessed:
        return found
    config, gain = probe(build(tensors, found), found.diffusion, set(flags) - set(guessed), between)
    sources = dict.fromkeys(guessed, in_words(gain)) if gain > 1 else {}
    return replace(found, config=config, sources={**found.sources, **sources})


def probe_readings(
    net: Network,
    diffusion: DiffusionConfig,
    readings: Sequence[Config],
    shares: tuple[float, ...],
    between: Callable[[], None] = nothing,
) -> tuple[Config, float]:
    """The best of several architectures for the same weights, and how many times smaller its error is than the first's."""
    if len(readings) == 1:
        return readings[0], 1.0
    scored = [(denoising_error(with_config(net, c), diffusion, shares, between), c) for c in readings]
    return choose(scored, readings[0])


def with_config(net: Network, config: NetworkConfig) -> Network:
    """A network of another reading that shares the weights of the first."""
    other = type(net)(config, device="meta")
    other.load_state_dict(net.state_dict(), assign=True)
    return other.train(False)


def in_words(gain: float) -> str:
    """A probed flag's source."""
    return f"probe (error {gain:.1f} times smaller than with the guess)"


def test_pictures(channels: int, size: int = SIDE) -> Tensor:
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
    table = diffusion.alphas_cumprod()
    return int((table - share).abs().argmin()) * diffusion.timestep_scale


@torch.no_grad()
def denoising_error(
    net: Network, diffusion: DiffusionConfig, shares: tuple[float, ...], between: Callable[[], None] = nothing
) -> float:
    """Squared error of the predicted noise, geometric mean over the shares so that each counts alike.

    `between` is called before each pass through the network.
    """
    channels = net.config.in_channels
    x0 = test_pictures(channels, -(-SIDE // net.config.size_multiple) * net.config.size_multiple)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    y = None if net.config.num_classes is None else torch.zeros(len(x0), dtype=torch.long)
    errors = []
    for share in shares:
        between()
        signal, sigma = share**0.5, (1 - share) ** 0.5
        x = signal * x0 + sigma * noise
        t = torch.full((len(x0),), timestep_at(share, diffusion))
        with net.packs.unused():
            output = net(x, t, y)
        predicted = predict_x0(diffusion.prediction, x, output[:, :channels], signal, sigma)
        errors.append((predicted - x0).square().mean().log() + 2 * math.log(signal / sigma))
    return float(torch.stack(errors).mean().exp())


def probe_schedule(
    net: Network, diffusion: DiffusionConfig, fixed: Collection[str] = (), between: Callable[[], None] = nothing
) -> tuple[DiffusionConfig, float]:
    """The best noise schedule, and how many times smaller its error is than that of the one that stands.

    Args:
        net: The network.
        diffusion: The schedule that stands.
        fixed: Flags that are known and stay as they are.
        between: Called before each pass through the network; what it raises ends the probe.
    """
    tried = [flag for flag in SCHEDULE if flag not in fixed]
    others = (replace(diffusion, **{flag: getattr(s, flag) for flag in tried}) for s in SCHEDULES)
    candidates = dict.fromkeys([diffusion, *others])
    scored = [(denoising_error(net, c, SCHEDULE_SHARES, between), c) for c in candidates]
    return choose(scored, diffusion)


def choose(scored: list[tuple[float, Reading]], guess: Reading) -> tuple[Reading, float]:
    """The candidate with the smallest error if it is clearly better than the guess, one of them, else the guess."""
    least = min(error for error, _ in scored)
    error, best = next(pair for pair in scored if not pair[0] > EQUAL * least)  # also where all are NaN
    gain = next(error for error, candidate in scored if candidate == guess) / error
    return (best, gain) if gain >= CLEARLY_BETTER else (guess, 1.0)
