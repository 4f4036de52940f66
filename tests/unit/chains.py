"""Small models, ladders and pictures for tests of the chain."""

import torch
from mask_guidance.sampler import Ladder, alphas_cumprod, named_betas, respaced_timesteps

TABLE = alphas_cumprod(named_betas("linear", 1000))


def vp_ladder(steps: int = 20) -> tuple[Ladder, list[int]]:
    timesteps = respaced_timesteps(1000, "uniform", steps)
    return Ladder.from_alphas_cumprod(TABLE, timesteps), timesteps


def ve_ladder(steps: int = 20) -> Ladder:
    """The same levels as the host sees them: signal 1, noise sigma."""
    vp, _ = vp_ladder(steps)
    return Ladder(torch.ones_like(vp.signal), vp.noise / vp.signal)


def flow_ladder(steps: int = 20) -> Ladder:
    """The same levels in flow matching's coordinates: signal 1 - t, noise t."""
    vp, _ = vp_ladder(steps)
    return Ladder(vp.signal / (vp.signal + vp.noise), vp.noise / (vp.signal + vp.noise))


def pictures(count: int = 2, seed: int = 5) -> torch.Tensor:
    """Values in [-1, 1]; (count, 3, 8, 8)."""
    return 2 * torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) - 1


def half_known() -> torch.Tensor:
    """Left half known, for all pictures and channels."""
    known = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    known[..., :4] = True
    return known


def toy_model(x, t):
    """Some noise prediction that mixes neighbours and looks at the timestep; no position of a batch sees another."""
    return torch.tanh(0.9 * x + 0.0003 * t.float().view(-1, 1, 1, 1) + 0.2 * torch.roll(x, 1, 3))


def toy_model_with_variance(x, t):
    return torch.cat([toy_model(x, t), torch.cos(x)], dim=1)


class SeededNoise:
    """Seeded noise for the `noise` argument of `repaint`."""

    def __init__(self, seed: int = 0):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, like):
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype)
