"""The noise levels a chain visits, and the ways to go up and down between them.

At level k a picture is `x = signal[k] * x0 + noise[k] * n` with standard normal n. Level 0 is the finished picture, the
highest level the noise a chain starts from. The same two columns describe every diffusion model: variance-preserving
(guided-diffusion: sqrt(a), sqrt(1 - a)), variance-exploding (ComfyUI's sigmas: 1, sigma) and flow (1 - t, t).
"""

from collections.abc import Sequence
from dataclasses import dataclass

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

    def diffuse(self, x0: Tensor, level: int, noise: Tensor, share: Tensor | float = 1.0) -> Tensor:
        """A clean picture at a noise level: q(x_level | x0) (Ho et al. 2020, equation 4).

        Args:
            x0: The clean picture; (B, C, ...).
            level: From 0, where nothing is added.
            noise: Standard normal; like x0.
            share: Of the level's noise amplitude; a number or (B, 1, ...).
        """
        signal, amplitude = torch.mul(x0, float(self.signal[level])), share * float(self.noise[level])
        return (
            signal.addcmul_(amplitude, noise) if isinstance(amplitude, Tensor) else signal.add_(noise, alpha=amplitude)
        )

    def climb(self, x: Tensor, level: int, target: int, noise: Tensor) -> Tensor:
        """From a level up to a noisier one in a single draw: the product of the steps between is Gaussian too.

        To the next level it is one noising step, q(x_t | x_{t-1}) (Ho et al. 2020, equation 2).

        Args:
            x: State at `level`; (B, C, ...).
            target: The level reached, at least `level`.
            noise: Standard normal; like x.
        """
        ratio = self.signal[target] / self.signal[level]
        variance = self.noise[target] ** 2 - (ratio * self.noise[level]) ** 2
        return torch.mul(x, float(ratio)).add_(noise, alpha=float(variance.sqrt()))
