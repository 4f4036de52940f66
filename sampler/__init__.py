"""Mask-guided sampling and RePaint in pure torch; knows no host.

schedule.py   betas, alphas_cumprod, which timesteps to keep
ladder.py     the noise levels of a chain; noising, climbing
posterior.py  one step down: prediction to x0, mean, variance
repaint.py    the order of levels (r, j) and the loop, a generator of steps
noise.py      seeded noise, one generator a picture
paint.py      all of it in one call, for any callable model
adm/          guided-diffusion's network, its checkpoints, how to recognise them
mask/         masks before sampling, crops and stitching after it
"""

from .ladder import Ladder
from .noise import ImageNoise
from .paint import denoiser, paint
from .posterior import PREDICTIONS, VAR_TYPES, Posterior, ddim_mean_and_std, predict_x0
from .repaint import Step, count_model_calls, repaint, repaint_levels
from .schedule import (
    BETAS,
    SKIP_TYPES,
    alphas_cumprod,
    named_betas,
    parse_respacing,
    respaced_timesteps,
    sigmas,
)

__all__ = [
    "BETAS",
    "PREDICTIONS",
    "SKIP_TYPES",
    "VAR_TYPES",
    "ImageNoise",
    "Ladder",
    "Posterior",
    "Step",
    "alphas_cumprod",
    "count_model_calls",
    "ddim_mean_and_std",
    "denoiser",
    "named_betas",
    "paint",
    "parse_respacing",
    "predict_x0",
    "repaint",
    "repaint_levels",
    "respaced_timesteps",
    "sigmas",
]
