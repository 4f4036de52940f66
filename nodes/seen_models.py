"""What was learned of the models that ran, by file name: the page's curves are drawn on it from then on."""

from dataclasses import dataclass

from torch import Tensor

from ..sampler.respacing import USUAL_LARGEST
from .record import model_name

__all__ = ["Seen", "remember", "seen"]

MOST = 32  # the longest unused is forgotten first


@dataclass(frozen=True)
class Seen:
    """A model that ran.

    Attributes:
        noise_to_signal: By its timestep; (T,).
        largest: Where skip_type "karras" started, see `respaced_timesteps`.
        side: Of the pictures that it was trained on; None: not known.
    """

    noise_to_signal: Tensor
    largest: float = USUAL_LARGEST
    side: int | None = None


models: dict[str, Seen] = {}


def remember(model, noise_to_signal: Tensor, largest: float | None = None) -> None:
    """Keep a MODEL's noise levels; without `largest`, where its last chain started."""
    name = model_name(model)
    before = models.pop(name, None)
    if largest is None:
        largest = before.largest if before else USUAL_LARGEST
    from .model_size import trained_on  # here: what was seen is asked for without a host, too

    models[name] = Seen(noise_to_signal, largest, trained_on(model.model))
    for old in [*models][:-MOST]:
        del models[old]


def seen(name: str) -> Seen | None:
    """The model of a file; None if it has not run yet."""
    return models.get(name.replace("\\", "/").rsplit("/", 1)[-1])
