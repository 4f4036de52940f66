import itertools
import math

import pytest
import torch
from mask_guidance.sampler import (
    BETAS,
    SKIP_TYPES,
    Ladder,
    alphas_cumprod,
    named_betas,
    parse_respacing,
    respaced_timesteps,
    sigmas,
)

TOTALS = (1, 2, 7, 50, 100, 999, 1000, 4000)


def counts_of(total: int) -> list[int]:
    return sorted({min(max(c, 1), total) for c in (1, 2, 3, 10, 25, 50, 100, 250, 333, 700, total - 1, total)})


def original_leading(total: int, count: int) -> list[int] | None:
    """guided-diffusion's rule for "ddimN", restated: the first whole stride that gives exactly `count` steps."""
    for stride in range(1, total + 1):
        if len(range(0, total, stride)) == count:
            return list(range(0, total, stride))[::-1]
    return None


@pytest.mark.parametrize("skip_type", ["uniform", "trailing", "quad"])
@pytest.mark.parametrize("total", TOTALS)
def test_timesteps_are_exactly_as_many_as_asked_for_strictly_falling_and_start_at_the_noisiest(skip_type, total):
    for count in counts_of(total):
        kept = respaced_timesteps(total, skip_type, count)
        assert len(kept) == count
        assert all(after < before for before, after in itertools.pairwise(kept))
        assert kept[0] == total - 1
        assert kept[-1] >= 0


@pytest.mark.parametrize("skip_type", ["uniform", "quad"])
@pytest.mark.parametrize("total", TOTALS[1:])
def test_uniform_and_quad_timesteps_end_at_the_cleanest(skip_type, total):
    for count in counts_of(total):
        if count > 1:
            assert respaced_timesteps(total, skip_type, count)[-1] == 0


def test_timesteps_hold_for_every_count_of_a_short_schedule():
    for skip_type in ("uniform", "trailing", "quad"):
        for total in range(1, 61):
            for count in range(1, total + 1):
                kept = respaced_timesteps(total, skip_type, count)
                assert len(kept) == len(set(kept)) == count
                assert kept == sorted(kept, reverse=True)
                assert (kept[0], kept[-1] >= 0) == (total - 1, True)


def test_uniform_timesteps_are_evenly_spread():
    # 1000 steps, 250 kept: strides of 999 / 249 = 4.01, so 4 or 5 after rounding
    kept = respaced_timesteps(1000, "uniform", 250)
    assert {a - b for a, b in itertools.pairwise(kept)} == {4, 5}


def test_trailing_timesteps_are_those_of_the_papers_example():
    # Lin et al. 2023, table 2: T = 1000, S = 10 gives 1, 100, ... in the one-based count of "linspace", 100, 200, ... here
    assert respaced_timesteps(1000, "trailing", 10) == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]


def test_quad_timesteps_are_denser_near_the_picture():
    kept = respaced_timesteps(1000, "quad", 10)
    strides = [a - b for a, b in itertools.pairwise(kept)]
    assert strides == sorted(strides, reverse=True)
    # 999 * (i / 9)^2, rounded
    assert kept == [999, 789, 604, 444, 308, 197, 111, 49, 12, 0]


def test_quad_timesteps_stay_unique_where_the_rounded_squares_repeat():
    kept = respaced_timesteps(100, "quad", 50)
    assert len({round(99 * (i / 49) ** 2) for i in range(50)}) < 50  # the trap
    assert len(set(kept)) == 50


def test_none_keeps_every_timestep_and_ignores_the_count():
    assert respaced_timesteps(5, "none", 3) == [4, 3, 2, 1, 0]
    assert respaced_timesteps(5, "none", 10**6) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("total", [1, 2, 7, 50, 100, 999, 1000])
def test_leading_timesteps_are_the_originals_or_an_error_that_names_the_nearest_possible(total):
    possible = {len(range(0, total, stride)) for stride in range(1, total + 1)}
    for count in range(1, total + 1):
        expected = original_leading(total, count)
        if expected is not None:
            assert respaced_timesteps(total, "leading", count) == expected
            continue
        below = max(c for c in possible if c < count)
        above = min(c for c in possible if c > count)
        with pytest.raises(
            ValueError, match=rf"exactly {count} of {total} .* nearest possible are {below} and {above}\."
        ):
            respaced_timesteps(total, "leading", count)


@pytest.mark.parametrize(("count", "nearest"), [(0, 1), (-3, 1), (1001, 1000)])
@pytest.mark.parametrize("skip_type", ["uniform", "leading", "trailing", "quad"])
def test_impossible_counts_are_refused_with_the_nearest_possible(skip_type, count, nearest):
    with pytest.raises(ValueError, match=rf"skip_steps is {count}, .* nearest possible is {nearest}\."):
        respaced_timesteps(1000, skip_type, count)


def test_unknown_skip_type_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=f"'cubic'.*{', '.join(SKIP_TYPES)}"):
        respaced_timesteps(1000, "cubic", 10)


def test_respacing_text_with_a_number_is_uniform():
    assert parse_respacing(1000, " 250 ") == respaced_timesteps(1000, "uniform", 250)


