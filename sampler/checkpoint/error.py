"""What is raised for a checkpoint, or a file beside it, that cannot be used."""

from ..sentence import Sentence

__all__ = ["CheckpointError"]


class CheckpointError(Sentence):
    """A file that cannot be used. The sentence says "this file": whoever opened it puts its name before."""
