"""What a person should know of a run, before and after it, in sentences for the node's schedule widget."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import sqrt

from ..sampler import METHODS, Settings
from ..sampler.familiarity import STRANGER

__all__ = ["CHECKS", "Facts", "Message", "messages", "picture_size", "tell"]

EVENT = "mask_guidance.tell"
NEARLY_ALL = 0.8  # of the picture: more is masked by mistake more often than not
TOLERANCE = 1.5  # times the side that the model was trained on, or a share of it


@dataclass(frozen=True)
class Message:
    """A sentence: what is, and what to do.

    Attributes:
        text: In English.
        key: By which the page may say it in another language, with these values.
        warns: Something is likely to be wrong.
    """

    text: str
    key: str = ""
    values: tuple[object, ...] = ()
    warns: bool = True


@dataclass(frozen=True)
class Facts:
    """What is known; None is not known, and nothing is said of it.

    Attributes:
        share: Of the picture that is masked, 0 to 1.
        size: Of the picture the model is given: width and height in pixels.
        side: Of the pictures that the model was trained on.
        settings: With the preset's values.
        steps: Noise levels of the run.
        cfg: As it is set.
        by_text: The model is guided by text.
        positive: Something is connected there.
        negative: The same.
        black: denoise, where the run builds on what is masked and all of that is black.
        times_usual: The model's error on a strange picture over its usual one, see sampler/familiarity.py.
        calls: Of the model that were made.
        seconds: They took.
    """

    share: float | None = None
    size: tuple[int, int] | None = None
    side: int | None = None
    settings: Settings | None = None
    steps: int | None = None
    cfg: float | None = None
    by_text: bool | None = None
    positive: bool | None = None
    negative: bool | None = None
    black: float | None = None
    times_usual: float | None = None
    calls: int | None = None
    seconds: float | None = None


def empty(facts: Facts) -> tuple | None:
    return () if facts.share == 0 else None


def nearly_all(facts: Facts) -> tuple | None:
    return (round(100 * facts.share),) if facts.share is not None and facts.share > NEARLY_ALL else None


def another_size(facts: Facts) -> tuple | None:
    """Width, height and the model's side, where they are far apart."""
    if not facts.size or not facts.side:
        return None
    times = sqrt(facts.size[0] * facts.size[1]) / facts.side
    return None if 1 / TOLERANCE <= times <= TOLERANCE else (*facts.size, facts.side)


def too_large(facts: Facts) -> tuple | None:
    found = another_size(facts)
    if not found or found[0] * found[1] < found[2] ** 2:
        return None
    return (*found, round(found[0] * found[1] / found[2] ** 2))


def too_small(facts: Facts) -> tuple | None:
    found = another_size(facts)
    return found if found and found[0] * found[1] < found[2] ** 2 else None


def no_jump(facts: Facts) -> tuple | None:
    """RePaint's j and the steps, where no jump fits into the run."""
    chosen, steps = facts.settings, facts.steps
    if chosen is None or steps is None or "resample_j" not in METHODS[chosen.method].uses:
        return None
    return (chosen.resample_j, steps) if chosen.jumps and chosen.resample_j >= steps else None


def no_positive(facts: Facts) -> tuple | None:
    return () if facts.by_text and facts.positive is False else None


def no_negative(facts: Facts) -> tuple | None:
    return (facts.cfg,) if facts.by_text and facts.cfg not in (None, 1) and facts.negative is False else None


def black(facts: Facts) -> tuple | None:
    return None if facts.black is None else (facts.black,)


def stranger(facts: Facts) -> tuple | None:
    return None if facts.times_usual is None else (round(facts.times_usual, 1),)


def made(facts: Facts) -> tuple | None:
    return None if facts.calls is None else (facts.calls, round(facts.seconds or 0, 1))


@dataclass(frozen=True)
class Check:
    """A row of what is looked at.

    Attributes:
        values: Those of the sentence; None where it does not apply.
        sentence: With gaps for them.
    """

    key: str
    values: Callable[[Facts], tuple | None]
    sentence: str
    warns: bool = True


CHECKS = (
    Check(
        "empty",
        empty,
        "Nothing is masked, so nothing is painted: draw a mask in Load Image's Mask Editor (right click on the picture).",
    ),
    Check(
        "nearly_all",
        nearly_all,
        "{} % of the picture is masked, and all of that is painted anew. If the mask is the wrong way round, put Invert Mask "
        "before this node.",
    ),
    Check(
        "too_large",
        too_large,
        "The picture is {0}x{1}, but this model was made for {2}x{2}: each call takes about {3} times as long, and what it "
        "paints is too small or repeats. Use Inpaint (Mask Guidance), or Crop for Inpainting with width and height {2}.",
    ),
    Check(
        "too_small",
        too_small,
        "The picture is {0}x{1}, but this model was made for {2}x{2}: what it paints is blurred or torn. Scale the picture "
        "up, or use Inpaint (Mask Guidance).",
    ),
    Check(
        "no_jump",
        no_jump,
        "resample_j is {}, and the run has {} steps: no jump fits, so nothing is resampled. Lower resample_j, or raise "
        "skip_steps.",
    ),
    Check(
        "no_positive",
        no_positive,
        "This model is guided by text: connect CLIP Text Encode (or its like) to 'positive'.",
    ),
    Check(
        "no_negative", no_negative, "cfg is {:g}, which needs a negative: connect one to 'negative', or set cfg to 1."
    ),
    Check(
        "black",
        black,
        "All that is masked is black, and denoise {:g} builds on it. If it should not be: some versions of ComfyUI's Mask "
        "Editor blacken what they mask; take the picture from another Load Image, with the file as it was.",
    ),
    Check(
        "stranger",
        stranger,
        STRANGER,
    ),
    Check("made", made, "The last run made {:,} model calls in {:g} s.", warns=False),
)


def messages(facts: Facts) -> list[Message]:
    """All that is to be said of it, in the order of CHECKS."""
    found = ((check, check.values(facts)) for check in CHECKS)
    return [
        Message(check.sentence.format(*values), check.key, values, check.warns)
        for check, values in found
        if values is not None
    ]


def picture_size(model, samples) -> tuple[int, int] | None:
    """Width and height in pixels of a LATENT's samples; None for a sound.

    Args:
        model: MODEL.
        samples: (B, C, h, w) or (B, C, t, h, w).
    """
    form = model.get_model_object("latent_format")
    if form.latent_dimensions == 1:
        return None  # a sound
    pixels = getattr(form, "spacial_downscale_ratio", 8)
    return samples.shape[-1] * pixels, samples.shape[-2] * pixels


def tell(facts: Facts) -> None:
    """Show on the running node, until its next run, what is to be said; without a page, or outside a run, nothing happens.

    Args:
        facts: What the run has shown.
    """
    from comfy_execution.utils import get_executing_context  # here: this file's logic needs no host

    host = sys.modules.get("server")  # where it does not run, it is not started for this
    server = getattr(getattr(host, "PromptServer", None), "instance", None)
    context = get_executing_context()
    found = messages(facts)
    if server is None or context is None or not found:
        return
    said = {"node": context.node_id, "prompt_id": context.prompt_id, "messages": [asdict(each) for each in found]}
    server.send_sync(EVENT, said, server.client_id)
