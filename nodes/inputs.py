"""Inputs that several nodes share, so that a setting has one name, range and tooltip everywhere."""

from dataclasses import asdict
from typing import Any

from comfy_api.latest import io

from ..sampler import CFG_REPEATS, CUSTOM, METHODS, PRESETS, SKIP_TYPES, SOFT_MASKS, Chain, Settings
from ..sampler.mask import BLENDS, SNAPPING, SPLITS
from ..sampler.presets import BEFORE_KRIGED, fixed
from ..sampler.respacing import USUAL_LARGEST
from ..sampler.settings import allowed
from .ladder import usual_noise_to_signal

__all__ = [
    "BEFORE_CFG_REPEATS",
    "blend",
    "cfg",
    "cfg_repeats",
    "context_factor",
    "mask_grid",
    "merge_distance",
    "preset",
    "setting",
    "soft_mask",
    "split",
]

DEFAULTS = asdict(Settings())
ADVANCED = ("feedback", "start_resampling", "jumps_every", "timestep_respacing")
STEPS = {"feedback": 0.05, "denoise": 0.01}  # of a float's arrows
BEFORE_CFG_REPEATS = "full"  # what a prompt gets that was written before the input was: it paints what it painted
KINDS = {bool: io.Boolean, int: io.Int, float: io.Float, str: io.String}


def listed(words: dict[str, str]) -> str:
    """Choices with what they mean, as sentences."""
    return " ".join(f"{name}: {meaning}." for name, meaning in words.items())


TOOLTIPS = {
    "method": listed({name: method.words for name, method in METHODS.items()}),
    "feedback": "How strongly the model's error is fed back. 0 is RePaint with long steps; lower it if a model overdoes "
    "textures near the edge. With distilled, 0 and r = 1 is nearly ComfyUI's sampler lcm.",
    "skip_type": "Which of the model's timesteps are visited. "
    + listed({name: kind.words for name, kind in SKIP_TYPES.items()}),
    "skip_steps": "How many timesteps are visited. More give finer results and take proportionally longer; feedback and "
    "kriged need about 16, the RePaint paper uses 250, distilled as many as the model was made for, usually 4 or 8.",
    "timestep_respacing": "guided-diffusion's own notation, instead of skip_type and skip_steps: '250', 'ddim50', or "
    "'10,10,5' for so many steps in each third, the picture's end first. Empty: not used.",
    "resample": "RePaint's resampling. Off is plain mask guidance: fast, but old and new rarely agree.",
    "resample_r": "RePaint's r: how many times each stretch is sampled. More make old and new agree better; time grows "
    "almost r-fold. 1 is plain mask guidance; feedback and kriged need about 8, distilled 2 to 4, the paper uses 10.",
    "resample_j": "RePaint's j: how many steps each jump back goes. Longer jumps let larger structures change; the time "
    "hardly differs. 10 is the paper's value. At skip_steps or more, nothing is resampled.",
    "start_resampling": "No jump reaches above this step, counted from the finished picture. Lower values save time, and "
    "leave composition to the first pass; 10000 resamples everywhere.",
    "jumps_every": "Another order of jumps, in bouts, of some programs: at every so many steps resample_r jumps of resample_j "
    "steps, in which the known part is left to the model. 0: as in the paper, which is better for the same time.",
    "denoise": "1 paints the masked part anew. Less starts from what is there; the less, the less changes.",
    "var_type": "Noise added at each step. auto: what the model was trained for. learned_range, learned: the model's own "
    "variance channels. fixed_small: calmer, fixed_large: livelier. ddim: none, as in DDIM with eta 0. No "
    "difference in time.",
}


def setting(name: str, **options: Any) -> io.Input:
    """The input of a setting.

    Args:
        name: Of a field of `Settings`.
        options: What is different at this node, as for the host's inputs.
    """
    rule = allowed(Settings, name)
    given: dict[str, Any] = {"default": DEFAULTS[name], "tooltip": TOOLTIPS[name] + not_used_by(name)}
    if name in ADVANCED:
        given["advanced"] = True
    if rule.choices:
        return io.Combo.Input(name, options=[*rule.choices], **{**given, **options})
    if rule.least is not None:
        given |= {"min": rule.kind(rule.least), "max": rule.kind(rule.most)}
    if name in STEPS:
        given["step"] = STEPS[name]
    return KINDS[rule.kind].Input(name, **{**given, **options})


