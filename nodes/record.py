"""The run record in the saved picture, where anyone who has the picture finds it."""

from pathlib import PurePath

__all__ = ["KEY", "keep_in_picture", "model_name"]

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
