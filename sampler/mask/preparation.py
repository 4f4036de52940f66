"""All steps that make a drawn mask fit for use, in one fixed order; each does nothing at its default."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .holes import fill_holes, remove_specks
from .morph import SHAPES, grow, shrink
from .soften import FEATHERS, feather, smooth_outline

__all__ = ["STEPS", "Setting", "Step", "prepare", "settings_by_age"]

Value = bool | int | float | str


@dataclass(frozen=True)
class Setting:
    """A value that people give to a step.

    Attributes:
        name: As they see it, and as saved workflows know it.
        default: Its type is the setting's.
        tooltip: What it does.
        span: Least and largest, for numbers.
        step: What a click adds, for numbers.
        options: What there is to choose from, for text.
        advanced: Folded away at first.
    """

    name: str
    default: Value
    tooltip: str
    span: tuple[float, float] | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    advanced: bool = False


@dataclass(frozen=True)
class Step:
    """Something that may be done to a mask.

    Attributes:
        settings: At its default the first one leaves the step out.
        words: What was done, in words, of the settings' values in their order.
        work: The mask (B, H, W) after it, of the mask and the same values.
        since: Settings of a higher number came later; see STEPS.
    """

    settings: tuple[Setting, ...]
    words: Callable[..., str]
    work: Callable[..., Tensor]
    since: int = 0


def inverted(mask: Tensor, wanted: bool) -> Tensor:
    return 1 - mask


def cut_at(mask: Tensor, value: float) -> Tensor:
    return (mask >= value).to(mask.dtype)


def without_haze(mask: Tensor, value: float) -> Tensor:
    return mask * (mask >= value)


def filled(mask: Tensor, wanted: bool) -> Tensor:
    return fill_holes(mask)


def grown(mask: Tensor, pixels: int, shape: str) -> Tensor:
    return (grow if pixels > 0 else shrink)(mask, abs(pixels), shape)


def growth_in_words(pixels: int, shape: str) -> str:
    return f"{'grown' if pixels > 0 else 'shrunk'} by {abs(pixels)} px ({shape})"


# Rows stand in the order of the work. The node's inputs stand in the order in which they came into the pack, whatever the
# order of the work, since a workflow saved by the page knows a value by its place: a new row stands where its work belongs
# and takes a `since` above all others, which puts its inputs last; they may be missing in what was saved before.
STEPS: tuple[Step, ...] = (
    Step(
        (Setting("invert", False, "Swap what is painted and what is kept."),),
        "inverted".format,
        inverted,
    ),
    Step(
        (
            Setting(
                "threshold",
                0.0,
                "Values from here on become fully masked, all others unmasked. 0 keeps soft values as they are.",
                (0.0, 1.0),
                0.01,
            ),
        ),
        "threshold {:g}".format,
        cut_at,
    ),
    Step(
        (
            Setting(
                "ignore_below",
                0.0,
                "Values fainter than this become unmasked, stronger ones stay as they are: removes the haze of soft "
                "brushes. 0 ignores nothing.",
                (0.0, 1.0),
                0.01,
            ),
        ),
        "below {:g} ignored".format,
        without_haze,
    ),
    Step(
        (
            Setting(
                "remove_specks",
                0,
                "Separate areas that cover fewer pixels than this are cleared. 0 and 1 remove nothing.",
                (0, 1_000_000),
            ),
        ),
        "specks below {} px removed".format,
        remove_specks,
    ),
    Step(
        (
            Setting(
                "fill_holes",
                False,
                "Mask what is enclosed by the mask. In soft masks holes fill up to the lowest point of their rim.",
            ),
        ),
        "holes filled".format,
        filled,
    ),
    Step(
        (
            Setting(
                "grow",
                0,
                "Grow the mask by exactly so many pixels in every direction; negative values shrink it. A few pixels more "
                "than the object give the model room for clean edges.",
                (-4096, 4096),
            ),
            Setting(
                "grow_shape",
                "round",
                "round: true distance, the same in every direction. square: corners stay sharp. diamond: corners are cut "
                "at 45 degrees.",
                options=tuple(SHAPES),
            ),
        ),
        growth_in_words,
        grown,
    ),
    Step(
        (
            Setting(
                "smooth_outline",
                0,
                "Round off corners and frayed edges within so many pixels, without softening. More is rounder.",
                (0, 512),
            ),
        ),
        "outline smoothed over {} px".format,
        smooth_outline,
    ),
    Step(
        (
            Setting(
                "feather",
                0,
                "Width in pixels of the soft ramp at the edge; nothing farther away changes, and the picture's border does "
                "not fade.",
                (0, 2048),
            ),
            Setting(
                "feather_side",
                "both",
                "outward: the mask stays whole and fades outside. inward: it fades inside, nothing outside changes. both: "
                "half-way at the edge, so many pixels to either side.",
                options=tuple(FEATHERS),
            ),
        ),
        "feathered by {} px ({})".format,
        feather,
    ),
)


def settings_by_age() -> list[tuple[Setting, bool]]:
    """Every setting, in the order in which they came into the pack, and whether it came after the first ones."""
    return [
        (setting, step.since > 0) for step in sorted(STEPS, key=lambda step: step.since) for setting in step.settings
    ]


def prepare(mask: Tensor, **wanted: Value) -> tuple[Tensor, list[str]]:
    """The prepared mask, and the steps that were done, in words.

    Args:
        mask: (B, H, W), in [0, 1].
        **wanted: Settings by name; the others keep their defaults.

    Raises:
        ValueError: Unknown setting, or unknown name of a shape or side.
    """
    known = {setting.name: setting.default for step in STEPS for setting in step.settings}
    for name in wanted.keys() - known.keys():
        raise ValueError(f"There is no setting '{name}' of a mask's preparation; there are: {', '.join(known)}.")
    done = []
    for step in STEPS:
        values = [wanted.get(setting.name, setting.default) for setting in step.settings]
        if values[0] != step.settings[0].default:
            mask = step.work(mask, *values)
            done.append(step.words(*values))
    return mask, done
