"""Mask-guided sampling and RePaint in pure torch; knows no host.

settings.py   how to sample, in the names that users see; types and ranges
presets.py    settings with a name
methods/      the ways to sample, a file each: repaint, feedback, kriged, distilled
chain.py      what settings mean on a model: noise levels, their order, the cost
respacing.py  which timesteps a shorter chain visits
schedule.py   betas, alphas_cumprod
ladder.py     the noise levels of a chain; noising, climbing
posterior.py  one step down: prediction to x0, mean, variance
finite.py     the end of a chain at the first number that is none
guidance.py   how much of cfg each call follows
class_guidance.py  guidance by a classifier of noisy pictures
known.py      the known region, and how it is put into a state
noise.py      seeded noise, one generator a picture
painting.py   all of it in one call, for any callable model
diffusers_model.py  a network and a scheduler of diffusers for that call
checkpoint/   what any checkpoint is: files, flags, training, classes, the record of a family
layers.py     what the networks of all families are made of
embedded.py   what they make of a timestep, kept for a run
fast/         their faster form on a processor
activations.py  how much memory they need while they run
adm/          the family of guided-diffusion
ddpm/         the families of DDPM's network: its own code's, diffusers', xyfJASON's
lucidrains/   the family of denoising-diffusion-pytorch
families.py   the families of networks, a row each
recognition.py  from a checkpoint file to a network that runs
classifiers.py  the same for classifiers of noisy pictures
mask/         masks before sampling, crops and stitching after it
edit/         of an edited picture, only what was meant to change
batch/        the command line: a folder of pictures, on many GPUs
"""

from .chain import Chain
from .class_guidance import class_gradient
from .diffusers_model import from_diffusers
from .guidance import CFG_REPEATS, FADED, visits_by_level
from .known import SOFT_MASKS, Known, freed_in_time, keep, known_at, pasted
from .ladder import Ladder
from .methods import METHODS, Denoise, Descent, Method, Step
from .methods.distilled import distilled, every_level_repeated
from .methods.feedback import Feedback, feedback, repeated_levels
from .methods.kriged import Kriging, kriged
from .methods.method import count_calls, count_visits, most_visits
from .methods.repaint import repaint, repaint_levels
from .noise import ImageNoise
from .painting import denoiser, paint
from .posterior import PREDICTIONS, VAR_TYPES, Posterior, predict_x0
from .presets import CUSTOM, PRESETS, with_preset
from .respacing import SKIP_TYPES, karras_sigmas, largest_sigma, parse_respacing, respaced_timesteps
from .schedule import BETAS, alphas_cumprod, named_betas, sigmas
from .settings import Settings, SettingsError

__all__ = [
    "BETAS",
    "CFG_REPEATS",
    "CUSTOM",
    "FADED",
    "METHODS",
    "PREDICTIONS",
    "PRESETS",
    "SKIP_TYPES",
    "SOFT_MASKS",
    "VAR_TYPES",
    "Chain",
    "Denoise",
    "Descent",
    "Feedback",
    "ImageNoise",
    "Known",
    "Kriging",
    "Ladder",
    "Method",
    "Posterior",
    "Settings",
    "SettingsError",
    "Step",
    "alphas_cumprod",
    "class_gradient",
    "count_calls",
    "count_visits",
    "denoiser",
    "distilled",
    "every_level_repeated",
    "feedback",
    "freed_in_time",
    "from_diffusers",
    "karras_sigmas",
    "keep",
    "known_at",
    "kriged",
    "largest_sigma",
    "most_visits",
    "named_betas",
    "paint",
    "parse_respacing",
    "pasted",
    "predict_x0",
    "repaint",
    "repaint_levels",
    "repeated_levels",
    "respaced_timesteps",
    "sigmas",
    "visits_by_level",
    "with_preset",
]
