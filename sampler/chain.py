"""What settings mean on a model: which noise levels a run visits, in which order, what that costs."""

import math
from dataclasses import dataclass
from itertools import accumulate, compress
from operator import eq, le

from torch import Tensor

from .methods import METHODS
from .methods.method import Descent, count_calls, most_visits
from .respacing import SKIP_TYPES, parse_respacing, respaced_timesteps
from .settings import Settings, SettingsError

__all__ = ["Chain", "chosen_timesteps"]


@dataclass(frozen=True)
class Chain:
    """The visits of a run.

    Attributes:
        timesteps: Training step of each of its levels from the highest down, strictly falling.
        last: Training step where it stops, for another chain to go on; None at the finished picture.
        below: Levels that such a chain goes on with.
        above: Levels that another chain came down before.
        levels: Order of visits, see `methods.method.Levels`.
        most_visits: Model calls at the most visited level of the whole chain.
        dip: See `Method`.
    """

    timesteps: list[int]
    last: int | None
    below: int
    above: int
    levels: list[int]
    most_visits: int
    dip: float

    @classmethod
    def of(
        cls,
        settings: Settings,
        noise_to_signal: Tensor,
        largest: float = math.inf,
        start_at_step: int = 0,
        end_at_step: int | None = None,
        drowning: float | None = None,
    ) -> "Chain":
        """The chain that settings ask for.

        Args:
            noise_to_signal: By the model's timestep, rising; (T,).
            largest: Where skip_type "karras" starts, see `respaced_timesteps`.
            start_at_step: Steps at the noisy end that are left out.
            end_at_step: It stops after this step of the whole chain.
            drowning: What drowns a picture of this size, where that is not `largest`, see `largest_sigma`.

        Raises:
            ValueError: The model has no such timesteps, or none are left.
        """
        whole = chosen_timesteps(settings, noise_to_signal, largest)
        end = len(whole) if end_at_step is None else end_at_step
        part = whole[start_at_step:end]
        if not part:
            raise SettingsError(
                f"start_at_step {start_at_step} and end_at_step {end} leave none of the {len(whole)} steps; lower the first "
                "or raise the second."
            )
        below = max(0, len(whole) - end)

        def levels(timesteps: list[int], below: int = 0, above: int = 0) -> list[int]:
            return settings.levels(Descent(noise_to_signal[timesteps].flip(0), drowning or largest, below, above))

        own = levels(part, below, start_at_step)
        return cls(
            timesteps=part,
            last=whole[end] if below else None,
            below=below,
            above=start_at_step,
            levels=own,
            most_visits=most_visits(own if part == whole else levels(whole)),
            dip=METHODS[settings.method].dip,
        )

    @property
    def calls(self) -> int:
        """Model calls."""
        return count_calls(self.levels)

    def curve(self, noise_to_signal: Tensor) -> list[tuple[int, int]]:
        """Points (model calls so far, timestep); a climb costs no call and stands upright.

        A level visited again at once is left for a dip, at the timestep of that share of its noise.

        Args:
            noise_to_signal: As for `of`.
        """
        timestep = [self.last or 0, *reversed(self.timesteps)]
        dips = {level: nearest(noise_to_signal, self.dip * noise_to_signal[timestep[level]]) for level in self.repeated}
        calls = [*accumulate(map(le, self.levels[1:], self.levels), initial=0)]
        points = zip(calls, map(timestep.__getitem__, self.levels), strict=True)
        if not dips:
            return [*points]
        drawn = []
        for before, level, point in zip([None, *self.levels[:-1]], self.levels, points, strict=True):
            if before == level:
                drawn.append((point[0], dips[level]))
            drawn.append(point)
        return drawn

    @property
    def repeated(self) -> set[int]:
        """Levels that are visited again at once."""
        return {*compress(self.levels, map(eq, self.levels, self.levels[1:]))}


def nearest(table: Tensor, value: Tensor) -> int:
    return int((table - value).abs().argmin())


def chosen_timesteps(settings: Settings, noise_to_signal: Tensor, largest: float = math.inf) -> list[int]:
    """The timesteps that settings choose, strictly falling; arguments as for `Chain.of`.

    Raises:
        ValueError: The model has no such timesteps.
    """
    total = round(settings.denoise * len(noise_to_signal))
    if settings.timestep_respacing.strip():
        return parse_respacing(total, settings.timestep_respacing)
    kind, count = settings.skip_type, settings.skip_steps
    if settings.denoise < 1 and SKIP_TYPES[kind].counted and count > total:
        raise SettingsError(
            f"denoise {settings.denoise:g} leaves {total} of the model's timesteps, fewer than the {count} wanted; raise "
            "denoise, or choose a smaller preset or skip_steps."
        )
    return respaced_timesteps(total, kind, count, noise_to_signal[:total], largest)
