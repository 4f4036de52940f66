"""What was learned of the models that ran, by file name: the page's curves are drawn on it from then on."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from ..sampler.checkpoint import CheckpointError
from ..sampler.checkpoint.file import read_checkpoint
from ..sampler.recognition import detect
from ..sampler.respacing import USUAL_LARGEST
from .record import model_name

__all__ = ["Seen", "remember", "seen", "side_of"]

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
    from .model_size import trained_on  # here: see `side_of`

    models[name] = Seen(noise_to_signal, largest, trained_on(model.model))
    for old in [*models][:-MOST]:
        del models[old]


def seen(name: str) -> Seen | None:
    """The model of a file; None if it has not run yet."""
    return models.get(name.replace("\\", "/").rsplit("/", 1)[-1])


def side_of(name: str) -> int | None:
    """Of the pictures that the model of a file was trained on; of one that has not run, as the shapes of its weights tell."""
    import folder_paths  # here: the rest of this file needs no host

    from .model_folder import FOLDER

    known, path = seen(name), folder_paths.get_full_path(FOLDER, name)
    if known or not path:
        return known.side if known else None
    try:
        return side_in(Path(path), Path(path).stat().st_mtime_ns)
    except OSError:  # gone by now
        return None


@lru_cache(MOST)
def side_in(path: Path, changed: int) -> int | None:
    """Args:
    changed: When; another file is read again.
    """
    try:
        return detect(read_checkpoint(path).tensors).image_size
    except CheckpointError:  # which is said when it is loaded
        return None
