"""The noise levels of any MODEL, found by asking it to noise a one and a zero."""

import torch
from torch import Tensor

from ..sampler import Ladder, alphas_cumprod, named_betas, sigmas

__all__ = ["amplitudes", "ladder_of", "noise_to_signal", "usual_noise_to_signal"]


def ladder_of(sampling, sigmas: Tensor) -> Ladder:
    """Signal and noise amplitude at each sigma.

    Args:
        sampling: The model's `model_sampling`.
        sigmas: Falling; (steps + 1,).

    Raises:
        ValueError: The model does not mix picture and noise in this way, so RePaint has no noise level to climb to.
    """
    ladder = Ladder(*amplitudes(sampling, sigmas.flip(0)))
    noise, signal = ladder.noise, ladder.signal
    fall = bool((noise[1:] > noise[:-1]).all() and (signal[1:] <= signal[:-1]).all())  # not so with NaN
    if not (fall and noise.isfinite().all() and (noise >= 0).all() and (signal >= 0).all()):
        raise ValueError(
            "RePaint needs sigmas that fall from step to step, and a model that adds noise to the picture in proportion; "
            "choose other sigmas, or another model."
        )
    return ladder


def noise_to_signal(model) -> Tensor:
    """Noise over signal at each of the model's timesteps; float64 (T,), infinite where nothing of the picture is left."""
    sampling = model.get_model_object("model_sampling")
    signal, noise = amplitudes(sampling, sampling.sigmas)
    return noise / signal


def usual_noise_to_signal(timesteps: int = 1000) -> Tensor:
    """Of guided-diffusion's usual linear schedule, where the model is not known."""
    return sigmas(alphas_cumprod(named_betas("linear", timesteps)))


def amplitudes(sampling, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    """What `noise_scaling` makes of (picture 1, noise 0) and (picture 0, noise 1); float64, like sigmas."""
    sigmas = sigmas.cpu().double()  # in this order: Apple's GPUs have no float64
    one, zero = torch.ones_like(sigmas), torch.zeros_like(sigmas)
    signal = sampling.noise_scaling(sigmas, zero.clone(), one.clone())
    noise = sampling.noise_scaling(sigmas, one.clone(), zero.clone())
    return signal, noise
