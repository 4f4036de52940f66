"""What a run is told: which settings decide the pixels, and who said each of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..methods.repaint import EVERYWHERE
from ..settings import Settings, SettingsError, setting

__all__ = ["DEFAULT", "RunSettings", "SettingsError", "layered"]

DEFAULT = "balanced"  # preset
# A smaller batch is other rounding, not another picture: a run may go on with it. What a classifier is, its content says.
NOT_IN_KEY = ("micro_batch", "classifier")
# What came after there were runs, and how these were painted: so a run of an earlier version is still the same run.
LATER = {"jumps_every": 0, "classifier_scale": 0.0}


@dataclass(frozen=True)
class RunSettings(Settings):
    """Everything but the pictures, the masks and the weights that decides what is painted.

    Attributes:
        seed: Same seed, same pictures, whatever the number of processes.
        clip: Predicted pictures are kept in [-1, 1].
        class_label: Number or name of what a class-conditional model paints, or several with commas between, of picture after
            picture; empty for "any", where the model knows it.
        mask_type: A generated mask, empty where masks are read.
        mask_polarity: What white in a mask means.
        dtype: Of the network; "auto" is Accelerate's setting, else "fp32".
        load_ema: Averaged weights, where the file has both.
        image_size: Pictures are scaled and cropped to squares of this side; 0 takes them as they are.
        variants: Fills of each picture; variant v is painted with seed + v.
        micro_batch: Pictures painted at a time by a process.
        classifier: File of a classifier that guides to `class_label`; empty: none does.
        classifier_scale: How strongly.
        flags: What the user insists on about the network, see its family's vocabulary.
    """

    seed: int = setting(0)
    clip: bool = setting(True)
    class_label: str = setting("")
    mask_type: str = setting("")
    mask_polarity: str = setting("paint", ("paint", "keep"))
    dtype: str = setting("auto", ("auto", "fp32", "fp16", "bf16"))
    load_ema: bool = setting(True)
    image_size: int = setting(0, least=0, most=100_000)
    variants: int = setting(1, least=1, most=10_000)
    micro_batch: int = setting(8, least=1, most=100_000)
    classifier: str = setting("")
    classifier_scale: float = setting(1.0, least=0, most=1000)
    flags: dict[str, object] = field(default_factory=dict)

    @property
    def guidance(self) -> float:
        """`classifier_scale` as it is used; 0 where no classifier guides."""
        return self.classifier_scale if self.classifier else 0.0

    def decisive(self) -> dict[str, Any]:
        """What decides the pixels, by name."""
        values = {**asdict(self), "classifier_scale": self.guidance}
        return {name: value for name, value in values.items() if name not in NOT_IN_KEY}

    def differences(self, other: "RunSettings") -> list[str]:
        """What decides the pixels and is not the same in both, as 'name old -> new'."""
        theirs = other.decisive()
        return [f"{name} {old} -> {theirs[name]}" for name, old in self.decisive().items() if old != theirs[name]]

    def key(self) -> str:
        """A digest of what decides the pixels."""
        content = {n: value for n, value in self.decisive().items() if n not in LATER or value != LATER[n]}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "RunSettings":
        """From the mapping that `asdict` makes; unknown names, of another version, are left out."""
        ours = {f.name for f in fields(cls)}
        read = {name: value for name, value in values.items() if name in ours}
        if read.get("start_resampling") == 10**9:  # how an earlier version wrote "everywhere"
            read["start_resampling"] = EVERYWHERE
        return replace(cls(), **read)


def layered(layers: list[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by name, later layers over earlier ones, and who said each.

    >>> layered([("default", {"seed": 0, "clip": True}), ("you", {"seed": 5})])
    ({'seed': 5, 'clip': True}, {'seed': 'you', 'clip': 'default'})
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in layers:
        values |= layer
        sources |= dict.fromkeys(layer, source)
    return values, sources
