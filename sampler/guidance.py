"""How far each call of the model follows classifier-free guidance, where noise levels are visited again.

A repeat guides anew what the last visit made. With exact predictions that ends at p(x | c)^cfg p(x)^(1 - cfg) (Bradley &
Nakkiran 2024, https://arxiv.org/abs/2408.09000); a trained network's two predictions differ by their errors too, which cfg
multiplies and the repeats pile up: hard colours, a visible seam. So a call follows only its share of cfg - 1.
"""

from collections.abc import Callable

from .ladder import Ladder

__all__ = ["CFG_REPEATS", "FADED"]

# Noise over signal at which guidance has faded to half, by what the model paints: where the picture itself tells what it
# shows, what is left of the difference is error (Kynkaanniemi et al. 2024, https://arxiv.org/abs/2404.07724). Latents follow
# their prompt nearly to the end. Measured, see tests/benchmarks/NOTES.md.
FADED = {"pixels": 1.0, "latents": 0.1}


def shared(ladder: Ladder, most: int, faded: float) -> list[float]:
    """The share by level of the ladder: one in as many as the most visited level has visits, less where guidance fades.

    Levels visited once get no more than the others: the noisiest would set colours that the many calls after them do not
    ask for. Where no level is visited again the share is 1.

    Args:
        most: Model calls at the most visited level, of the whole chain where `ladder` is a part of one.
        faded: Of FADED.
    """
    if most == 1:
        return full(ladder, most, faded)
    ratios = (ladder.noise / ladder.signal).clamp(min=1e-6)  # level 0 is never called
    return (1 / (1 + (faded / ratios).square()) / most).tolist()


def full(ladder: Ladder, most: int, faded: float) -> list[float]:
    return [1.0] * (ladder.steps + 1)


# By name: (ladder, most visits, noise at which guidance fades) -> the share of cfg - 1 that a call at each level follows.
CFG_REPEATS: dict[str, Callable[[Ladder, int, float], list[float]]] = {"shared": shared, "full": full}
