"""The noise levels a chain visits, and the ways to go up and down between them.

At level k a picture is `x = signal[k] * x0 + noise[k] * n` with standard normal n. Level 0 is the finished picture, the
highest level the noise a chain starts from. The same two columns describe every diffusion model: variance-preserving
(guided-diffusion: sqrt(a), sqrt(1 - a)), variance-exploding (ComfyUI's sigmas: 1, sigma) and flow (1 - t, t).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["Ladder"]


@dataclass(frozen=True)
class Ladder:
    """Signal and noise amplitude by level.

    Attributes:
        signal: Falling from level 0; float64 (steps + 1,).
        noise: Rising from level 0; float64 (steps + 1,).
    """

    signal: Tensor
    noise: Tensor

    @classmethod
    def from_alphas_cumprod(cls, alphas_cumprod: Tensor, timesteps: Sequence[int]) -> "Ladder":
        """The variance-preserving ladder over some training steps, ending at the clean picture.

        Args:
            alphas_cumprod: By training step; (T,).
            timesteps: Training steps, strictly falling.
        """
        kept = alphas_cumprod.cpu().double()[list(reversed(timesteps))]
        share = torch.cat([torch.ones(1, dtype=torch.float64), kept])
        return cls(share.sqrt(), (1 - share).sqrt())

    @property
    def steps(self) -> int:
        return len(self.signal) - 1

    @cached_property
    def amplitudes(self) -> list[tuple[float, float]]:
        """Signal and noise by level as numbers, which loops ask for at each call: a tensor takes ten times as long."""
        return [*zip(self.signal.tolist(), self.noise.tolist(), strict=True)]

    @cached_property
    def ratios(self) -> list[float]:
        """Noise over signal by level; infinite where no signal is left."""
        return (self.noise / self.signal).tolist()

    def diffuse(self, x0: Tensor, level: int, noise: Tensor, share: Tensor | float = 1.0) -> Tensor:
        """A clean picture at a noise level: q(x_level | x0) (Ho et al. 2020, equation 4).

        Args:
            x0: The clean picture; (B, C, ...).
            level: From 0, where nothing is added.
            noise: Standard normal; like x0.
            share: Of the level's noise amplitude; a number or (B, 1, ...).
        """
        signal, amplitude = self.amplitudes[level]
        picture, added = torch.mul(x0, signal), share * amplitude
        return picture.addcmul_(added, noise) if isinstance(added, Tensor) else picture.add_(noise, alpha=added)

    def climb(self, x: Tensor, level: int, target: int, noise: Tensor) -> Tensor:
        """From a level up to a noisier one in a single draw: the product of the steps between is Gaussian too.

        To the next level it is one noising step, q(x_t | x_{t-1}) (Ho et al. 2020, equation 2).

        Args:
            x: State at `level`; (B, C, ...).
            target: The level reached, at least `level`.
            noise: Standard normal; like x.
        """
        (signal, amplitude), (reached_signal, reached) = self.amplitudes[level], self.amplitudes[target]
        ratio = reached_signal / signal
        return torch.mul(x, ratio).add_(noise, alpha=math.sqrt(reached**2 - (ratio * amplitude) ** 2))
