"""How to sample, in the names that users see: on the nodes, on the command line, in presets, in the library."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

from .finite import Finite
from .known import Known
from .ladder import Ladder
from .methods import METHODS, Denoise, Descent, Step
from .methods.repaint import EVERYWHERE
from .posterior import VAR_TYPES
from .respacing import SKIP_TYPES, largest_sigma
from .sentence import Sentence, shortly

__all__ = ["Allowed", "Settings", "SettingsError", "allowed", "setting"]


class SettingsError(Sentence):
    """Something that cannot be done as it was asked for, in one sentence."""


@dataclass(frozen=True)
class Allowed:
    """Which values a setting may have.

    Attributes:
        kind: bool, int, float or str.
        choices: The names it is chosen from; empty where it is not.
        least: Smallest number.
        most: Largest number.
    """

    kind: type
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def check(self, name: str, value: object) -> None:
        """Raises SettingsError if a setting cannot have this value."""
        if self.choices and not (isinstance(value, str) and value in self.choices):
            raise SettingsError(f"{name} is {shortly(value)}, but must be one of: {', '.join(self.choices)}.")
        if not self.fits(value):
            raise SettingsError(f"{name} is {shortly(value)}, but must be {self.words}.")

    def fits(self, value: object) -> bool:
        if self.kind is bool or isinstance(value, bool):
            return self.kind is bool and isinstance(value, bool)
        if self.kind is str:
            return isinstance(value, str)
        if not isinstance(value, (int, float) if self.kind is float else int):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def words(self) -> str:
        if self.kind in (bool, str):
            return "true or false" if self.kind is bool else "text"
        number = "a number" if self.kind is float else "a whole number"
        if self.most is None:
            return number if self.least is None else f"{number} of at least {self.least:g}"
        return f"{number} from {self.least:g} to {self.most:g}"


def setting(default: object, choices: Iterable[str] = (), least: float | None = None, most: float | None = None) -> Any:
    """A field of a dataclass with a default and the values that it may have."""
    return field(default=default, metadata={"allowed": Allowed(type(default), (*choices,), least, most)})


def allowed(settings: type, name: str) -> Allowed:
    """Which values a field of a class of settings may have."""
    found: Allowed = next(f.metadata["allowed"] for f in fields(settings) if f.name == name)
    return found


@dataclass(frozen=True)
class Settings:
    """How a hole is filled. Types and ranges are checked here, and nowhere else.

    Attributes:
        method: A key of `METHODS`.
        feedback: Strength of methods "feedback", "kriged" and "distilled", 0 to 1; 0 is RePaint with long steps, or consistency
            sampling.
        skip_type: How timesteps are skipped, a key of `SKIP_TYPES`.
        skip_steps: Timesteps visited.
        timestep_respacing: guided-diffusion's notation in place of both, see `parse_respacing`; empty: not used.
        resample: Stretches are sampled again; False is plain mask guidance.
        resample_r: RePaint's r, times each stretch (repaint) or level (feedback, kriged, distilled) is sampled.
        resample_j: RePaint's j, levels climbed per jump (repaint).
        start_resampling: No jump above this level (repaint).
        jumps_every: Levels between the feet of jumps (bouts), r from each, the known region not pasted in inside; 0: as in the
            paper, j levels, and one jump less (repaint).
        denoise: The share of the model's timesteps, at the picture's end, that is chosen from; below 1 the chain starts from
            the picture with noise on it.
        var_type: Variance of a step down (repaint), see `posterior.VAR_TYPES`.

    Raises:
        SettingsError: A value of another type, or outside its range.
    """

    method: str = setting("kriged", METHODS)
    feedback: float = setting(1.0, least=0, most=1)
    skip_type: str = setting("karras", SKIP_TYPES)
    skip_steps: int = setting(16, least=1, most=10_000)
    timestep_respacing: str = setting("")
    resample: bool = setting(True)
    resample_r: int = setting(8, least=1, most=100)
    resample_j: int = setting(10, least=1, most=1000)
    start_resampling: int = setting(EVERYWHERE, least=0, most=EVERYWHERE)
    jumps_every: int = setting(0, least=0, most=1000)
    denoise: float = setting(1.0, least=0.01, most=1)
    var_type: str = setting("auto", VAR_TYPES)

    def __post_init__(self) -> None:
        for f in fields(self):
            if "allowed" in f.metadata:
                f.metadata["allowed"].check(f.name, getattr(self, f.name))

    @property
    def repeats(self) -> int:
        """RePaint's r as it is used."""
        return self.resample_r if self.resample else 1

    @property
    def bouts_every(self) -> int:
        """`jumps_every` as it is used."""
        return self.jumps_every if self.resample else 0

    @property
    def jumps(self) -> bool:
        """Whether anything is sampled again, where a chain is long enough for it."""
        return self.repeats > 1 or self.bouts_every > 0

    @property
    def drawn_variance(self) -> str | None:
        """`var_type`, where the method draws noise of that variance at each step."""
        draws = "var_type" in METHODS[self.method].uses and not VAR_TYPES[self.var_type].implicit
        return self.var_type if draws else None

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of settings that the method does not read, though another does."""
        read = METHODS[self.method].uses
        return tuple(dict.fromkeys(name for m in METHODS.values() for name in m.uses if name not in read))

    @property
    def words(self) -> str:
        """The method with the settings that it reads, for records and logs."""
        values = {name: getattr(self, name) for name in METHODS[self.method].uses}
        if self.start_resampling >= EVERYWHERE and "start_resampling" in values:
            values["start_resampling"] = "everywhere"
        if not self.bouts_every:
            values.pop("jumps_every", None)
        values["resample_r"] = self.repeats
        used = (
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
        )
        return ", ".join([f"method {self.method}", *used])

    def levels(self, descent: Descent) -> list[int]:
        """The method's order of levels, see `Levels`."""
        return METHODS[self.method].levels(self, descent)

    def run(
        self,
        denoise: Denoise,
        ladder: Ladder,
        x: Tensor,
        x0: Tensor,
        known: Known,
        noise: Callable[[Tensor], Tensor],
        levels: Sequence[int] | None = None,
    ) -> Iterator[Step]:
        """The method's loop, see `Run`; without `levels`, over the whole ladder.

        Raises:
            NotFiniteError: The model gave NaN or infinity.
        """
        order = self.levels(Descent.on(ladder, largest_sigma(x.shape))) if levels is None else levels
        watched = Finite(denoise, ladder)
        yield from METHODS[self.method].run(self, watched, ladder, order, x, x0, known, noise)
        watched.look()
