"""Guidance by a classifier of noisy pictures: where the class becomes likelier, there the chain is pushed.

Source: Dhariwal & Nichol 2021, https://arxiv.org/abs/2105.05233, algorithm 1 (the mean of a step is shifted by its variance
times the gradient) and algorithm 2 (the predicted noise is, which any sampler can use). Both are a shift of the guessed
clean picture, for the mean of a step and the predicted noise are linear in it; so no sampler has to know of them.

A gradient here is that of the log-probability of a class with respect to the noisy picture at unit power, as the classifier
is given it: `x / sqrt(signal**2 + noise**2)`, which is x itself where the ladder preserves variance.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .adm.encoder import EncoderUNet
from .ladder import Ladder
from .methods import Denoise
from .posterior import Posterior

__all__ = ["MeanShift", "class_gradient", "class_guided", "score_shift"]


def class_gradient(classifier: EncoderUNet, x: Tensor, timesteps: Tensor, labels: Tensor) -> Tensor:
    """How the log-probability of each picture's class grows with each of its numbers.

    Works under `torch.inference_mode` too, and with weights that were made or moved in it, or lie on another device: autograd
    takes no such tensors, so they are copied for this call.

    Args:
        classifier: Called as classifier(x, timesteps), with x in its `dtype`; gives logits (B, classes).
        x: Noisy pictures at unit power; (B, C, H, W).
        timesteps: As the classifier counts them, fractions allowed; (B,).
        labels: Of each picture; int64 (B,).

    Returns:
        Like x.
    """
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_(True)
        fit = {name: p for name, p in classifier.named_parameters() if p.is_inference() or p.device != x.device}
        copies = {name: p.detach().to(x.device, copy=True) for name, p in fit.items()}
        logits = torch.func.functional_call(classifier, copies, (leaf.to(classifier.dtype), timesteps.clone()))
        chosen = F.log_softmax(logits.float(), dim=1).gather(1, labels.clone()[:, None])
        (gradient,) = torch.autograd.grad(chosen.sum(), leaf)
    return gradient


def score_shift(gradient: Tensor, signal: float, noise: float | Tensor) -> Tensor:
    """What is added to the guess (algorithm 2): of Gaussian data, it is the guess given the class then.

    Args:
        gradient: Times the scale.
        signal: Signal amplitude of the noisy picture.
        noise: Its noise amplitude; one number, or of each picture, (B, 1, ...).
    """
    return noise**2 / (signal * (signal**2 + noise**2) ** 0.5) * gradient


class MeanShift:
    """What is added to the guess so that the mean of a step shifts by its variance times the gradient (algorithm 1).

    Args:
        ladder: Noise levels.
        var_type: Variance of the steps, see `posterior.VAR_TYPES`.
    """

    def __init__(self, ladder: Ladder, var_type: str):
        self.posterior, self.var_type = Posterior(ladder), var_type

    def __call__(self, gradient: Tensor, level: int, v: Tensor | None) -> Tensor:
        """Arguments as for `Posterior.variance`; the gradient is times the scale, and of the level stepped from."""
        posterior = self.posterior
        variance = posterior.variance(self.var_type, level, v).to(gradient.dtype)
        return variance * (math.exp(-0.5 * posterior.log_power[level]) / posterior.x0_weight[level] * gradient)


def class_guided(
    denoise: Denoise,
    gradient: Callable[[Tensor, int], Tensor],
    ladder: Ladder,
    var_type: str | None = None,
    clip: bool | float = False,
) -> Denoise:
    """A denoiser that is guided to a class.

    Args:
        denoise: The one without.
        gradient: Called as gradient(x, level), with x as the ladder has it; returns the gradient times the scale.
        ladder: Noise levels.
        var_type: Of a method that draws the variance of its steps: their means are shifted. None: the score is.
        clip: Keep the guess in [-clip, clip] where the score is shifted; it is an expectation of pictures. The original does
            not.
    """
    shift = None if var_type is None else MeanShift(ladder, var_type)

    def guided(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
        x0, v = denoise(x, level)
        slope = gradient(x, level)
        if shift is not None:
            return x0 + shift(slope, level, v), v
        x0 = x0 + score_shift(slope, *ladder.amplitudes[level])
        return (x0.clamp(-clip, clip) if clip else x0), v

    return guided
