"""Mask-guided sampling and RePaint in pure torch; knows no host.

schedule.py   betas, alphas_cumprod
respacing.py  which timesteps a shorter chain visits
ladder.py     the noise levels of a chain; noising, climbing
posterior.py  one step down: prediction to x0, mean, variance
known.py      the known region, and how it is put into a state
repaint.py    the order of levels (r, j) and the loop, a generator of steps
feedback.py   the same in fewer calls: what the model gets wrong about the known region is fed back
method.py     the two loops behind one setting
presets.py    settings with a name
curve.py      the order of levels as a curve
noise.py      seeded noise, one generator a picture
paint.py      all of it in one call, for any callable model
checkpoint/   what any checkpoint is: files, flags, training, classes, the record of a family
adm/          the family of guided-diffusion
families.py   the families of networks, a row each
recognition.py  from a checkpoint file to a network that runs
mask/         masks before sampling, crops and stitching after it
"""

from .curve import curve
from .feedback import Feedback, count_repeated, feedback, repeated_levels
from .known import SOFT_MASKS, Known, freed_in_time, known_at
from .ladder import Ladder
from .method import METHODS, Resampling
from .noise import ImageNoise
from .paint import denoiser, paint
from .posterior import PREDICTIONS, VAR_TYPES, Posterior, ddim_mean_and_std, predict_x0
from .presets import CUSTOM, PRESETS, Preset
from .repaint import Step, count_model_calls, repaint, repaint_levels
from .respacing import SKIP_TYPES, karras_sigmas, largest_sigma, parse_respacing, respaced_timesteps
from .schedule import BETAS, alphas_cumprod, named_betas, sigmas

__all__ = [
    "BETAS",
    "CUSTOM",
    "METHODS",
    "PREDICTIONS",
    "PRESETS",
    "SKIP_TYPES",
    "SOFT_MASKS",
    "VAR_TYPES",
    "Feedback",
    "ImageNoise",
    "Known",
    "Ladder",
    "Posterior",
    "Preset",
    "Resampling",
    "Step",
    "alphas_cumprod",
    "count_model_calls",
    "count_repeated",
    "curve",
    "ddim_mean_and_std",
    "denoiser",
    "feedback",
    "freed_in_time",
    "karras_sigmas",
    "known_at",
    "largest_sigma",
    "named_betas",
    "paint",
    "parse_respacing",
    "predict_x0",
    "repaint",
    "repaint_levels",
    "repeated_levels",
    "respaced_timesteps",
    "sigmas",
]
