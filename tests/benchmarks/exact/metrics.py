"""How far drawn pictures are from the exact conditional distribution."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .problems import Problem, generator

__all__ = ["Truth", "energy_distance", "filled", "measured", "truth"]


@dataclass(frozen=True)
class Truth:
    """What is exact for one observation.

    Attributes:
        picture: Known pixels, zeros elsewhere; (D,).
        drawn: Unknown pixels; (count, unknown).
        whiten: Maps unknown pixels to unit variance; (unknown, unknown).
        modes: Probability of each component; (K,).
    """

    picture: Tensor
    drawn: Tensor
    whiten: Tensor
    modes: Tensor


def truth(problem: Problem, picture: Tensor, count: int, seed: int) -> Truth:
    """Exact answers for the known pixels of a picture; (D,)."""
    known, exact = problem.known, problem.conditional
    y = picture[known]
    values, vectors = torch.linalg.eigh(exact.covariance(y))
    return Truth(
        picture=torch.where(known, picture, 0),
        drawn=exact.sample(y, count, generator(seed)),
        whiten=vectors * values.clamp(min=values.max() * 1e-12).rsqrt(),
        modes=exact.weights(y),
    )


def mean_distance(a: Tensor, b: Tensor | None = None) -> Tensor:
    """Mean of |a_i - b_j|, or of |a_i - a_j| over different i and j."""
    if b is not None:
        return torch.cdist(a, b).mean()
    return torch.cdist(a, a).sum() / (len(a) * (len(a) - 1))


def energy_distance(drawn: Tensor, exact: Tensor) -> float:
    """Székely's energy distance, unbiased, as a share of the exact samples' own mean distance; 0 is perfect.

    Being unbiased, it falls below 0 by chance.
    """
    own = mean_distance(exact)
    return float((2 * mean_distance(drawn, exact) - mean_distance(drawn) - own) / own)


def mode_error(problem: Problem, pictures: Tensor, modes: Tensor) -> float:
    """Total variation between the share of samples in each component and its exact probability."""
    data = problem.data
    if len(modes) == 1:
        return float("nan")
    quadratic, linear, constant, *_ = data.tables(0.0, torch.float64)
    if hasattr(data, "vectors"):
        z = torch.einsum("kbd,kde->kbe", pictures - data.means[:, None], data.vectors)
        precision = 1 / data.variances[:, None]
        share = (data.weights.log()[:, None] + 0.5 * (precision.log() - precision * z.square()).sum(2)).softmax(0).T
    else:
        z = data.to_basis(pictures)
        share = (z.square() @ quadratic + z @ linear + constant).softmax(1)
    return float((share.mean(0) - modes).abs().sum() / 2)


def seam_energy(problem: Problem, pictures: Tensor) -> float:
    """Mean square of the steps between a known pixel and an unknown neighbour."""
    if not problem.side:
        return float("nan")
    x = pictures.view(-1, problem.side, problem.side)
    known = problem.known.view(problem.side, problem.side)
    squares = []
    for axis in (0, 1):
        at_seam = known.diff(dim=axis)
        squares.append(x.diff(dim=axis + 1).square()[:, at_seam])
    return float(torch.cat(squares, 1).mean())


def filled(problem: Problem, exact: Truth, unknown: Tensor) -> Tensor:
    pictures = exact.picture.expand(len(unknown), -1).clone()
    pictures[:, ~problem.known] = unknown
    return pictures


def measured(problem: Problem, exact: Truth, pictures: Tensor) -> dict[str, float]:
    """All metrics of the pictures drawn for one observation; (count, D)."""
    pictures = pictures.double()
    unknown = pictures[:, ~problem.known]
    reference = filled(problem, exact, exact.drawn)
    return {
        "ed": energy_distance(unknown, exact.drawn),
        "edw": energy_distance(unknown @ exact.whiten, exact.drawn @ exact.whiten),
        "tv": mode_error(problem, filled(problem, exact, unknown), exact.modes),
        "seam": seam_energy(problem, filled(problem, exact, unknown)) / seam_energy(problem, reference),
    }
