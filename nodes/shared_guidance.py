"""Guidance shared among the visits of a noise level.

A repeat applies classifier-free guidance once more to what the last visit made, so the hole walks on to guidance's fixed
point, which a single pass never reaches: harder colours, a visible seam. Shared, all visits of a level together guide as
far as one would.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from .pixel_model import clip

__all__ = ["CFG_REPEATS"]

HOOKS = "sampler_post_cfg_function"  # the host's list in a run's model options


def shared(options: dict, visits: int) -> dict:
    """Model options for a call at a level that is visited so many times; those given stay as they are.

    The share is taken after other nodes' hooks, for what they add is added at each visit too, and some of their formulas
    count on the guess that cfg alone makes; but before our own clipping, which is a bound and no guidance.
    """
    if visits == 1:
        return options
    hooks = [*options.get(HOOKS, []), partial(one_share, visits=visits)]
    return {**options, HOOKS: sorted(hooks, key=lambda hook: hook is clip)}


def one_share(args: dict, visits: int) -> Tensor:
    """The guess with a visit's share of what guidance adds to the positive prediction: 1 + (cfg - 1) / visits in place of cfg.

    Up to cfg 1 nothing is added: that is the model as trained, or a mean of two of its predictions.
    """
    if args["cond_scale"] <= 1:
        return args["denoised"]
    positive = args["cond_denoised"]
    return positive + (args["denoised"] - positive) / visits


def full(options: dict, visits: int) -> dict:
    """Every visit guides anew."""
    return options


CFG_REPEATS: dict[str, Callable[[dict, int], dict]] = {"shared": shared, "full": full}
