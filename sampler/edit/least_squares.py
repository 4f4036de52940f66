"""Weighted least squares, as far as both fits of this package go the same way."""

from torch import Tensor

__all__ = ["normal_equations"]


def normal_equations(columns: Tensor, wanted: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Left and right side of what the best mixture of columns solves; float64 on the CPU, (n, n) and (n,).

    Args:
        columns: (n, pixels).
        wanted: What their mixture should come close to; (pixels,).
        weight: Of each pixel; (pixels,).
    """
    weighed = columns * weight
    return (weighed @ columns.mT).cpu().double(), (weighed @ wanted).cpu().double()