def test_respacing_text_with_ddim_is_leading():
    assert parse_respacing(1000, "ddim50") == respaced_timesteps(1000, "leading", 50)


def test_respacing_sections_share_the_timesteps_evenly():
    # 10 timesteps in three sections: the first takes the extra one, [0-3], [4-6], [7-9]
    assert parse_respacing(10, "2, 3, 1") == [7, 6, 5, 4, 3, 0]


def test_respacing_sections_that_ask_for_too_much_are_refused():
    with pytest.raises(ValueError, match="Section 2 of timestep_respacing holds 3 steps; 4 cannot"):
        parse_respacing(10, "2,4,1")


@pytest.mark.parametrize("text", ["5000", "ddim5000"])
def test_a_respacing_of_more_steps_than_there_are_is_refused_by_its_own_name(text):
    with pytest.raises(ValueError, match=r"^timestep_respacing is 5000, .* nearest possible is 1000\."):
        parse_respacing(1000, text)


@pytest.mark.parametrize("text", ["", "fast", "-5", "0", "10,", "10,0", "2.5", "ddim", "ddim-5", "ddim10,10"])
def test_text_that_is_no_respacing_is_refused(text):
    with pytest.raises(ValueError, match="timestep_respacing is"):
        parse_respacing(1000, text)


def test_ddim_respacing_without_a_whole_stride_is_refused_as_in_the_original():
    with pytest.raises(ValueError, match="nearest possible are 250 and 334"):
        parse_respacing(1000, "ddim300")


@pytest.mark.parametrize("steps", [100, 1000, 4000])
def test_linear_betas_keep_their_total_noise_at_other_lengths(steps):
    # The ends scale with 1 / T, so that the sum of betas, nearly -log(alphas_cumprod), stays (1e-4 + 0.02) / 2 * 1000.
    betas = named_betas("linear", steps)
    torch.testing.assert_close(betas.mean() * steps, torch.tensor(10.05, dtype=torch.float64))
    torch.testing.assert_close(betas[-1] * steps, torch.tensor(20.0, dtype=torch.float64))


def test_quad_betas_are_the_squares_of_a_linear_ramp():
    roots = named_betas("quad", 1000).sqrt()
    torch.testing.assert_close(roots.diff(), torch.full_like(roots[1:], (0.02**0.5 - 1e-4**0.5) / 999))


def test_const_betas_are_all_the_last_linear_one():
    torch.testing.assert_close(named_betas("const", 500), named_betas("linear", 500)[-1:].expand(500))


def test_cosine_share_of_signal_is_the_papers_formula():
    # Nichol & Dhariwal 2021, equation 17: abar_t = f(t) / f(0), as long as no beta is clipped at 0.999.
    share = alphas_cumprod(named_betas("cosine", 1000))
    f = lambda t: math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    expected = torch.tensor([f(t + 1) / f(0) for t in (0, 250, 500, 900)], dtype=torch.float64)
    torch.testing.assert_close(share[[0, 250, 500, 900]], expected)


def test_cosine_betas_are_clipped():
    assert named_betas("cosine", 1000)[-1] == 0.999


@pytest.mark.parametrize("name", BETAS)
def test_betas_are_probabilities_in_float64(name):
    betas = named_betas(name, 1000)
    assert betas.dtype == torch.float64
    assert betas.shape == (1000,)
    assert ((betas > 0) & (betas < 1)).all()


@pytest.mark.parametrize("name", ["linear", "quad", "const"])
@pytest.mark.parametrize("steps", [2, 10, 20])
def test_betas_that_would_reach_one_are_refused(name, steps):
    # 0.02 * 1000 / T reaches 1 at T = 20
    with pytest.raises(ValueError, match=f"'{name}' noise schedule needs more than {steps} steps"):
        named_betas(name, steps)


@pytest.mark.parametrize("name", BETAS)
@pytest.mark.parametrize("steps", [-1, 0])
def test_schedule_without_steps_is_refused(name, steps):
    with pytest.raises(ValueError, match=f"at least 1 step, not {steps}"):
        named_betas(name, steps)


def test_unknown_noise_schedule_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=f"'square'.*{', '.join(BETAS)}"):
        named_betas("square", 1000)


def test_sigma_is_noise_over_signal():
    share = alphas_cumprod(named_betas("linear", 1000))
    ladder = Ladder.from_alphas_cumprod(share, range(999, -1, -1))
    torch.testing.assert_close(sigmas(share), (ladder.noise / ladder.signal)[1:])


def test_ladder_of_kept_timesteps_takes_their_share_of_signal():
    share = torch.tensor([0.9, 0.6, 0.3, 0.1])
    ladder = Ladder.from_alphas_cumprod(share, [3, 1])
    torch.testing.assert_close(ladder.signal**2, torch.tensor([1.0, 0.6, 0.1], dtype=torch.float64), rtol=1e-6, atol=0)
    torch.testing.assert_close(
        ladder.noise**2, torch.tensor([0.0, 0.4, 0.9], dtype=torch.float64), rtol=1e-6, atol=1e-7
    )
    assert ladder.steps == 2
