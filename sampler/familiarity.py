"""Does a model know this kind of picture? Its error on what is there, beside its error on pictures of its own.

A picture gets a little noise, and the model guesses it back. Two things are asked of the guess:

1. How large its error is, over what the same error is on pictures that the model painted from nothing: `times_usual`.
   A detailed picture of the model's own kind is harder than a plain one, too.
2. How large its error is, over what the model itself expects: `surprise`. A denoiser that is a posterior mean has at
   noise s the mean squared error s^2 tr(dD/dx)/d (Tweedie's formula, second order; e.g. Efron 2011), and one more call,
   with the noise pushed a little, measures the trace (Hutchinson 1989). On pictures of its own kind it is right, about 1.

A stranger is what shows in both. Measured in tests/benchmarks/familiar.py.

Of several fills of one hole the model believes some more than others: the error of its guess of the whole picture, at more
noise, tells them apart (tests/benchmarks/keep_best.py; the residual of the known part during the run does not).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BELIEF", "NOISE", "STRANGER", "Errors", "Familiarity", "errors", "guess_error"]

NOISE = 0.1  # over signal: what is asked for is texture and edges, which tell kinds of pictures apart
BELIEF = (0.3, 1.0)  # the same for fills to be compared: what fits together shows in more noise
PUSH = 0.01  # of the noise
# A picture is of another kind if the model is surprised, and so much so for the error's size; chosen on the example model and
# a small latent one. Either alone is wrong now and then: a detailed picture is hard, a plain one a small surprise.
SURPRISED, STRANGE = 1.25, 3.5
STRANGER = (
    "This model was trained on another kind of picture: its error on what is there is {:g} times its usual. Take a model "
    "of this kind of picture, or expect fills in the model's own style."
)
LEAST_KNOWN = 0.02  # of a picture; on less, an error is no measure


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of guesses, picture by picture; (B,).

    Attributes:
        measured: Of the guess.
        expected: By the model itself.
    """

    measured: Tensor
    expected: Tensor


@dataclass(frozen=True)
class Familiarity:
    """Of one batch, the strangest picture's.

    Attributes:
        times_usual: Error over the model's usual one.
        surprise: Error over what the model expected.
    """

    times_usual: float
    surprise: float

    @classmethod
    def of(cls, picture: Errors, own: Errors) -> "Familiarity":
        times = picture.measured / own.measured.mean()
        strangest = int(times.nan_to_num(nan=-torch.inf).argmax())
        expected = float(picture.expected[strangest])
        return cls(float(times[strangest]), float(picture.measured[strangest]) / expected if expected > 0 else 1.0)

    @property
    def strange(self) -> bool:
        return self.surprise > SURPRISED and self.times_usual * self.surprise > STRANGE

    @property
    def words(self) -> str:
        if self.strange:
            return STRANGER.format(round(self.times_usual, 1))
        return f"the model knows this kind of picture: its error on what is there is {self.times_usual:.1f} times its usual"


def errors(
    denoise: Callable[[Tensor], Tensor],
    picture: Tensor,
    known: Tensor,
    signal: float,
    noise: float,
    draw: Callable[[Tensor], Tensor],
) -> Errors:
    """What a model makes of pictures with a little noise, in two calls.

    Args:
        denoise: From the noisy picture to the guess.
        picture: Clean and whole; (B, C, ...).
        known: 1 where errors count; broadcastable to `picture`.
        signal: Amplitude of the picture in what is denoised.
        noise: Amplitude of the noise.
        draw: Standard normal noise, like what it is given.
    """
    noisy = noised(picture, signal, noise, draw)
    push = torch.sign(draw(picture))
    guess = denoise(noisy)
    pushed = denoise(noisy + PUSH * noise * push)
    along = (pushed - guess) * push / (PUSH * noise / signal)
    return Errors(mean_over(known, (guess - picture).square()), (noise / signal) ** 2 * mean_over(known, along))


def guess_error(
    denoise: Callable[[Tensor], Tensor],
    picture: Tensor,
    signal: float,
    noise: float,
    draw: Callable[[Tensor], Tensor],
) -> Tensor:
    """Mean squared error of the guess of whole pictures, in one call; (B,). Arguments as for `errors`."""
    return (denoise(noised(picture, signal, noise, draw)) - picture).square().flatten(1).mean(1)


def noised(picture: Tensor, signal: float, noise: float, draw: Callable[[Tensor], Tensor]) -> Tensor:
    return signal * picture + noise * draw(picture)


def mean_over(known: Tensor, values: Tensor) -> Tensor:
    """By picture; NaN where hardly anything is known."""
    weight = known.to(values).expand_as(values).flatten(1)
    share = weight.mean(1)
    mean = (weight * values.flatten(1)).mean(1) / share
    return torch.where(share >= LEAST_KNOWN, mean, torch.nan)
