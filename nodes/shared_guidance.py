"""Guidance that a call of the model follows in part, whatever guider and cfg function it comes from."""

from functools import partial

from torch import Tensor

from .host_classifier import Guide
from .pixel_model import Clip

__all__ = ["HOOKS", "following"]

HOOKS = "sampler_post_cfg_function"  # the host's list in a run's model options


def following(options: dict, share: float) -> dict:
    """Model options of a call that follows this share of cfg - 1; those given stay as they are.

    The share is taken after other nodes' hooks, for what they add is added at each visit too, and some of their formulas
    count on the guess that cfg alone makes; but before our own clipping, which is a bound and no guidance, and before
    classifiers, which are no part of cfg.
    """
    if share == 1:
        return options
    hooks = [*options.get(HOOKS, []), partial(part, share=share)]
    return {**options, HOOKS: sorted(hooks, key=lambda hook: 2 if isinstance(hook, Guide) else isinstance(hook, Clip))}


def part(args: dict, share: float) -> Tensor:
    """The guess with a share of what guidance adds to the positive prediction.

    Up to cfg 1 nothing is added: that is the model as trained, or a mean of two of its predictions.
    """
    if args["cond_scale"] <= 1:
        return args["denoised"]
    positive = args["cond_denoised"]
    return positive + share * (args["denoised"] - positive)
