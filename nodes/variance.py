"""How a network's variance channels reach the sampler.

The host's model functions carry three channels, mix them by cfg and add them up by area; the variance would be lost or
spoiled on the way. So a network keeps it at hand, and the MODEL around it puts it into the `VarianceSink` that a sampler
has put into the transformer options of its own run. The network itself must not look for one: the host compiles networks
for any transformer options, and what was found at that time would be found for good.
"""

from collections.abc import Collection, Hashable, Sequence

from torch import Tensor

__all__ = ["SINK", "VarianceSink"]

SINK = "mask_guidance_variance"
POSITIVE = 0  # the number that the host gives the positive conditioning, and a hook any that it asks for alone


class VarianceSink:
    """Variance channels of the positive conditioning in one step.

    A class of its own, because the host copies dictionaries and lists among the options.

    Args:
        positive: The host's names of what is positive in this run; without any, the kind tells.
    """

    def __init__(self, positive: Collection[Hashable] = ()) -> None:
        self.positive = positive
        self.parts: dict[Hashable, Tensor] = {}

    def put(self, v: Tensor, cond_or_uncond: Sequence[int], uuids: Sequence[Hashable] = ()) -> None:
        """Keep the positive part of a batch of conditionings laid one after the other.

        Args:
            v: The variance channels; (B, C, ...).
            cond_or_uncond: The host's kind of each conditioning.
            uuids: The host's name of each, where it is known; who splits the batch may leave those of all. The first
                answer to one counts: who asks again within a step (perturbed attention and its like) asks a network
                that was disturbed.
        """
        named = len(uuids) == len(cond_or_uncond)
        names = uuids if named else [object() for _ in cond_or_uncond]
        for part, kind, name in zip(v.chunk(len(cond_or_uncond)), cond_or_uncond, names, strict=True):
            is_positive = name in self.positive if named and self.positive else kind == POSITIVE
            if is_positive and name not in self.parts:
                self.parts[name] = part.clone()  # a compiled network may write its next answer into the same memory

    def take(self, like: Tensor) -> Tensor | None:
        """What came since the last step; None unless it is one full frame (areas give several, and no rule to join them)."""
        parts, self.parts = [*self.parts.values()], {}
        return parts[0].to(like) if len(parts) == 1 and parts[0].shape == like.shape else None
