"""Models of the host whose prediction of the clean picture is known in closed form, of every kind that the host has.

The network is ours, everything around it is the host's: its noise levels, what it feeds a network, what it makes of the
answer, its latent formats. The network's answer is whatever makes the host's own `calculate_denoised` give the wanted x0;
the host's functions are asked for that with ones and zeros, so no formula of theirs is repeated here.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

KINDS = (
    "EPS",
    "V_PREDICTION",
    "V_PREDICTION_EDM",
    "STABLE_CASCADE",
    "EDM",
    "FLOW",
    "V_PREDICTION_CONTINUOUS",
    "FLUX",
    "IMG_TO_IMG",
    "FLOW_COSMOS",
    "V_PREDICTION_DDPM",
)
FORMATS = {"4-D": "SD15", "5-D": "Wan21"}  # pictures and videos
TEXT = [[torch.zeros(1, 1, 1), {}]]  # a conditioning that says nothing


class Network(torch.nn.Module):
    """Answers so that x0 comes out; `denoise(x, signal, noise)` says which, in the model's own values."""

    dtype = torch.float32

    def __init__(self, sampling: torch.nn.Module, denoise: Callable[[Tensor, float, float], Tensor]):
        super().__init__()
        self.sampling = [sampling]  # in a list, so that it is not a part of this module
        self.denoise = denoise
        self.sigmas: list[float] = []  # of each call

    def forward(self, scaled, timesteps, context=None, control=None, transformer_options=None, **kwargs):
        (sampling,) = self.sampling
        sigma = transformer_options["sigmas"][:1].to(scaled)
        self.sigmas.append(float(sigma))
        one, zero = torch.ones_like(sigma), torch.zeros_like(sigma)
        x = scaled / sampling.calculate_input(sigma, one)
        signal = float(sampling.noise_scaling(sigma, zero.clone(), one.clone()))
        noise = float(sampling.noise_scaling(sigma, one.clone(), zero.clone()))
        of_x = sampling.calculate_denoised(sigma, zero, one)
        of_answer = sampling.calculate_denoised(sigma, one, zero)
        return (self.denoise(x, signal, noise) - of_x * x) / of_answer


def oracle(kind: str, denoise: Callable[[Tensor, float, float], Tensor], dims: str = "4-D", **settings):
    """A MODEL of a kind, under the host's management."""
    import comfy.latent_formats
    import comfy.model_base
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models_base

    class Config(comfy.supported_models_base.BASE):
        unet_extra_config = {}  # noqa: RUF012 - the host's convention
        sampling_settings = settings
        latent_format = getattr(comfy.latent_formats, FORMATS[dims])

    kinds = comfy.model_base.ModelType.__members__
    if kind not in kinds:
        pytest.skip(f"this ComfyUI has no models of the kind {kind}")
    model = comfy.model_base.BaseModel(Config({"disable_unet_model_creation": True}), kinds[kind])
    model.diffusion_model = Network(model.model_sampling, denoise)
    device = comfy.model_management.get_torch_device()
    return comfy.model_patcher.CoreModelPatcher(model, load_device=device, offload_device=torch.device("cpu"))


def always(x0: Tensor) -> Callable[[Tensor, float, float], Tensor]:
    """Whatever comes in, the picture is this one."""
    return lambda x, signal, noise: x0.to(x).expand_as(x)


class Gaussian:
    """Pictures whose every row is a field of its own with correlated pixels: N(mean, exp(-distance / length))."""

    def __init__(self, pixels: int, length: float = 3.0, mean: float = 0.3):
        places = torch.arange(pixels, dtype=torch.float64)
        self.mean = mean
        self.covariance = (-(places[:, None] - places).abs() / length).exp()
        self.variances, self.patterns = torch.linalg.eigh(self.covariance)

    def denoise(self, x: Tensor, signal: float, noise: float) -> Tensor:
        """The exact expectation of the clean rows."""
        patterns = self.patterns.to(x)
        gain = (signal * self.variances / (signal**2 * self.variances + noise**2)).to(x)
        return self.mean + ((x - signal * self.mean) @ patterns * gain) @ patterns.T

    def distilled(self, x: Tensor, signal: float, noise: float) -> Tensor:
        """Where the probability-flow ODE from x ends: what a perfectly distilled model answers."""
        patterns = self.patterns.to(x)
        gain = (self.variances / (signal**2 * self.variances + noise**2)).sqrt().to(x)
        return self.mean + ((x - signal * self.mean) @ patterns * gain) @ patterns.T

    def conditional(self, row: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance of a row's unknown pixels, given the known ones; float64."""
        across = self.covariance[~known][:, known] @ torch.linalg.inv(self.covariance[known][:, known])
        mean = self.mean + across @ (row.double()[known] - self.mean)
        return mean, self.covariance[~known][:, ~known] - across @ self.covariance[known][:, ~known]
