"""Settings with a name, from a first look to the paper's own."""

from dataclasses import dataclass

__all__ = ["CUSTOM", "PRESETS", "Preset"]

CUSTOM = "custom"  # no preset: every value as given


@dataclass(frozen=True)
class Preset:
    """What a preset stands for; field names as on the node and the command line.

    Attributes:
        method: A key of `METHODS`.
        skip_type: How timesteps are chosen.
        skip_steps: Timesteps visited.
        resample_r: Times each stretch is sampled.
        resample_j: Levels per jump; not used by feedback.
    """

    method: str
    skip_type: str
    skip_steps: int
    resample_r: int
    resample_j: int


PRESETS = {
    "draft": Preset("feedback", "karras", 7, 4, 10),  # 19 model calls
    "fast": Preset("feedback", "karras", 16, 4, 10),  # 46
    "balanced": Preset("feedback", "karras", 16, 8, 10),  # 86
    "quality": Preset("feedback", "karras", 20, 18, 10),  # 224
    "paper": Preset("repaint", "uniform", 250, 10, 10),  # 2,410; Lugmayr et al. 2022, section 5
}
