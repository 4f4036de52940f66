"""Inputs that several nodes share, so that a setting has one name, range and tooltip everywhere."""

from comfy_api.latest import io

from ..sampler import SKIP_TYPES, VAR_TYPES, parse_respacing, respaced_timesteps
from ..sampler.repaint import EVERYWHERE

__all__ = ["chosen_timesteps", "last_resampled", "resampling", "respacing", "respacing_string", "var_type"]

END_OF_CHAIN = 10_000


def respacing() -> list[io.Input]:
    """skip_type, skip_steps and the string that overrides both."""
    return [
        io.Combo.Input(
            "skip_type",
            options=list(SKIP_TYPES),
            default="uniform",
            tooltip="Which of the model's timesteps are visited. uniform: evenly, both ends included (guided-diffusion, "
            "RePaint). leading: every n-th from 0 (DDIM). trailing: every n-th from the end. quad: dense near the finished "
            "picture. none: all of them, whatever skip_steps says.",
        ),
        io.Int.Input(
            "skip_steps",
            default=100,
            min=1,
            max=END_OF_CHAIN,
            tooltip="How many timesteps are visited. More give finer results and take proportionally longer; the RePaint "
            "paper uses 250.",
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
            default=10,
            min=1,
            max=100,
            tooltip="RePaint's r: how many times each stretch is sampled. More make old and new agree better; time grows "
            "almost r-fold. 1 is plain mask guidance, 10 the paper's value.",
        ),
        io.Int.Input(
            "resample_j",
            default=10,
            min=1,
            max=1000,
            tooltip="RePaint's j: how many steps each jump back goes. Longer jumps let larger structures change; the time "
            "hardly differs. 10 is the paper's value. At skip_steps or more, nothing is resampled.",
        ),
        io.Int.Input(
            "start_resampling",
            default=END_OF_CHAIN,
            min=0,
            max=END_OF_CHAIN,
            advanced=True,
            tooltip="No jump reaches above this step, counted from the finished picture. Lower values save time, and leave "
            "composition to the first pass; 10000 resamples everywhere.",
        ),
    ]


def var_type() -> io.Input:
    return io.Combo.Input(
        "var_type",
        options=list(VAR_TYPES),
        default="auto",
        tooltip="Noise added at each step. auto: what the model was trained for. learned_range, learned: the model's own "
        "variance channels. fixed_small: calmer, fixed_large: livelier. No difference in time.",
    )


def chosen_timesteps(total: int, skip_type: str, skip_steps: int, timestep_respacing: str = "") -> list[int]:
    """The timesteps that these inputs choose, strictly falling."""
    if timestep_respacing.strip():
        return parse_respacing(total, timestep_respacing)
    return respaced_timesteps(total, skip_type, skip_steps)


def last_resampled(start_resampling: int) -> int:
    return EVERYWHERE if start_resampling >= END_OF_CHAIN else start_resampling
