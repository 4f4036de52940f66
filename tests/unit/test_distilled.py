"""The method for distilled models: its order of levels, and whether what it paints is right.

A Gaussian's perfectly distilled model is closed form: the probability-flow ODE is linear there, and ends at
C^1/2 (C + s^2)^-1/2 x.
"""

import doctest
import sys
from itertools import pairwise

import pytest
import torch
from chains import SeededNoise
from mask_guidance.sampler import Descent, Ladder, Settings, distilled, every_level_repeated
from mask_guidance.sampler.methods import METHODS

Y, CORRELATION = 1.5, 0.8
MEAN, VARIANCE = CORRELATION * Y, 1 - CORRELATION**2
COVARIANCE = torch.tensor([[1.0, CORRELATION], [CORRELATION, 1.0]], dtype=torch.float64)
LEVELS = (0.0, 0.69, 1.6, 4.1, 14.6)  # Stable Diffusion at the timesteps 249, 499, 749 and 999
PICTURES, PAIRS = 60, 100  # each picture holds so many independent pairs; standard error of a mean: 0.008


def exploding(levels=LEVELS) -> Ladder:
    noise = torch.tensor(levels, dtype=torch.float64)
    return Ladder(torch.ones_like(noise), noise)


def flow(levels=LEVELS) -> Ladder:
    """The same noise over signal, as flow models have it."""
    noise = torch.tensor(levels, dtype=torch.float64)
    return Ladder(1 / (1 + noise), noise / (1 + noise))


def student(ladder: Ladder):
    """The perfectly distilled model of N(0, COVARIANCE)."""
    variances, patterns = torch.linalg.eigh(COVARIANCE)

    def denoise(x, level):
        s, n = float(ladder.signal[level]), float(ladder.noise[level])
        gain = patterns @ torch.diag((variances / (s**2 * variances + n**2)).sqrt()) @ patterns.T
        return torch.einsum("ij,bjp->bip", gain, x), None

    return denoise


def painted(ladder: Ladder, repeats: int = 2, pictures: int = PICTURES, known: bool = True, **options):
    """First and second values of the painted pairs; (pairs, 2)."""
    picture = torch.tensor([Y, -99.0], dtype=torch.float64).view(1, 2, 1).expand(pictures, 2, PAIRS)
    *_, last = distilled(
        student(ladder),
        ladder,
        every_level_repeated(ladder.steps, repeats),
        float(ladder.noise[-1]) * SeededNoise(1)(picture),
        picture,
        torch.tensor([known, False]).view(1, 2, 1),
        SeededNoise(2),
        **options,
    )
    return last.x.movedim(1, 2).flatten(0, 1)


def off(drawn: torch.Tensor) -> tuple[float, float]:
    """How far mean and variance of the second values are from the truth."""
    return abs(float(drawn[:, 1].mean()) - MEAN), abs(float(drawn[:, 1].var()) - VARIANCE)


def test_docstring_example_is_right():
    assert doctest.testmod(sys.modules[distilled.__module__]).failed == 0


@pytest.mark.parametrize(("steps", "repeats"), [(1, 1), (4, 2), (8, 1), (8, 3)])
def test_every_level_is_visited_equally_often(steps, repeats):
    levels = every_level_repeated(steps, repeats)
    assert levels == sorted(levels, reverse=True) and (levels[0], levels[-1]) == (steps, 0)
    assert all(levels.count(level) == repeats for level in range(1, steps + 1))


def test_a_level_that_shows_nothing_of_the_picture_is_visited_once():
    settings, seen = Settings(method="distilled", resample_r=3), torch.tensor([0.3, 1.0])
    assert settings.levels(Descent(seen, 80.0)) == [2, 2, 2, 1, 1, 1, 0]
    blind = torch.cat([seen, torch.tensor([torch.inf])])
    assert settings.levels(Descent(blind, 80.0)) == [3, 2, 2, 2, 1, 1, 1, 0]


def test_without_a_known_region_it_draws_what_the_model_draws():
    """Consistency sampling: a draw of the data, whatever the number of levels."""
    drawn = painted(exploding(), known=False)
    torch.testing.assert_close(drawn.T.cov(), COVARIANCE, atol=0.06, rtol=0)


def test_feedback_comes_nearer_to_the_truth_than_as_many_calls_without():
    (plain, wide), (fed, narrow) = (off(painted(exploding(), strength=strength)) for strength in (0.0, 2.0))
    assert plain > 0.5 and wide > 0.38  # the standard error of the mean is 0.008
    assert fed < 0.25 and narrow < 0.13


def test_repeats_without_feedback_do_not_find_the_conditional_distribution_and_with_it_nearly():
    (plain, wide), (fed, narrow) = (off(painted(exploding(), 8, strength=strength)) for strength in (0.0, 2.0))
    assert plain > 0.28 and wide > 0.28
    assert fed < 0.14 and narrow < 0.1


def test_lower_levels_bring_it_nearer_still():
    """The last step is one guess, and cannot be finer than the lowest level."""
    lower = exploding((0.0, 0.15, 0.35, *LEVELS[1:]))
    fed, narrow = off(painted(lower, 8))
    assert fed < 0.05 and narrow < 0.04


def test_known_value_is_returned_exactly():
    assert (painted(exploding(), pictures=1)[:, 0] == Y).all()


def test_both_kinds_of_ladder_paint_the_same():
    torch.testing.assert_close(painted(flow(), pictures=2), painted(exploding(), pictures=2), atol=1e-6, rtol=1e-6)


def test_a_ladder_may_begin_where_nothing_of_the_picture_is_left():
    """Flow models start at signal 0, noise 1: schnell at 1, 3/4, 1/2 and 1/4."""
    noise = torch.linspace(0, 1, 5, dtype=torch.float64)
    assert off(painted(Ladder(1 - noise, noise)))[0] < 0.3


def test_the_known_region_has_one_noise_throughout():
    """So that what is fed back has one answer to find."""
    ladder, seen = exploding(), []

    def certain(x, level):
        seen.append((x[:, :1] - Y) / float(ladder.noise[level]))
        return torch.full_like(x, Y), None

    picture = torch.full((1, 2, PAIRS), Y, dtype=torch.float64)
    known = torch.tensor([True, False]).view(1, 2, 1)
    for step in distilled(certain, ladder, every_level_repeated(4, 2), picture, picture, known, SeededNoise()):
        last = step
    assert last.call == len(seen) == 8
    assert all(torch.allclose(before, after) for before, after in pairwise(seen))
    assert abs(float(seen[0].std()) - 1) < 0.3


def test_the_setting_scales_what_is_fed_back():
    ladder, picture = exploding(), torch.full((1, 2, 4), Y, dtype=torch.float64)
    known = torch.tensor([True, False]).view(1, 2, 1)

    def drawn(strength: float) -> torch.Tensor:
        settings = Settings(method="distilled", feedback=strength)
        method, order = METHODS["distilled"], every_level_repeated(4, 2)
        *_, last = method.run(settings, student(ladder), ladder, order, picture, picture, known, SeededNoise(4))
        return last.x

    def directly(strength: float) -> torch.Tensor:
        *_, last = distilled(
            student(ladder), ladder, every_level_repeated(4, 2), picture, picture, known, SeededNoise(4), strength
        )
        return last.x

    torch.testing.assert_close(drawn(1.0), directly(2.0))
    torch.testing.assert_close(drawn(0.5), directly(1.0))
    assert not torch.equal(drawn(1.0), drawn(0.5))
