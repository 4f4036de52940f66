import doctest
import sys
from itertools import pairwise

import pytest
import torch
from closed_forms import count_calls_with_bouts, count_model_calls
from mask_guidance.sampler import Descent, count_calls, count_visits, repeated_levels
from mask_guidance.sampler.methods import method
from mask_guidance.sampler.methods.repaint import EVERYWHERE, repaint_levels


def calls(levels: list[int]) -> int:
    return sum(after < before for before, after in pairwise(levels))


@pytest.mark.parametrize("module", [sys.modules[repaint_levels.__module__], method])
def test_docstring_examples_are_right(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 25, 50])
@pytest.mark.parametrize("jump_length", [1, 2, 5, 10])
@pytest.mark.parametrize("jump_n_sample", [1, 2, 5])
def test_levels_fall_from_the_top_to_zero_one_at_a_time(steps, jump_length, jump_n_sample):
    levels = repaint_levels(steps, jump_length, jump_n_sample)
    assert (levels[0], levels[-1]) == (steps, 0)
    assert {abs(a - b) for a, b in pairwise(levels)} == {1}
    assert min(levels[:-1]) == 1  # the finished picture is never noised again


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 20, 50, 100])
@pytest.mark.parametrize("start_resampling", [0, 1, 4, 5, 10, 11, 49, 100, EVERYWHERE])
def test_closed_form_counts_the_calls_of_the_loop(steps, start_resampling):
    for jump_length in (1, 3, 5, 10, 60):
        for jump_n_sample in (1, 2, 3, 10):
            counted = calls(repaint_levels(steps, jump_length, jump_n_sample, start_resampling))
            assert count_model_calls(steps, jump_length, jump_n_sample, start_resampling) == counted


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # RePaint's official get_schedule_jump at t_T = 250, counted by running it
        ({"jump_length": 10, "jump_n_sample": 10}, 2410),
        ({"jump_length": 10, "jump_n_sample": 10, "start_resampling": 100}, 1150),
    ],
)
def test_number_of_calls_is_the_official_codes(options, expected):
    assert calls(repaint_levels(250, **options)) == expected


@pytest.mark.parametrize("every", [1, 3, 4, 10, 100])
@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 50])
def test_bouts_go_up_and_come_down_at_every_so_many_levels(steps, every):
    for length in (1, 4, 10):
        levels = repaint_levels(steps, length, 3, jumps_every=every)
        assert calls(levels) == count_calls_with_bouts(steps, length, 3, every)
        assert (levels[0], levels[-1]) == (steps, 0)
        assert {abs(a - b) for a, b in pairwise(levels)} == {1}
        feet = [b for a, b, c in zip(levels, levels[1:], levels[2:], strict=False) if a > b < c]
        assert feet == sorted(3 * [foot for foot in range(1, steps + 1, every) if foot + length <= steps], reverse=True)


def test_the_library_with_bouts_takes_half_as_many_calls_again():
    # Its own defaults: a thousand timesteps, r = 5 bouts of j = 10 steps at every hundredth
    assert calls(repaint_levels(1000, 10, 5, jumps_every=100)) == 1500


def test_bouts_keep_below_start_resampling_too():
    levels = repaint_levels(30, 5, 2, start_resampling=12, jumps_every=4)
    assert max(b for a, b in pairwise(levels) if a < b) == 10  # from feet 5 and 1; from 9 it would be 14


def test_an_order_of_absurdly_many_calls_is_refused_before_it_is_made():
    with pytest.raises(ValueError, match=r"jumps_every 1, .* 900,010,000 model calls, more than 1,000,000; raise"):
        repaint_levels(10_000, 1000, 100, jumps_every=1)
    assert calls(repaint_levels(10_000, 1, 100)) == 999_901  # the longest of the paper's


def test_jump_n_sample_one_never_climbs():
    assert repaint_levels(25, 10, 1) == list(range(25, -1, -1))


def test_jump_longer_than_the_chain_never_climbs():
    assert repaint_levels(10, 10, 7) == list(range(10, -1, -1))


def test_jump_at_each_level_samples_it_again():
    # j = 1, r = 3 on 3 levels: twice back up from level 2 and from level 1, never to the top level again
    assert repaint_levels(3, 1, 3) == [3, 2, 3, 2, 3, 2, 1, 2, 1, 2, 1, 0]


def test_no_jump_reaches_above_start_resampling():
    # Levels count from 1 above the finished picture, the official timesteps from 0: jumps end at most one above.
    for start in (0, 1, 7, 20):
        levels = repaint_levels(30, 5, 3, start_resampling=start)
        tops = [b for a, b, c in zip(levels, levels[1:], levels[2:], strict=False) if a < b > c]
        assert max(tops, default=0) <= start + 1


def test_every_level_below_the_first_foot_is_sampled_jump_n_sample_times():
    # Feet at levels 1, 6 and 11; each climbs 5 three times. 17-20 are above every jump.
    assert count_visits(repaint_levels(20, 5, 4)) == {
        **dict.fromkeys(range(1, 2), 1),
        **dict.fromkeys(range(2, 17), 4),
        **dict.fromkeys(range(17, 21), 1),
    }


def test_a_repeat_at_the_same_level_is_a_visit_and_a_climb_is_none():
    assert count_visits([4, 3, 4, 3, 3, 2]) == {4: 2, 3: 2}
    descent = Descent(torch.tensor([0.01, 0.1, 1.0, 10.0, 60.0, 80.0]), largest=80.0)
    assert count_visits(repeated_levels(descent, 4)) == {6: 1, 5: 1, 4: 4, 3: 4, 2: 4, 1: 1}


def test_visits_of_all_levels_are_the_calls():
    for levels in (repaint_levels(50, 10, 5), [4, 3, 3, 3, 2, 2, 1, 0]):
        assert sum(count_visits(levels).values()) == count_calls(levels)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"jump_length": 0}, {"jump_n_sample": 0}])
def test_numbers_below_one_are_refused(bad):
    with pytest.raises(ValueError, match="each must be at least 1"):
        repaint_levels(**{"steps": 10, "jump_length": 2, "jump_n_sample": 2, **bad})
