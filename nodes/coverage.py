"""How much is masked, in words."""

from torch import Tensor

__all__ = ["coverage_in_words"]


def coverage_in_words(masks: Tensor) -> str:
    """How much is masked, soft values in proportion."""
    share = float(masks.mean())
    if share == 0:
        return "the mask is empty"
    return "everything is masked" if share == 1 else f"{100 * share:.4g} % masked"
