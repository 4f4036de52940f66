"""Stationary random fields on a grid: their spectra, draws of them, and what is to be expected of one that is known in part.

Autocovariances are taken over a grid padded with zeros to twice its sides: what leaves on one side must not come in on the
other. A field has any number of channels, and frames between channels and grid; each is a field of its own.
"""

from collections.abc import Callable
from types import EllipsisType

import torch
from torch import Tensor

__all__ = [
    "TINY",
    "VECTORS",
    "Grid",
    "bridged",
    "conjugate_gradients",
    "correlated",
    "expectation",
    "measured_on",
    "trusted",
]

Place = tuple[EllipsisType | slice, ...]

VECTORS = 2  # dimensions of states without a grid: pictures and values
WITH_FOURIER = "cpu", "cuda", "mps", "xpu"  # DirectML and others have no complex numbers
TINY = 1e-30  # keeps 0 / 0 at 0
FEW = 0.01  # pairs, for each known value: fewer say nothing of a distance
HARDLY = 0.3  # pairs, for one at the distances around


class Grid:
    """Height and width, not frames; (B, C, W), (B, C, H, W) or (B, C, T, H, W).

    Args:
        like: Gives the shape.
    """

    def __init__(self, like: Tensor):
        self.dims = grid_of(like)
        self.sides = [like.shape[dim] for dim in self.dims]
        self.padded = [friendly(2 * side - 1) for side in self.sides]

    def forth(self, field: Tensor) -> Tensor:
        return torch.fft.rfftn(field, self.padded, self.dims)

    def back(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfftn(spectrum, self.padded, self.dims)

    def total(self, field: Tensor) -> Tensor:
        return field.sum(self.dims, keepdim=True)

    def convolved(self, field: Tensor, power: Tensor) -> Tensor:
        """A field times the covariance whose spectrum is `power`."""
        return self.back(self.forth(field) * power)[self.inside]

    def drawn(self, white: Tensor, power: Tensor) -> Tensor:
        """The field with this spectrum that grows from white noise on the padded grid."""
        return self.back(torch.fft.rfftn(white, dim=self.dims) * power.sqrt())[self.inside]

    def canvas(self, like: Tensor) -> Tensor:
        """Room for noise on the padded grid."""
        return like.new_empty(()).expand(*like.shape[: self.dims[0]], *self.padded)

    @property
    def origin(self) -> Place:
        """Where an autocovariance is the variance."""
        return (..., *(slice(1) for _ in self.sides))

    @property
    def inside(self) -> Place:
        """The picture in its padding."""
        return (..., *(slice(side) for side in self.sides))


def measured_on(device: torch.device) -> torch.device:
    """Where fields of a device are transformed: there, or on the processor."""
    return device if device.type in WITH_FOURIER else torch.device("cpu")


def grid_of(field: Tensor) -> tuple[int, ...]:
    """Dimensions over which a field is taken to be stationary: height and width, not frames."""
    return tuple(range(max(VECTORS, field.ndim - 2), field.ndim))


def trusted(covariance: Tensor, origin: Place, count: Tensor, doubt: float) -> Tensor:
    """Autocovariances, those that may be chance made smaller.

    Args:
        covariance: By distance.
        origin: Where it is the variance.
        count: Of values measured; the uncertainty of an autocovariance is about the variance over the root of it.
        doubt: An autocovariance counts half where its square is so many times that of its uncertainty.
    """
    power, uncertainty = covariance.square(), covariance[origin].square() / count.clamp(min=1)
    return covariance * power / (power + doubt * uncertainty).clamp(min=TINY)


def bridged(covariance: Tensor, pairs: Tensor, origin: Place, dims: tuple[int, ...]) -> Tensor:
    """Autocovariances at distances that hardly a pair of known values has, from those around.

    Of every second line nothing is ever seen one line apart.

    Args:
        covariance: By distance, around the padded grid.
        pairs: Of known values at each distance, for each known value.
        origin: Where it is the variance, of which no more than its own place is taken.
        dims: Of the grid.
    """
    elsewhere = torch.ones_like(pairs)
    elsewhere[origin] = 0
    most, total = around(pairs, torch.maximum, dims), around(elsewhere * pairs, torch.add, dims)
    near = most * around(elsewhere * covariance, torch.add, dims) / total.clamp(min=FEW)
    return torch.where((pairs < HARDLY * most) & (most > FEW), near, covariance)


def around(field: Tensor, join: Callable[[Tensor, Tensor], Tensor], dims: tuple[int, ...]) -> Tensor:
    """Each value joined with its neighbours, corners too; around the edges."""
    for dim in dims:
        field = join(field, join(field.roll(1, dim), field.roll(-1, dim)))
    return field


def expectation(
    residual: Tensor, known: Tensor, covariance: Callable[[Tensor], Tensor], nugget: Tensor, steps: int
) -> Tensor:
    """Expectation of a Gaussian field given what is known of it (simple kriging).

    Args:
        residual: The field times `known`.
        known: How well it is known, 0 to 1.
        covariance: Multiplies a field by its covariance.
        nugget: Variance of each known value besides; broadcasts to the field.
        steps: Of conjugate gradients.
    """
    weights = conjugate_gradients(lambda z: known * covariance(known * z) + nugget * z, residual, steps)
    return covariance(known * weights)


def conjugate_gradients(matrix: Callable[[Tensor], Tensor], wanted: Tensor, steps: int) -> Tensor:
    """Solves matrix(z) = wanted in so many steps, for each picture, channel and frame for itself, and waits for nothing.

    Args:
        matrix: Symmetric and positive.
        wanted: (B, C, ..., H, W) or (B, C, W).
    """
    dims = grid_of(wanted)
    z, rest, way = torch.zeros_like(wanted), wanted, wanted
    energy = rest.square().sum(dims, keepdim=True)
    for _ in range(steps):
        slope = matrix(way)
        length = energy / (way * slope).sum(dims, keepdim=True).clamp(min=TINY)
        z, rest = z + length * way, rest - length * slope
        before, energy = energy, rest.square().sum(dims, keepdim=True)
        way = rest + energy / before.clamp(min=TINY) * way
    return z


def correlated(noise: Tensor, like: Tensor) -> Tensor:
    """White noise whose channels are correlated as those of `like` are; each keeps its variance.

    Args:
        noise: (B, C, ...).
        like: (B, C, ...), of mean 0.
    """
    flat = like.flatten(2)
    flat = flat / flat.square().sum(2, keepdim=True).sqrt().clamp(min=TINY)
    return (root(flat @ flat.mT) @ noise.flatten(2)).view_as(noise)


def root(matrix: Tensor) -> Tensor:
    """Lower triangular, times its transpose the matrix with 1 on its diagonal; (B, C, C). torch's own waits for a GPU."""
    rest = 0.99 * matrix + 0.01 * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    columns = []
    for c in range(matrix.shape[-1]):
        column = rest[..., c] / rest[..., c, c, None].clamp(min=1e-6).sqrt()
        columns.append(column)
        rest = rest - column[..., :, None] * column[..., None, :]
    lower = torch.stack(columns, -1)
    return lower / lower.norm(dim=-1, keepdim=True)


def friendly(length: int) -> int:
    """The least length of at least this that Fourier transforms are fast on.

    >>> [friendly(length) for length in (1, 31, 127, 129)]
    [1, 32, 128, 135]
    """
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
