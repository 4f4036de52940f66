"""Feedback with kriging: what the model gets wrong about the known region tells what it gets wrong about the hole.

Method "feedback" knows the error of a guess wherever the picture is known, and takes from it how large errors are. But
errors have a shape too: what is too bright beside the hole is too bright inside, as far as errors reach. And the hole itself
answers: where the model is unsure, its guess follows the noise that the last step added. Four things are added here, without
a call of the model, each a function and each to be switched off in `Kriging`:

1. `Errors.expected`: the error in the hole that is likeliest, given that of the known region, goes into the guess (simple
   kriging; Krige 1951; Matheron 1963, https://doi.org/10.2113/gsecongeo.58.8.1246). How far errors reach is measured: the
   residual's autocovariance, taken to be the same everywhere in a picture, averaged over calls.
2. `Errors.drawn`: what stays open is drawn with that covariance, not as white noise (Matheron's conditional simulation).
3. `Errors.gain`: the residual is fed back as strongly as the model's answer to it, known from the same covariance, lets it
   (steepest descent, where feedback takes steps of 1, Landweber's).
4. `Opening`: how wrong the guess of the hole is, from how it followed the noise (Stein 1981,
   https://doi.org/10.1214/aos/1176345632; for denoisers Ramani et al. 2008, https://doi.org/10.1109/TIP.2008.2001404).
   Where few answers are left to choose from, the known region's error says nothing about that.

2 and 3 take errors for a Gaussian field, and so does feedback where it adds them to a step as noise. Those of a trained network
are none once edges show, which their kurtosis tells: then all three give way (`Errors.trust`). In flat parts, where there is
no error, that noise would be grain.

Measuring the errors of a diffusion model's guesses while it paints, and kriging them into the hole, is our own. Near it: the
variance of analytic-DPM (Bao et al. 2022, https://arxiv.org/abs/2201.06503), LanPaint's guidance of both regions
(https://arxiv.org/abs/2502.03491), DInG's decoupled guidance (https://arxiv.org/abs/2512.18365).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..fields import TINY, VECTORS, Grid, bridged, correlated, expectation, measured_on, trusted
from ..known import Known, known_at, pasted
from ..ladder import Ladder
from .feedback import FEEDBACK, Feedback, added, fed_back, feedback, known_mean, matched, settled, spread, stepped
from .method import Denoise, Method, Noise, Step, ended, ruled

__all__ = ["KRIGED", "Errors", "Kriging", "Opening", "kriged"]

RATIOS = 0.5, 4.0  # in which the error of the hole is believed to lie next to that of the known region, for a draw


@dataclass(frozen=True)
class Kriging:
    """How errors are measured, and what is made of them.

    Attributes:
        share: Of the error to be expected that is added to the guess, 0 to 1.
        draw: What stays open is drawn with the errors' covariance where the noise is below this share of the chain's first; 0
            draws it white. Above, errors are the whole picture, and its layout is no stationary field.
        gain: The residual is fed back at most so many times; 1 is feedback's.
        careful: Of the strongest gain that would not overshoot.
        opening: The hole's own answer tells the variance of each step.
        prior: The known region's error counts for so many calls of that.
        kept: Of what it told at one level that is believed at the next.
        gaussian: Kurtosis up to which errors are taken for a Gaussian field, and from which on they are not; large numbers
            take them for one always.
        most: No pattern of errors is taken for more than so many times as strong as the level's noise (variances).
        doubt: An autocovariance counts half where its square is so many times that of its uncertainty; 0 believes them all.
        memory: What was measured at the level above counts for at most so many calls, times the fall of the noise (variances).
        nugget: Share of a pixel's error that its neighbours know nothing of (variances).
        solves: Steps of conjugate gradients.
    """

    share: float = 1.0
    draw: float = 0.065
    gain: float = 16.0
    careful: float = 0.6
    opening: bool = True
    prior: float = 2.0
    kept: float = 0.5
    gaussian: tuple[float, float] = (3.2, 3.6)
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
    """The loop of `feedback` with kriging; arguments as there. Vectors, (B, n), have no neighbours: feedback alone.

    Args:
        strength: Of feedback.
        kriging: What is measured, and what is made of it.
    """
    rule = Feedback(strength)
    if x0.ndim <= VECTORS:
        yield from feedback(denoise, ladder, levels, x, x0, known, noise, rule)
        return
    shift, errors, opening = torch.zeros_like(x0), Errors(x0, kriging), Opening(x0, rule, kriging)
    ratios = (ladder.noise / ladder.signal)[list(levels)]
    quiet = kriging.draw * float(ratios[ratios.isfinite()].max())
    for call, (level, target) in enumerate(pairwise(levels), start=1):
        weight = known_at(known, level, x)
        (signal, amplitude), sigma = ladder.amplitudes[level], ladder.ratios[level]
        shift, share = matched(shift, weight, sigma, rule)
        x = pasted(weight, x0 + shift, x, ladder, level, noise(x), share)
        predicted, _ = denoise(x, level)
        residual = weight * (x0 - predicted)
        errors.see(residual, weight, sigma)
        shift = fed_back(shift, errors.gain(residual), rule)

        if ladder.ratios[target] == 0:
            x = predicted
        else:
            reached = ladder.ratios[target]
            low = reached if level != target else rule.dip * sigma
            error: Tensor | float = errors.trust.to(predicted) * opening.see(predicted, residual, weight, sigma)
            if target == 1 and ladder.ratios[0] == 0:
                error = settled(error, sigma, low, rule)
                guess = predicted + errors.expected(residual)
            elif sigma <= quiet:
                guess, error = predicted + errors.drawn(residual, opening.ratio, noise), 0.0
            else:
                guess = predicted + errors.expected(residual)
            direction = (x - signal * guess) / amplitude
            fresh = noise(x)
            x = stepped(guess, direction, sigma, low, reached, error, fresh)
            opening.fresh = added(sigma, low, reached, error) * fresh
            x = ladder.amplitudes[target][0] * x
            shift = shift * (reached / sigma) ** rule.fade
        if call == len(levels) - 1:
            x = ended(weight, x0, x, ladder, target, noise)
        yield Step(call, len(levels) - 1, target, x, predicted, weight, x0)


class Errors:
    """The errors of a model's guesses, measured where the picture is known; of each picture, channel and frame for itself.

    Args:
        like: Gives the shape.
        rule: How they are measured.
    """

    def __init__(self, like: Tensor, rule: Kriging):
        self.rule, self.grid = rule, Grid(like)
        self.calls, self.sigma = 0.0, 0.0
        self.power = self.kurtosis = torch.zeros((), device=measured_on(like.device))

    def see(self, residual: Tensor, weight: Tensor, sigma: float) -> None:
        """Take one more call into the mean spectrum and kurtosis.

        Args:
            residual: Known less guessed, times `weight`.
            weight: How well it is known, 0 to 1; broadcasts to `residual`.
            sigma: Noise over signal at the call.
        """
        residual, total = exact(residual), self.grid.total
        self.known = weight.to(residual).expand_as(residual)
        count = total(self.known)
        power = self.grid.forth(residual).abs().square() / count.clamp(min=TINY)
        variance = total(residual.square()) / count.clamp(min=TINY)
        kurtosis = total(residual.square().square()) / (count * variance.square()).clamp(min=TINY)
        if self.calls and sigma != self.sigma:  # errors fall with noise
            self.power = self.power * (total(power) / total(self.power).clamp(min=TINY))
            self.calls = min(self.calls, self.rule.memory * (sigma / self.sigma) ** 2)
        self.calls, self.sigma = self.calls + 1, sigma
        self.power = self.power + (power - self.power) / self.calls
        self.kurtosis = self.kurtosis + (kurtosis - self.kurtosis) / self.calls
        self.spectrum = self.believed(count)

    def believed(self, count: Tensor) -> Tensor:
        """The spectrum to go by, where so many values are known."""
        pairs = self.grid.back(self.grid.forth(self.known).abs().square() / count.clamp(min=TINY))
        covariance = bridged(self.grid.back(self.power), pairs, self.grid.origin, self.grid.dims)
        covariance = trusted(covariance, self.grid.origin, count * self.calls, self.rule.doubt)
        return self.grid.forth(covariance).real.clamp(0, self.rule.most * self.sigma**2)

    @property
    def trust(self) -> Tensor:
        """Whether errors are a Gaussian field, 0 to 1; (B, 1, ...)."""
        still, none = self.rule.gaussian
        dims = tuple(range(1, self.kurtosis.ndim))
        return ((none - self.kurtosis.mean(dims, keepdim=True)) / (none - still)).clamp(0, 1)

    def gain(self, residual: Tensor) -> Tensor:
        """The residual, as strongly as it is to be fed back.

        Where s is added to the known region, the guess follows by P s / sigma^2, P being the covariance of its errors.
        """
        if self.rule.gain == 1:
            return residual
        asked, dims = exact(residual), tuple(range(1, residual.ndim))
        answer = self.known * self.grid.convolved(asked, self.spectrum) / self.sigma**2
        most = asked.square().sum(dims, keepdim=True) / (asked * answer).sum(dims, keepdim=True).clamp(min=TINY)
        gain = (self.rule.careful * most).clamp(1, self.rule.gain)
        return ((1 + self.trust * (gain - 1)) * asked).to(residual)

    def expected(self, residual: Tensor) -> Tensor:
        """The guess's error everywhere, given that of the known region; known less guessed, like `residual`."""
        return (self.rule.share * self.kriged(exact(residual))).to(residual)

    def drawn(self, residual: Tensor, ratio: Tensor, noise: Noise) -> Tensor:
        """The same, and as far as that is trusted a draw of what stays open; `ratio` of its variance is found in the hole."""
        asked = exact(residual)
        white = correlated(noise(self.grid.canvas(asked)), asked)
        loudness = self.trust * ratio.to(asked).clamp(*RATIOS)
        field = loudness.sqrt() * self.grid.drawn(white, self.spectrum)
        return (field + self.rule.share * self.kriged(asked - self.known * field)).to(residual)

    def kriged(self, residual: Tensor) -> Tensor:
        nugget = self.rule.nugget * self.grid.back(self.spectrum)[self.grid.origin]
        return expectation(
            residual, self.known, lambda field: self.grid.convolved(field, self.spectrum), nugget, self.rule.solves
        )


