"""RePaint with feedback: its order of levels, its ideas one by one, and whether what it paints is right."""

import math
from dataclasses import replace

import pytest
import torch
from chains import SeededNoise
from closed_forms import count_repeated
from mask_guidance.sampler import (
    Descent,
    Feedback,
    Ladder,
    Settings,
    feedback,
    karras_sigmas,
    largest_sigma,
    repeated_levels,
)
from mask_guidance.sampler.methods.feedback import fed_back, known_mean, matched, settled, spread, stepped

COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
Y = 1.5
LARGEST = 20.0
MEAN, VARIANCE = 0.8 * Y, 1 - 0.8**2
DEFAULT = Feedback()
PICTURES, PAIRS = 60, 100  # each picture holds so many independent pairs; standard error of a mean: 0.008


def exploding(steps: int, largest: float = LARGEST, smallest: float = 0.01) -> Ladder:
    noise = torch.cat([torch.zeros(1, dtype=torch.float64), karras_sigmas(steps, largest, smallest)])
    return Ladder(torch.ones_like(noise), noise)


def preserving(ladder: Ladder) -> Ladder:
    """The same noise over signal, at unit power."""
    power = (ladder.signal**2 + ladder.noise**2).sqrt()
    return Ladder(ladder.signal / power, ladder.noise / power)


def gaussian(ladder: Ladder, covariance: torch.Tensor):
    """The exact E[x0 | x] of N(0, covariance)."""

    def denoise(x, level):
        s, n = float(ladder.signal[level]), float(ladder.noise[level])
        gain = s * covariance @ torch.linalg.inv(s**2 * covariance + n**2 * torch.eye(len(covariance)))
        return torch.einsum("ij,bjp->bip", gain, x), None

    return denoise


def given(pictures: int) -> torch.Tensor:
    """(pictures, 2, PAIRS): the first value of each pair is Y, the second one to be painted."""
    return torch.tensor([Y, -99.0], dtype=torch.float64).view(1, 2, 1).expand(pictures, 2, PAIRS)


def painted(ladder, repeats=8, rule=DEFAULT, pictures=PICTURES, known=True, seed=1):
    """First and second values of the painted pairs; (pairs, 2)."""
    picture = given(pictures)
    start = float(ladder.noise[-1]) * SeededNoise(seed)(picture)
    chain = feedback(
        gaussian(ladder, COVARIANCE),
        ladder,
        repeated_levels(Descent.on(ladder, LARGEST), repeats),
        start,
        picture,
        torch.tensor([known, False]).view(1, 2, 1),
        SeededNoise(seed + 1),
        rule,
    )
    *_, last = chain
    return last.x.movedim(1, 2).flatten(0, 1)


@pytest.mark.parametrize(
    ("steps", "repeats", "calls"), [(7, 4, 19), (16, 4, 46), (16, 8, 86), (20, 18, 224), (1, 9, 1)]
)
def test_calls_of_the_published_settings(steps, repeats, calls):
    example = exploding(steps, 80, 0.0064)  # the range of the example model
    assert len(repeated_levels(Descent.on(example, 80), repeats)) - 1 == calls


@pytest.mark.parametrize("largest", [2.0, 20.0, 300.0])
@pytest.mark.parametrize("steps", [*range(1, 12), 20, 39])
@pytest.mark.parametrize("repeats", [1, 2, 9])
def test_order_falls_repeats_and_is_counted_in_closed_form(steps, repeats, largest):
    descent = Descent.on(exploding(steps), largest)
    levels = repeated_levels(descent, repeats)
    assert levels[0] == steps and levels[-1] == 0 and levels == sorted(levels, reverse=True)
    assert set(levels) == set(range(steps + 1))
    assert all(levels.count(level) in (1, repeats) for level in levels)
    assert count_repeated(descent.ratios.tolist(), repeats, largest) == len(levels) - 1


def test_repeats_go_by_noise_so_that_a_model_that_starts_lower_begins_them_at_once():
    """Stable Diffusion's sigmas end at 14.6, and noise of 14.6 leaves much of 64 x 64 values in sight."""
    stable = repeated_levels(Descent.on(exploding(16, 14.6, 0.03), largest_sigma((1, 4, 64, 64))), 2)
    assert stable == [16, *(level for level in range(15, 1, -1) for _ in range(2)), 1, 0]


def test_the_coarse_patterns_of_a_larger_picture_are_repeated_from_louder_noise():
    ladder = exploding(16, 160)
    small, large = (repeated_levels(Descent.on(ladder, largest_sigma((1, 3, side, side))), 2) for side in (64, 512))
    assert len(large) > len(small)
    assert all(large.count(level) >= small.count(level) for level in range(17))


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        repeated_levels(Descent(torch.ones(0), LARGEST), 3)


