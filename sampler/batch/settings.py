"""What a run is told: which settings decide the pixels, and who said each of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from ..method import METHODS
from ..posterior import VAR_TYPES
from ..presets import PRESETS
from ..repaint import EVERYWHERE
from ..respacing import SKIP_TYPES

__all__ = ["CHOICES", "DTYPES", "POLARITIES", "Settings", "SettingsError", "layered"]

DEFAULT = "balanced"
DTYPES = ("auto", "fp32", "fp16", "bf16")
POLARITIES = ("paint", "keep")

CHOICES = {
    "method": (*METHODS,),
    "skip_type": (*SKIP_TYPES,),
    "var_type": (*VAR_TYPES,),
    "mask_polarity": POLARITIES,
    "dtype": DTYPES,
}
AT_LEAST = {"skip_steps": 1, "resample_r": 1, "resample_j": 1, "start_resampling": 0, "micro_batch": 1, "variants": 1}
# A smaller batch is other rounding, not another picture: a run may go on with it.
NOT_IN_KEY = ("micro_batch",)


class SettingsError(ValueError):
    """Something the user asked for that cannot be done, in one sentence."""


@dataclass(frozen=True)
class Settings:
    """Everything but the pictures, the masks and the weights that decides what is painted.

    Attributes:
        seed: Same seed, same pictures, whatever the number of processes.
        method: "repaint", or "feedback" (see sampler/feedback.py).
        feedback: Strength of "feedback", 0 to 1.
        skip_type: How timesteps are skipped, see `respaced_timesteps`.
        skip_steps: Timesteps kept.
        resample: RePaint's resampling; False is plain mask guidance.
        resample_r: RePaint's r.
        resample_j: RePaint's j.
        start_resampling: No jump above this level.
        var_type: Variance of each step, see `posterior.VAR_TYPES`; "auto" is what the model was trained for.
        clip: Predicted pictures are kept in [-1, 1].
        class_label: Number or name of what a class-conditional model paints; empty for "any", where the model knows it.
        mask_type: A generated mask, empty where masks are read.
        mask_polarity: What white in a mask means: "paint" or "keep".
        dtype: Of the network: "auto" (Accelerate's setting, else fp32), "fp32", "fp16" or "bf16".
        load_ema: Averaged weights, where the file has both.
        image_size: Pictures are scaled and cropped to squares of this side; 0 takes them as they are.
        variants: Fills of each picture; variant v is painted with seed + v.
        micro_batch: Pictures painted at a time by a process.
        flags: What the user insists on about the network, see its family's vocabulary.
    """

    seed: int = 0
    method: str = PRESETS[DEFAULT].method
    feedback: float = 1.0
    skip_type: str = PRESETS[DEFAULT].skip_type
    skip_steps: int = PRESETS[DEFAULT].skip_steps
    resample: bool = True
    resample_r: int = PRESETS[DEFAULT].resample_r
    resample_j: int = PRESETS[DEFAULT].resample_j
    start_resampling: int = EVERYWHERE
    var_type: str = "auto"
    clip: bool = True
    class_label: str = ""
    mask_type: str = ""
    mask_polarity: str = "paint"
    dtype: str = "auto"
    load_ema: bool = True
    image_size: int = 0
    variants: int = 1
    micro_batch: int = 8
    flags: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is '{getattr(self, name)}', but must be one of: {', '.join(choices)}.")
        for name, least in AT_LEAST.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}, but must be at least {least}.")
        if not 0 <= self.feedback <= 1:
            raise SettingsError(f"feedback is {self.feedback:g}, but must be from 0 to 1.")

    @property
    def r(self) -> int:
        """RePaint's r as it is used."""
        return self.resample_r if self.resample else 1

    def differences(self, other: "Settings") -> list[str]:
        """What decides the pixels and is not the same in both, as 'name old -> new'."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return [f"{name} {old} -> {new}" for name, old, new in pairs if old != new and name not in NOT_IN_KEY]

    def key(self) -> str:
        """A digest of what decides the pixels."""
        content = {name: value for name, value in asdict(self).items() if name not in NOT_IN_KEY}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, values: Mapping[str, object]) -> "Settings":
        """From the mapping that `asdict` makes; unknown names, of another version, are left out."""
        known = {f.name for f in fields(cls)}
        return replace(cls(), **{name: value for name, value in values.items() if name in known})


def layered(layers: list[tuple[str, Mapping[str, object]]]) -> tuple[dict[str, object], dict[str, str]]:
    """Values by name, later layers over earlier ones, and who said each.

    >>> layered([("default", {"seed": 0, "clip": True}), ("you", {"seed": 5})])
    ({'seed': 5, 'clip': True}, {'seed': 'you', 'clip': 'default'})
    """
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for source, layer in layers:
        values |= layer
        sources |= dict.fromkeys(layer, source)
    return values, sources
