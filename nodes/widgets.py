"""Inputs that several nodes share, so that a setting has one name, range and tooltip everywhere."""

import torch
from comfy_api.latest import io

from ..sampler import (
    CUSTOM,
    METHODS,
    PRESETS,
    SKIP_TYPES,
    SOFT_MASKS,
    VAR_TYPES,
    Preset,
    Resampling,
    parse_respacing,
    respaced_timesteps,
)
from ..sampler.repaint import EVERYWHERE

__all__ = [
    "chosen_timesteps",
    "last_resampled",
    "method",
    "preset",
    "resampling",
    "respacing",
    "respacing_string",
    "settings",
    "soft_mask",
    "var_type",
]

END_OF_CHAIN = 10_000


def cost(preset: Preset) -> int:
    """Model calls of a preset."""
    return Resampling(preset.method, preset.resample_r, preset.resample_j).count(preset.skip_steps)


def preset() -> io.Input:
    costs = ", ".join(f"{name} {cost(values):,}" for name, values in PRESETS.items())
    return io.Combo.Input(
        "preset",
        options=[*PRESETS, CUSTOM],
        default="balanced",
        tooltip="Method, timesteps, r and j in one choice; method, skip_type, skip_steps, resample_r and resample_j below then "
        "do not count. Model calls: "
        f"{costs}. paper is the setting of the RePaint paper. custom: every value as given below.",
    )


def method() -> list[io.Input]:
    """Which loop, and how much of the feedback."""
    return [
        io.Combo.Input(
            "method",
            options=list(METHODS),
            default="feedback",
            tooltip="feedback: what the model gets wrong about the known part is fed back, and resampling takes long steps; "
            "about the paper's quality in a small part of its model calls. repaint: as published.",
        ),
        io.Float.Input(
            "feedback",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            advanced=True,
            tooltip="How strongly the model's error is fed back, with method feedback. 0 is RePaint with long steps; lower it "
            "if a model overdoes textures near the edge.",
        ),
    ]


def soft_mask() -> io.Input:
    return io.Combo.Input(
        "soft_mask",
        options=list(SOFT_MASKS),
        default="binary",
        advanced=True,
        tooltip="What grey values of the mask mean. binary: from 0.5 on painted. blend: old and new are mixed in that share. "
        "time-dependent: faint values change details only, strong ones everything (Differential Diffusion).",
    )


def respacing() -> list[io.Input]:
    """skip_type, skip_steps and the string that overrides both."""
    return [
        io.Combo.Input(
            "skip_type",
            options=list(SKIP_TYPES),
            default="karras",
            tooltip="Which of the model's timesteps are visited. karras: evenly in noise level, dense near the picture; best "
            "for few steps. uniform: evenly, both ends included (guided-diffusion, "
            "RePaint). leading: every n-th from 0 (DDIM). trailing: every n-th from the end. quad: dense near the finished "
            "picture. none: all of them, whatever skip_steps says.",
        ),
        io.Int.Input(
            "skip_steps",
            default=16,
            min=1,
            max=END_OF_CHAIN,
            tooltip="How many timesteps are visited. More give finer results and take proportionally longer; feedback needs "
            "about 16, the RePaint paper uses 250.",
        ),
    ]


def respacing_string() -> io.Input:
    return io.String.Input(
        "timestep_respacing",
        default="",
        optional=True,
        advanced=True,
        tooltip="guided-diffusion's own notation, instead of skip_type and skip_steps: '250', 'ddim50', or '10,10,5' "
        "for so many steps in each third, the picture's end first. Empty: not used.",
    )


def resampling() -> list[io.Input]:
    """RePaint's r and j, and where resampling begins."""
    return [
        io.Int.Input(
            "resample_r",
            default=8,
            min=1,
            max=100,
            tooltip="RePaint's r: how many times each stretch is sampled. More make old and new agree better; time grows "
            "almost r-fold. 1 is plain mask guidance; feedback needs about 8, the paper uses 10.",
        ),
        io.Int.Input(
            "resample_j",
            default=10,
            min=1,
            max=1000,
            tooltip="RePaint's j: how many steps each jump back goes. Longer jumps let larger structures change; the time "
            "hardly differs. 10 is the paper's value. At skip_steps or more, nothing is resampled. Not used by feedback.",
        ),
        io.Int.Input(
            "start_resampling",
            default=END_OF_CHAIN,
            min=0,
            max=END_OF_CHAIN,
            advanced=True,
            tooltip="No jump reaches above this step, counted from the finished picture. Lower values save time, and leave "
            "composition to the first pass; 10000 resamples everywhere. Not used by feedback.",
        ),
    ]


def var_type() -> io.Input:
    return io.Combo.Input(
        "var_type",
        options=list(VAR_TYPES),
        default="auto",
        tooltip="Noise added at each step. auto: what the model was trained for. learned_range, learned: the model's own "
        "variance channels. fixed_small: calmer, fixed_large: livelier. No difference in time. "
        "Not used by feedback, which measures its own.",
    )


def settings(preset, method, skip_type, skip_steps, resample_r, resample_j, timestep_respacing="") -> Preset:
    """What a preset stands for, or the values as given.

    Raises:
        ValueError: Two inputs choose the timesteps.
    """
    if preset == CUSTOM:
        return Preset(method, skip_type, skip_steps, resample_r, resample_j)
    if timestep_respacing.strip():
        raise ValueError(
            f"Both preset '{preset}' and timestep_respacing '{timestep_respacing}' choose the timesteps; set preset to "
            "'custom', or empty timestep_respacing."
        )
    return PRESETS[preset]


def chosen_timesteps(
    noise_to_signal: torch.Tensor,
    skip_type: str,
    skip_steps: int,
    timestep_respacing: str = "",
    denoise: float = 1.0,
    largest: float = float("inf"),
) -> list[int]:
    """The timesteps that these inputs choose, strictly falling.

    Args:
        noise_to_signal: By the model's timestep, see `ladder.noise_to_signal`.
        denoise: The chain keeps to this share of the timesteps, at the picture's end.
        largest: Where "karras" starts, see `respaced_timesteps`.
    """
    total = round(denoise * len(noise_to_signal))
    if timestep_respacing.strip():
        return parse_respacing(total, timestep_respacing)
    if denoise < 1 and skip_steps > total and skip_type != "none":
        raise ValueError(
            f"denoise {denoise:g} leaves {total} of the model's timesteps, fewer than the {skip_steps} wanted; raise denoise, "
            "or choose a smaller preset or skip_steps."
        )
    return respaced_timesteps(total, skip_type, skip_steps, noise_to_signal[:total], largest)


def last_resampled(start_resampling: int) -> int:
    return EVERYWHERE if start_resampling >= END_OF_CHAIN else start_resampling