def not_used_by(name: str) -> str:
    users = [method.name for method in METHODS.values() if name in method.uses]
    others = [method.name for method in METHODS.values() if name not in method.uses]
    return f" Not used by {enumerated(others)}." if users and others else ""


def enumerated(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def preset() -> io.Input:
    """The presets, with their values for the page."""
    usual = usual_noise_to_signal()
    calls = {name: Chain.of(chosen, usual, USUAL_LARGEST).calls for name, chosen in PRESETS.items()}
    return io.Combo.Input(
        "preset",
        options=[*PRESETS, CUSTOM],
        default="balanced",
        tooltip="Method, timesteps, r and j in one choice; method, skip_type, skip_steps, resample_r and resample_j below then "
        f"do not count (but beside another method than kriged, {enumerated([*BEFORE_KRIGED])} are those of feedback). "
        f"Model calls: {', '.join(f'{name} {count:,}' for name, count in calls.items())}; up to half "
        "more on Stable Diffusion and on pixel models from 256 px. "
        "paper is the setting of the RePaint paper. turbo is for models distilled to a few steps (Turbo, Lightning, LCM, "
        "schnell), at cfg 1, and for no others. custom: every value as given below.",
        extra_dict={
            "presets": {name: fixed(name) for name in PRESETS},
            "beside_another_method": {name: fixed(name, "feedback") for name in BEFORE_KRIGED},
        },
    )


def soft_mask() -> io.Input:
    return io.Combo.Input(
        "soft_mask",
        options=list(SOFT_MASKS),
        default="binary",
        advanced=True,
        tooltip="What grey values of the mask mean. binary: from 0.5 on painted. blend: old and new are mixed in that share. "
        "time-dependent: faint values change details only, strong ones everything (Differential Diffusion).",
    )


def mask_grid() -> io.Input:
    return io.Combo.Input(
        "mask_grid",
        options=list(SNAPPING),
        default="any touch",
        advanced=True,
        tooltip="How a mask comes onto a coarser latent. any touch: a cell is painted if the mask touches it, so "
        "no stroke is lost. area: if most of it is masked. nearest: if its centre is.",
    )


def cfg(tooltip: str) -> io.Input:
    return io.Float.Input("cfg", default=1.0, min=0.0, max=100.0, step=0.1, round=0.01, tooltip=tooltip)


def split(tooltip: str, **options: Any) -> io.Input:
    return io.Combo.Input("split", options=list(SPLITS), default="each region", tooltip=tooltip, **options)


def merge_distance(tooltip: str, **options: Any) -> io.Input:
    return io.Int.Input("merge_distance", default=32, min=0, max=16384, tooltip=tooltip, **options)


def context_factor(tooltip: str, **options: Any) -> io.Input:
    return io.Float.Input("context_factor", default=1.5, min=1.0, max=100.0, step=0.05, tooltip=tooltip, **options)


def blend(**options: Any) -> io.Input:
    """How old and new are joined; with another tooltip, where there is less to say."""
    words = (
        "feathered: all new in the mask, fading over the band around it. hard: the mask as it is. "
        "multi-band: detail changes quickly and colour slowly; for texture. poisson: the new detail in "
        "the old colours; hides seams, may tint; takes longer for large regions."
    )
    return io.Combo.Input("blend", **{"options": list(BLENDS), "default": "feathered", "tooltip": words, **options})


def cfg_repeats() -> io.Input:
    return io.Combo.Input(
        "cfg_repeats",
        options=list(CFG_REPEATS),
        default="shared",
        optional=True,
        advanced=True,
        tooltip="How cfg above 1 acts where noise levels are sampled again. shared: the visits of a level guide once between "
        "them (and less where little noise is left), so that colours and seam stay near those of cfg 1; raise cfg "
        "if the prompt is followed too little. full: each visit guides in full, which is harsher. No difference at cfg 1.",
    )
