"""Settings with a name, from a first look to the paper's own."""

from dataclasses import replace
from typing import Any, TypeVar

from .settings import Settings, SettingsError

__all__ = ["BEFORE_KRIGED", "CUSTOM", "FIXED", "PRESETS", "fixed", "with_preset"]

CUSTOM = "custom"  # no preset: every value as given

# Behind each its model calls on the example model (64 px); other noise levels are repeated on others.
PRESETS = {
    "draft": Settings(skip_steps=9, resample_r=3),  # 19 model calls
    "fast": Settings(skip_steps=16, resample_r=4),  # 46
    "balanced": Settings(),  # 86
    "quality": Settings(skip_steps=20, resample_r=18),  # 224
    # 2,410; Lugmayr et al. 2022, section 5
    "paper": Settings(method="repaint", skip_type="uniform", skip_steps=250, resample_r=10, resample_j=10),
    # 8, on the steps of a model distilled to 4
    "turbo": Settings(method="distilled", skip_type="trailing", skip_steps=4, resample_r=2),
}
# What these meant before method "kriged". A workflow saved then holds another method beside them, and paints what it painted.
BEFORE_KRIGED = {
    "draft": Settings(method="feedback", skip_steps=7, resample_r=4),
    "fast": replace(PRESETS["fast"], method="feedback"),
    "balanced": replace(PRESETS["balanced"], method="feedback"),
    "quality": replace(PRESETS["quality"], method="feedback"),
}
# The settings that a preset decides; the others stay as given.
FIXED = ("method", "skip_type", "skip_steps", "resample_r", "resample_j")

Any_Settings = TypeVar("Any_Settings", bound=Settings)


def fixed(preset: str, method: str = "kriged") -> dict[str, Any]:
    """What a preset decides, by name.

    Args:
        preset: A key of PRESETS.
        method: What is chosen beside it; another than "kriged" means the preset as it was before that.

    Raises:
        SettingsError: There is no such preset.
    """
    if preset not in PRESETS:
        raise SettingsError(f"preset is {preset!r}, but must be one of: {', '.join(PRESETS)}.")
    meant = PRESETS if method == "kriged" else PRESETS | BEFORE_KRIGED
    return {name: getattr(meant[preset], name) for name in FIXED}


def with_preset(preset: str, settings: Any_Settings) -> Any_Settings:
    """Settings with what a preset decides in its place; "custom" decides nothing.

    Raises:
        SettingsError: There is no such preset, or another setting chooses the timesteps too.
    """
    if preset == CUSTOM:
        return settings
    if settings.timestep_respacing.strip():
        raise SettingsError(
            f"Both preset '{preset}' and timestep_respacing '{settings.timestep_respacing}' choose the timesteps; set preset "
            "to 'custom', or empty timestep_respacing."
        )
    return replace(settings, **fixed(preset, settings.method))
