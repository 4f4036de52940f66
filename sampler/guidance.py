"""How far each call of the model follows classifier-free guidance, where noise levels are visited again.

A repeat guides anew what the last visit made. With exact predictions that ends at p(x | c)^cfg p(x)^(1 - cfg) (Bradley &
Nakkiran 2024, https://arxiv.org/abs/2408.09000); a trained network's two predictions differ by their errors too, which cfg
multiplies and the repeats pile up: hard colours, a visible seam. So a call follows only its share of cfg - 1.
"""

from collections.abc import Callable

from .ladder import Ladder

__all__ = ["CFG_REPEATS"]

FADED = 0.25  # noise over signal at which guidance has faded to half


def shared(ladder: Ladder, most: int) -> list[float]:
    """The share by level of the ladder: one in as many as the most visited level has visits, less where little noise is left.

    Levels visited once get no more than the others: the noisiest would set colours that the many calls after them do not
    ask for. At the other end the picture itself tells what it shows, and what is left of the difference is error
    (Kynkaanniemi et al. 2024, https://arxiv.org/abs/2404.07724). Where no level is visited again the share is 1.

    Args:
        most: Model calls at the most visited level, of the whole chain where `ladder` is a part of one.
    """
    noise, least = ladder.noise.square(), (FADED * ladder.signal).square()
    return full(ladder, most) if most == 1 else (noise / (noise + least) / most).tolist()


def full(ladder: Ladder, most: int) -> list[float]:
    return [1.0] * (ladder.steps + 1)


# By name: (ladder, most visits) -> the share of cfg - 1 that a call at each level follows.
CFG_REPEATS: dict[str, Callable[[Ladder, int], list[float]]] = {"shared": shared, "full": full}
