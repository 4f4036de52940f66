"""What is in the files of the loader's list, as far as it can be told without running them; the last answers are kept."""

from functools import lru_cache
from pathlib import Path

from ..sampler.checkpoint import CheckpointError, Detection
from ..sampler.classifiers import Classifier, recognise_classifier
from ..sampler.recognition import files_that_count, recognise
from . import model_folder

__all__ = ["classifier_of", "detection_of", "stamps_of"]

MOST = 32  # files whose answers are kept


def detection_of(name: str) -> Detection | None:
    """A file or folder, by its name in the loader's list; None if there is none.

    Raises:
        CheckpointError: It is no checkpoint that loads.
        OSError: It cannot be read.
    """
    if not model_folder.has(name):
        return None
    path = model_folder.path_of(name)
    return detected(path, stamps_of(path))


def classifier_of(name: str) -> Classifier | None:
    """The same of a classifier; None, too, for what is no classifier that loads."""
    if name not in model_folder.names():
        return None
    path = model_folder.path_of(name)
    return judged(path, stamps_of(path))


def stamps_of(path: Path) -> tuple:
    """What changes with a checkpoint, or with what lies beside it and counts."""
    return tuple((each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in files_that_count(path))


@lru_cache(MOST)
def detected(path: Path, stamps: tuple) -> Detection:
    """`stamps` as of `stamps_of`: a file that changed is another."""
    return recognise(path, probe=False).detection


@lru_cache(MOST)
def judged(path: Path, stamps: tuple) -> Classifier | None:
    try:
        return recognise_classifier(path).classifier
    except CheckpointError:
        return None