class Opening:
    """How wrong the guess of the hole is, next to that of the known region; of each picture for itself.

    A guess D of the noise x that holds fresh noise n follows it by the derivative of D, and the variance of what D guesses is
    sigma^2 times that (Stein). One call tells it roughly, so the calls of a level are taken together, with a prior.

    Attributes:
        fresh: Noise that the last step added, in the picture's units; from the loop.
        ratio: Mean squared error in the hole, next to that in the known region.
    """

    def __init__(self, like: Tensor, rule: Feedback, kriging: Kriging):
        self.rule, self.kriging = rule, kriging
        self.fresh: Tensor | None = None
        self.before: Tensor | None = None
        self.ratio = torch.full((), rule.caution, device=measured_on(like.device))
        self.told = self.asked = torch.zeros_like(self.ratio)
        self.sigma = 0.0

    def see(self, predicted: Tensor, residual: Tensor, weight: Tensor, sigma: float) -> Tensor | float:
        """Take one more guess; the mean squared error of the hole, (B, 1, ...)."""
        if not self.kriging.opening:
            return spread(residual, weight, self.rule)
        guess, seen = exact(predicted), known_mean(exact(residual).square(), exact(weight))
        if sigma != self.sigma:
            self.sigma, self.told, self.asked = sigma, torch.zeros_like(seen), torch.zeros_like(seen)
            self.believed = self.kriging.kept * self.ratio + (1 - self.kriging.kept) * self.rule.caution
        if self.fresh is not None and self.before is not None:
            self.told = self.told + sigma**2 * followed(guess - self.before, exact(self.fresh), 1 - exact(weight))
            self.asked = self.asked + seen
        self.before = guess
        prior = self.kriging.prior * seen
        told, asked = self.told + self.believed * prior, self.asked + prior
        self.ratio = (told / asked.clamp(min=TINY)).clamp(min=0)
        return (self.ratio * seen).clamp(max=sigma**2).to(predicted)


def followed(change: Tensor, noise: Tensor, where: Tensor) -> Tensor:
    """How far a change goes along with the noise that caused it, 0 to 1 or so, picture by picture; (B, 1, ...)."""
    return known_mean(noise * change, where) / known_mean(noise.square(), where).clamp(min=TINY)


def exact(field: Tensor) -> Tensor:
    """Half precision has no Fourier transform, and its squares run over; some devices have none at all."""
    return field.to(measured_on(field.device), torch.promote_types(field.dtype, torch.float32))


KRIGED = Method(
    name="kriged",
    words="feedback, and the error that the known part shows is carried on into the hole (kriging); better seams and less "
    "grain for the same model calls",
    uses=FEEDBACK.uses,
    levels=FEEDBACK.levels,
    run=ruled(kriged, lambda settings: settings.feedback),
    dip=FEEDBACK.dip,
    alike=FEEDBACK.alike,
)
