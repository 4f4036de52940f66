"""Feedback with kriging: what the model gets wrong about the known region tells what it gets wrong about the hole.

Method "feedback" knows the error of a guess wherever the picture is known, and takes from it how large errors are. But
errors have a shape too: what is too bright beside the hole is too bright inside, as far as errors reach. One thing is added
here, without a call of the model: the error in the hole that is likeliest, given that of the known region, goes into the
guess. Three functions, each to be switched off in `Kriging`:

1. `Errors.see`: how far errors reach. The residual's autocovariance, taken to be the same everywhere in a picture (a
   stationary field), measured by its power spectrum on a grid padded with zeros, and averaged over calls.
2. `trusted`: autocovariances that may be chance count for less.
3. `expectation`: the error everywhere, given that of the known region.

The last is simple kriging (Krige 1951; Matheron 1963, https://doi.org/10.2113/gsecongeo.58.8.1246), the mean of a Gaussian
process. Measuring the errors of a diffusion model's guesses while it paints, and kriging them into the hole, is our own. Near
it: the variance of analytic-DPM (Bao et al. 2022, https://arxiv.org/abs/2201.06503), LanPaint's guidance of both regions
(https://arxiv.org/abs/2502.03491), DInG's decoupled guidance (https://arxiv.org/abs/2505.18983).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

from ..known import Known
from ..ladder import Ladder
from .feedback import FEEDBACK, Feedback, feedback
from .method import Denoise, Method, Noise, Step, ruled

__all__ = ["KRIGED", "Errors", "Kriging", "kriged"]

Place = tuple[EllipsisType | slice, ...]

TINY = 1e-30  # keeps 0 / 0 at 0
VECTORS = 2  # dimensions of states without a grid: pictures and values


@dataclass(frozen=True)
class Kriging:
    """How errors are measured and carried into the hole.

    Attributes:
        share: Of the error to be expected that is added to the guess, 0 to 1; 0 is feedback.
        most: No pattern of errors is taken for more than so many times as strong as the level's noise (variances).
        doubt: An autocovariance counts half where its square is so many times that of its uncertainty; 0 believes them all.
        memory: What was measured at the level above counts for at most so many calls, times the fall of the noise (variances).
        nugget: Share of a pixel's error that its neighbours know nothing of (variances).
        solves: Steps of conjugate gradients.
    """

    share: float = 1.0
    most: float = 2.0
    doubt: float = 3.0
    memory: float = 16.0
    nugget: float = 0.01
    solves: int = 6


def kriged(
    denoise: Denoise,
    ladder: Ladder,
    levels: Sequence[int],
    x: Tensor,
    x0: Tensor,
    known: Known,
    noise: Noise,
    strength: float = 1.0,
    kriging: Kriging = Kriging(),
) -> Iterator[Step]:
    """The loop of `feedback` with kriged guesses; arguments as there. Vectors, (B, n), have no neighbours: feedback alone.

    Args:
        strength: Of feedback.
        kriging: How errors are carried into the hole.
    """
    expected = Errors(x0, kriging).expected if x0.ndim > VECTORS else None
    return feedback(denoise, ladder, levels, x, x0, known, noise, Feedback(strength), expected)


class Errors:
    """The errors of a model's guesses, measured where the picture is known; of each picture, channel and frame for itself.

    Args:
        like: Gives the shape; (B, C, W), (B, C, H, W) or (B, C, T, H, W).
        rule: How they are measured.
    """

    def __init__(self, like: Tensor, rule: Kriging):
        self.rule = rule
        self.dims = grid_of(like)
        self.grid = [like.shape[dim] for dim in self.dims]
        # twice the side: what leaves on one side must not come in on the other
        self.padded = [friendly(2 * side - 1) for side in self.grid]
        self.calls, self.sigma = 0.0, 0.0
        self.power = torch.zeros((), device=like.device)

    def expected(self, residual: Tensor, weight: Tensor, sigma: float) -> Tensor:
        """The guess's error everywhere, given that of the known region; known less guessed, like `residual`.

        Args:
            residual: Known less guessed, times `weight`.
            weight: How well it is known, 0 to 1; broadcasts to `residual`.
            sigma: Noise over signal at the call.
        """
        exact = residual.to(
            torch.promote_types(residual.dtype, torch.float32)
        )  # half precision has no Fourier transform
        known = weight.to(exact).expand_as(exact)
        self.see(exact, known, sigma)
        power = self.believed(known)
        nugget = self.rule.nugget * self.back(power)[self.origin]
        error = expectation(exact, known, lambda field: self.convolved(field, power), nugget, self.rule.solves)
        return (self.rule.share * error).to(residual)

    def see(self, residual: Tensor, known: Tensor, sigma: float) -> None:
        """Take one more call into the mean spectrum."""
        now = self.forth(residual).abs().square() / self.total(known).clamp(min=TINY)
        if self.calls and sigma != self.sigma:
            self.power = self.power * (
                self.total(now) / self.total(self.power).clamp(min=TINY)
            )  # errors fall with noise
            self.calls = min(self.calls, self.rule.memory * (sigma / self.sigma) ** 2)
        self.calls, self.sigma = self.calls + 1, sigma
        self.power = self.power + (now - self.power) / self.calls

    def believed(self, known: Tensor) -> Tensor:
        """The spectrum to go by."""
        covariance = trusted(self.back(self.power), self.origin, self.total(known) * self.calls, self.rule.doubt)
        return self.forth(covariance).real.clamp(0, self.rule.most * self.sigma**2)

    def convolved(self, field: Tensor, power: Tensor) -> Tensor:
        return self.back(self.forth(field) * power)[self.inside]

    def forth(self, field: Tensor) -> Tensor:
        return torch.fft.rfftn(field, self.padded, self.dims)

    def back(self, spectrum: Tensor) -> Tensor:
        return torch.fft.irfftn(spectrum, self.padded, self.dims)

    def total(self, field: Tensor) -> Tensor:
        return field.sum(self.dims, keepdim=True)

    @property
    def origin(self) -> Place:
        """Where an autocovariance is the variance."""
        return (..., *(slice(1) for _ in self.grid))

    @property
    def inside(self) -> Place:
        """The picture in its padding."""
        return (..., *(slice(side) for side in self.grid))


def trusted(covariance: Tensor, origin: Place, count: Tensor, doubt: float) -> Tensor:
    """Autocovariances, those that may be chance made smaller.

    Args:
        covariance: By distance.
        origin: Where it is the variance.
        count: Of values measured; the uncertainty of an autocovariance is about the variance over the root of it.
        doubt: See `Kriging`.
    """
    power, uncertainty = covariance.square(), covariance[origin].square() / count.clamp(min=1)
    return covariance * power / (power + doubt * uncertainty).clamp(min=TINY)


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


def grid_of(field: Tensor) -> tuple[int, ...]:
    """Dimensions over which a field is taken to be stationary: height and width, not frames."""
    return tuple(range(max(VECTORS, field.ndim - 2), field.ndim))


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


KRIGED = Method(
    name="kriged",
    words="feedback, and the error that the known part shows is carried on into the hole (kriging); better seams for the same "
    "model calls",
    uses=FEEDBACK.uses,
    levels=FEEDBACK.levels,
    run=ruled(kriged, lambda settings: settings.feedback),
    dip=FEEDBACK.dip,
    alike=FEEDBACK.alike,
)
