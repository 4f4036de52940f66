"""The run record in the saved picture, where anyone who has the picture finds it."""

from pathlib import PurePath

from ..sampler import Resampling
from ..sampler.repaint import EVERYWHERE

__all__ = ["KEY", "keep_in_picture", "method_in_words", "model_name"]

KEY = "mask_guidance"  # of the PNG's text, beside ComfyUI's own "prompt" and "workflow"


def keep_in_picture(hidden, record: list[str]) -> None:
    """Add a record to what Save Image writes into its PNG; a list of records, for a workflow may sample more than once.

    The host hands one dict to every node of a run, and Save Image writes each of its entries. A run that was queued
    without a page has none; a sampler whose result the host still had did not run, and leaves no record.
    """
    extra = getattr(hidden, "extra_pnginfo", None)
    if isinstance(extra, dict):
        extra.setdefault(KEY, []).append([*record])


def model_name(model) -> str:
    """The file that a MODEL was loaded from, or else its kind."""
    _, arguments, *_ = model.cached_patcher_init or (None, ())
    if arguments and isinstance(arguments[0], str):
        return PurePath(arguments[0]).name
    return type(model.model).__name__


def method_in_words(resampling: Resampling) -> str:
    """The method with the settings that it uses."""
    return METHODS[resampling.method](resampling)


def by_repaint(s: Resampling) -> str:
    start = "everywhere" if s.start == EVERYWHERE else s.start
    return f"method repaint, resample_r {s.r}, resample_j {s.j}, start_resampling {start}, var_type {s.var_type}"


METHODS = {
    "feedback": lambda s: f"method feedback, feedback {s.strength:g}, resample_r {s.r}",
    "repaint": by_repaint,
}