def test_feedback_comes_nearer_to_the_truth_than_its_own_ladder_without():
    plain, fed = (abs(float(painted(exploding(16), rule=Feedback(strength=s))[:, 1].mean()) - MEAN) for s in (0.0, 1.0))
    assert plain > 0.06  # the standard error is 0.008
    assert fed < 0.03


def test_twenty_steps_and_many_repeats_find_the_conditional_distribution():
    drawn = painted(exploding(20), repeats=18)[:, 1]
    assert abs(float(drawn.mean()) - MEAN) < 0.04
    assert abs(float(drawn.var()) - VARIANCE) < 0.05


def test_known_value_is_returned_exactly():
    assert (painted(exploding(7), pictures=1)[:, 0] == Y).all()


def test_both_kinds_of_ladder_paint_the_same():
    ladder = exploding(16)
    other = preserving(ladder)
    torch.testing.assert_close(painted(other, pictures=2), painted(ladder, pictures=2), atol=1e-6, rtol=1e-6)


def test_a_ladder_may_begin_where_nothing_of_the_picture_is_left():
    """Flow models start at signal 0, noise 1."""
    noise = torch.linspace(0, 1, 17, dtype=torch.float64)
    drawn = painted(Ladder(1 - noise, noise), repeats=8)
    assert drawn.isfinite().all()
    assert abs(float(drawn[:, 1].mean()) - MEAN) < 0.25


def test_nothing_known_gives_the_prior():
    drawn = painted(exploding(60), repeats=1, known=False)
    torch.testing.assert_close(drawn.mean(0), torch.zeros(2, dtype=torch.float64), rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(drawn.T), COVARIANCE, rtol=0, atol=0.12)


