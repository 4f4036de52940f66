"""All steps that make a drawn mask fit for use, in one fixed order; each does nothing at its default."""

from dataclasses import dataclass

from torch import Tensor

from .holes import fill_holes, remove_specks
from .morph import grow, shrink
from .soften import feather, smooth_outline

__all__ = ["Preparation", "prepare"]


@dataclass(frozen=True)
class Preparation:
    """What to do to a mask, in this order.

    Attributes:
        invert: Swap masked and unmasked.
        threshold: Values from here on become 1, others 0; 0 keeps soft values.
        ignore_below: Fainter values become 0.
        specks: Connected areas of fewer pixels are cleared.
        fill_holes: Raise holes to their rim.
        grow: Pixels; negative shrinks.
        shape: Of growing: "round", "square" or "diamond".
        smooth: Radius in pixels of the outline's smoothing.
        feather: Width in pixels of the ramp at the edge.
        side: Of the ramp: "outward", "inward" or "both".
    """

    invert: bool = False
    threshold: float = 0.0
    ignore_below: float = 0.0
    specks: int = 0
    fill_holes: bool = False
    grow: int = 0
    shape: str = "round"
    smooth: int = 0
    feather: int = 0
    side: str = "both"


def prepare(mask: Tensor, wanted: Preparation) -> tuple[Tensor, list[str]]:
    """The prepared mask, and the steps that were done, in words.

    Args:
        mask: (B, H, W), in [0, 1].
        wanted: The settings.
    """
    done = []
    for changes, words, step in steps(wanted):
        if changes:
            mask = step(mask)
            done.append(words)
    return mask, done


def steps(w: Preparation) -> list[tuple]:
    """(is it wanted, in words, the step) of each, in order."""
    change = grow if w.grow > 0 else shrink
    return [
        (w.invert, "inverted", lambda m: 1 - m),
        (w.threshold > 0, f"threshold {w.threshold:g}", lambda m: (m >= w.threshold).to(m.dtype)),
        (w.ignore_below > 0, f"below {w.ignore_below:g} ignored", lambda m: m * (m >= w.ignore_below)),
        (w.specks > 0, f"specks below {w.specks} px removed", lambda m: remove_specks(m, w.specks)),
        (w.fill_holes, "holes filled", fill_holes),
        (
            w.grow != 0,
            f"{'grown' if w.grow > 0 else 'shrunk'} by {abs(w.grow)} px ({w.shape})",
            lambda m: change(m, abs(w.grow), w.shape),
        ),
        (w.smooth > 0, f"outline smoothed over {w.smooth} px", lambda m: smooth_outline(m, w.smooth)),
        (w.feather > 0, f"feathered by {w.feather} px ({w.side})", lambda m: feather(m, w.feather, w.side)),
    ]
