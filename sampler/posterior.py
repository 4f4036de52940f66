"""One step down the ladder: what the network's output says about the picture, and the Gaussian of the next state.

Sources: Ho et al. 2020 (DDPM), https://arxiv.org/abs/2006.11239, equations 6, 7 and 15; Nichol & Dhariwal 2021,
https://arxiv.org/abs/2102.09672, equation 15 (learned variance); Salimans & Ho 2022, https://arxiv.org/abs/2202.00512,
appendix D (v prediction); Song et al. 2021, https://arxiv.org/abs/2010.02502, equation 12 (DDIM).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .ladder import Ladder

__all__ = ["PREDICTIONS", "VAR_TYPES", "Posterior", "predict_x0"]


def x0_from_eps(x: Tensor, eps: Tensor, signal: float, noise: float) -> Tensor:
    return torch.sub(x, eps, alpha=noise).div_(signal)


def x0_from_x0(x: Tensor, x0: Tensor, signal: float, noise: float) -> Tensor:
    return x0.clone()


def x0_from_v(x: Tensor, v: Tensor, signal: float, noise: float) -> Tensor:
    return torch.mul(x, signal).sub_(v, alpha=noise)


PREDICTIONS = {"eps": x0_from_eps, "x0": x0_from_x0, "v": x0_from_v}


def predict_x0(prediction: str, x: Tensor, output: Tensor, signal: float, noise: float) -> Tensor:
    """The clean picture that a network's output implies.

    Args:
        prediction: What the network predicts: "eps", "x0" or "v" (v on a variance-preserving ladder only).
        x: Noisy state; (B, C, ...).
        output: The network's prediction; same shape.
        signal: Signal amplitude at this level.
        noise: Noise amplitude at this level.

    Returns:
        Memory of its own; like the output.
    """
    if prediction not in PREDICTIONS:
        raise ValueError(f"Unknown prediction '{prediction}'; choose one of {', '.join(PREDICTIONS)}.")
    return PREDICTIONS[prediction](x, output, signal, noise)


class Posterior:
    """q(x_{level-1} | x_level, x0) for every level of a ladder, as tables of numbers by the level stepped from.

    Index 0 holds nothing. The last step, to the clean picture, has the small variance zero; its logarithm is replaced by
    that of the step before, as guided-diffusion does. No noise is added there anyway.
    """

    def __init__(self, ladder: Ladder):
        signal, noise = ladder.signal, ladder.noise
        ratio, reached = signal[1:] / signal[:-1], noise[:-1].square()
        before = noise[1:].square()
        added = before - (ratio * noise[:-1]).square()  # variance that one step up adds

        self.x_weight = padded(ratio * reached / before)
        self.x0_weight = padded(signal[:-1] * added / before)
        self.implicit_x_weight = padded(noise[:-1] / noise[1:])
        self.implicit_x0_weight = padded(signal[:-1] - signal[1:] * noise[:-1] / noise[1:])

        # The papers' variances hold where signal and noise have unit power; `power` carries them to other ladders.
        whole = signal.square() + noise.square()
        power, share = whole[:-1], signal.square() / whole
        small = reached * added / before
        large = (1 - share[1:] / share[:-1]) * power
        self.ends_clean = ends_clean = len(small) > 1 and bool(small[0] == 0)
        if ends_clean:
            small[0] = small[1] / power[1] * power[0]
        self.log_power = padded(power.log())
        self.log_small = padded(small.log())
        self.log_large = padded(large.log())
        self.log_fixed_large = padded(torch.cat([small[:1].log(), large[1:].log()]) if ends_clean else large.log())

    def mean(self, x: Tensor, x0: Tensor, level: int, var_type: str = "auto") -> Tensor:
        """Mean of the state at `level - 1`; arguments as for `step`.

        Ho et al. 2020, equation 7; where no noise is to be added, Song et al. 2021, equation 12 with sigma 0.
        """
        weights = self.x_weight, self.x0_weight
        if variance_of(var_type).implicit:
            weights = self.implicit_x_weight, self.implicit_x0_weight
        of_x, of_x0 = (weight[level] for weight in weights)
        return torch.mul(x, of_x).add_(x0, alpha=of_x0)

    def step(
        self,
        x: Tensor,
        x0: Tensor,
        level: int,
        noise: Tensor | None,
        var_type: str = "auto",
        v: Tensor | None = None,
    ) -> Tensor:
        """One step down: a draw of the state at `level - 1` (Ho et al. 2020, algorithm 2).

        Args:
            x: State at `level`; (B, C, ...).
            x0: The guess of the clean picture, see `predict_x0`; same shape.
            level: The level stepped from, from 1.
            noise: Standard normal; like x. None for the mean alone, as the last step to a clean picture is.
            var_type: A key of VAR_TYPES.
            v: See `log_variance`.
        """
        mean = self.mean(x, x0, level, var_type)
        if noise is None:
            return mean
        deviation = self.log_variance(var_type, level, v, 0.5).exp_()
        if deviation.ndim == 0:  # one number stays on the CPU: to send it would wait for the device
            return mean.add_(noise, alpha=float(deviation))
        return mean.addcmul_(deviation.to(x.dtype), noise)

    def log_variance(self, var_type: str, level: int, v: Tensor | None, times: float = 1.0) -> Tensor:
        """Log variance of the step down from a level.

        Args:
            var_type: A key of VAR_TYPES.
            level: The level stepped from.
            v: The network's variance channels, for the learned types; (B, C, ...).
            times: A factor; 0.5 gives the deviation's, in the same pass over the picture.

        Returns:
            A scalar, or a tensor like v; memory of its own.
        """
        return variance_of(var_type).log(self, level, v, times)

    def variance(self, var_type: str, level: int, v: Tensor | None) -> Tensor:
        """The same without the logarithm; the small one of the last step is the zero that it is."""
        log = self.log_variance(var_type, level, v)
        small = var_type == "fixed_small" or (var_type == "auto" and v is None)
        return torch.zeros_like(log) if small and level == 1 and self.ends_clean else log.exp()


def padded(table: Tensor) -> list[float]:
    return [math.nan, *table.tolist()]


def fixed_small(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    return torch.tensor(times * posterior.log_small[level], dtype=torch.float64)


def fixed_large(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    return torch.tensor(times * posterior.log_fixed_large[level], dtype=torch.float64)


def learned(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    return line(given(v, "learned"), times, times * posterior.log_power[level])


def learned_range(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    """From small at -1 to large at 1."""
    large, small = times * posterior.log_large[level], times * posterior.log_small[level]
    return line(given(v, "learned_range"), (large - small) / 2, (large + small) / 2)


def line(v: Tensor, slope: float, height: float) -> Tensor:
    """slope * v + height in one pass; as a difference, for torch takes both numbers as numbers there."""
    return torch.rsub(v, height, alpha=-slope)


def given(v: Tensor | None, var_type: str) -> Tensor:
    if v is None:
        raise ValueError(
            f"var_type is '{var_type}', but the model gives no variance; choose 'fixed_small' or 'fixed_large'."
        )
    return v


def auto(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    """The model's own variance where it gives one, else the small one."""
    return (fixed_small if v is None else learned_range)(posterior, level, v, times)


def none(posterior: Posterior, level: int, v: Tensor | None, times: float) -> Tensor:
    return torch.tensor(-math.inf, dtype=torch.float64)


@dataclass(frozen=True)
class Variance:
    """A kind of step down.

    Attributes:
        log: Log variance of the noise that is added, times a factor.
        implicit: The noise that is in the state is kept and scaled (DDIM), so that none needs to be added.
    """

    log: Callable[[Posterior, int, Tensor | None, float], Tensor]
    implicit: bool = False


VAR_TYPES = {
    "auto": Variance(auto),
    "fixed_small": Variance(fixed_small),
    "fixed_large": Variance(fixed_large),
    "learned_range": Variance(learned_range),
    "learned": Variance(learned),
    "ddim": Variance(none, implicit=True),
}


def variance_of(var_type: str) -> Variance:
    if var_type not in VAR_TYPES:
        raise ValueError(f"Unknown var_type '{var_type}'; choose one of {', '.join(VAR_TYPES)}.")
    return VAR_TYPES[var_type]