def test_picture_k_of_a_batch_is_picture_k_alone():
    """Error and energy are measured picture by picture; pictures of other sizes of error must not meddle."""
    ladder = exploding(7)
    pictures = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1)) * torch.tensor([0.1, 1.0, 9.0]).view(
        3, 1, 1, 1
    )
    known = torch.ones(1, 1, 8, 8)
    known[..., 4:] = 0
    noise = [torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(99)]

    def run(rows):
        drawn = iter(noise)
        chain = feedback(
            lambda x, level: (0.7 * x / (1 + float(ladder.noise[level])), None),
            ladder,
            repeated_levels(Descent.on(ladder, LARGEST), 4),
            20 * noise[-1][rows],
            pictures[rows],
            known,
            lambda like: next(drawn)[rows],
        )
        *_, last = chain
        return last.x

    torch.testing.assert_close(run(slice(0, 3))[2:], run(slice(2, 3)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("low", [0.01, 0.03, 0.09])
def test_what_is_settled_adds_no_more_noise_than_the_level_holds(low):
    sigma, many = 0.1, torch.zeros(100_000, dtype=torch.float64)

    def noise_after(error):
        error = settled(torch.tensor(error, dtype=torch.float64), sigma, low, DEFAULT)
        noise = SeededNoise(1)(many)
        return float(stepped(many, many, sigma, low, low, error, noise).var())

    own = low**2 - low**4 / sigma**2  # of the step, were the guess right
    assert noise_after(0.0) == pytest.approx(own, rel=0.02)
    assert noise_after(25.0) == pytest.approx(own + low**2, rel=0.02)


def test_only_the_step_above_the_picture_is_settled():
    ladder, picture = exploding(7), given(1)

    def states(settle):
        rule, known, start = Feedback(settle=settle), torch.tensor([True, False]).view(1, 2, 1), SeededNoise(1)
        chain = feedback(
            lambda x, level: (0.9 * x / (1 + float(ladder.noise[level])), None),
            ladder,
            repeated_levels(Descent.on(ladder, LARGEST), 3),
            20 * start(picture),
            picture,
            known,
            SeededNoise(2),
            rule,
        )
        return [(step.level, step.x) for step in chain]

    changed = [level for (level, a), (_, b) in zip(states(1.0), states(math.inf), strict=True) if not torch.equal(a, b)]
    assert changed == [1, 0]


def test_shift_adds_up_residuals_and_leaks():
    shift = fed_back(torch.tensor([1.0]), torch.tensor([0.5]), Feedback(strength=0.5, leak=0.2))
    torch.testing.assert_close(shift, torch.tensor([0.8 + 0.25]))


@pytest.mark.parametrize("loudness", [0.1, 0.5, 0.89, 3.0])
def test_shift_and_noise_together_have_the_energy_of_the_level(loudness):
    sigma = 2.0
    shift = torch.full((1, 1, 4, 4), loudness * sigma)
    held, share = matched(shift, torch.ones(1, 1, 4, 4), sigma, Feedback())
    energy = float(known_mean(held.square(), torch.ones(1, 1, 4, 4)) + (share * sigma) ** 2)
    assert math.isclose(energy, sigma**2, rel_tol=1e-5)
    assert float(held.max()) <= 0.9 * sigma + 1e-6


def test_without_matching_the_noise_is_whole():
    _, share = matched(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 4, 4), 2.0, Feedback(match_energy=False))
    assert share == 1.0


def test_spread_is_the_mean_square_over_what_is_known():
    known = torch.zeros(1, 1, 4, 8)
    known[..., :4] = 1
    error = torch.full((2, 1, 4, 8), 3.0)
    error[1] = 5.0
    torch.testing.assert_close(spread(known * error, known, Feedback(caution=1)).flatten(), torch.tensor([9.0, 25.0]))
    torch.testing.assert_close(spread(known * error, known, Feedback(caution=2)).flatten(), torch.tensor([18.0, 50.0]))
    assert spread(error, known, Feedback(calibrate=False)) == 0.0


def test_one_known_value_says_something_of_the_error_and_none_nothing():
    known = torch.zeros(1, 1, 8, 8)
    assert float(spread(torch.ones(1, 1, 8, 8), known, Feedback())) == 0.0
    known[0, 0, 0, 0] = 1
    assert float(spread(torch.ones(1, 1, 8, 8), known, Feedback(caution=1))) == 1.0


@pytest.mark.parametrize("reached", [0.1, 0.9, 2.0])
def test_a_step_with_the_true_picture_keeps_the_noise_of_its_level(reached):
    """With x0 known exactly, x_t - x0 is Gaussian of the level's noise, whether the step goes down or repeats."""
    generator = torch.Generator().manual_seed(0)
    x0, n, fresh = (torch.randn(200_000, generator=generator, dtype=torch.float64) for _ in range(3))
    low = min(reached, 1.0)
    x = stepped(x0, n, 2.0, low, reached, 0.0, fresh)
    assert math.isclose(float((x - x0).std()), reached, rel_tol=0.01)
    along = low**2 / 2.0
    assert math.isclose(float(((x - x0) * n).mean()), along, abs_tol=0.02)


def test_the_guesss_error_widens_a_long_step_more_than_a_short_one():
    zero, one = torch.zeros(100_000, dtype=torch.float64), SeededNoise(3)(torch.zeros(100_000, dtype=torch.float64))
    long, short = (stepped(zero, zero, 2.0, reached, reached, 4.0, one).var() for reached in (0.2, 1.9))
    torch.testing.assert_close(float(long), 0.04 - 0.0004 + (1 - 0.01) ** 2 * 4, rtol=0.02, atol=0)
    torch.testing.assert_close(float(short), 3.61 * (1 - 3.61 / 4) + (1 - 3.61 / 4) ** 2 * 4, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    "change",
    [{"leak": 0.0}, {"match_energy": False}, {"calibrate": False}, {"caution": 1.0}, {"dip": 0.9}],
)
def test_each_idea_can_be_switched_by_itself(change):
    changed = painted(exploding(7), repeats=3, rule=replace(Feedback(), **change), pictures=2)
    assert not torch.allclose(changed, painted(exploding(7), repeats=3, pictures=2))


def test_a_chain_that_another_finishes_stops_at_its_last_level_with_noise():
    whole = exploding(16)
    upper = Ladder(whole.signal[6:], whole.noise[6:])
    drawn = painted(upper, repeats=1)
    expected = Y**2 + float(upper.noise[0]) ** 2
    assert math.isclose(float(drawn[:, 0].square().mean()), expected, rel_tol=0.1)


def test_half_precision_does_not_overflow_on_a_large_picture():
    """256x256 known pixels of three channels count more than the largest float16."""
    known = torch.ones(1, 1, 256, 256, dtype=torch.float16)
    error = torch.full((1, 3, 256, 256), 0.5, dtype=torch.float16)
    assert float(known_mean(error, known)) == 0.5


@pytest.mark.parametrize("cut", [1, 5, 8, 15])
def test_a_part_of_a_chain_repeats_what_the_whole_would(cut):
    settings, ladder = Settings(method="feedback", resample_r=8), exploding(16)
    ratios = Descent.on(ladder, LARGEST).ratios
    upper = settings.levels(Descent(ratios[cut:], LARGEST, below=cut))
    lower = settings.levels(Descent(ratios[:cut], LARGEST, above=16 - cut))
    joined = [level + cut for level in upper[:-1]] + lower
    assert joined == settings.levels(Descent(ratios, LARGEST))
