"""The share of cfg that a call follows, level by level."""

import pytest
import torch
from chains import flow_ladder, ve_ladder, vp_ladder
from mask_guidance.sampler import (
    CFG_REPEATS,
    METHODS,
    Descent,
    most_visits,
    repaint_levels,
    repeated_levels,
    visits_by_level,
)

STEPS = 16
ONCE, EIGHT = [1] * (STEPS + 1), [8] * (STEPS + 1)


@pytest.mark.parametrize("most", [8, 5])
def test_together_the_visits_of_a_level_follow_cfg_once(most):
    assert CFG_REPEATS["shared"](ve_ladder(STEPS), [most] * (STEPS + 1), 0.0) == [pytest.approx(1 / most)] * (STEPS + 1)


@pytest.mark.parametrize("faded", [0.25, 1.0])
def test_guidance_fades_to_half_at_a_noise(faded):
    ladder = ve_ladder(STEPS)
    shares = CFG_REPEATS["shared"](ladder, EIGHT, faded)
    assert 8 * shares[-1] == pytest.approx(1, abs=1e-3)
    assert shares == sorted(shares)
    for level, sigma in list(enumerate(ladder.noise.tolist()))[1:]:
        assert 8 * shares[level] == pytest.approx(sigma**2 / (faded**2 + sigma**2))


@pytest.mark.parametrize("ladder", [ve_ladder(STEPS), flow_ladder(STEPS)], ids=["exploding", "flow"])
def test_it_is_the_same_in_every_models_coordinates(ladder):
    vp, _ = vp_ladder(STEPS)
    shares, same = (torch.tensor(CFG_REPEATS["shared"](one, EIGHT, 1.0)) for one in (ladder, vp))
    torch.testing.assert_close(shares, same)


def test_a_part_of_a_chain_has_the_shares_of_the_whole():
    vp, _ = vp_ladder(STEPS)
    below = 6
    part = type(vp)(vp.signal[below:], vp.noise[below:])
    assert CFG_REPEATS["shared"](part, EIGHT[below:], 1.0) == CFG_REPEATS["shared"](vp, EIGHT, 1.0)[below:]


def test_where_nothing_is_visited_again_cfg_is_cfg():
    assert CFG_REPEATS["shared"](ve_ladder(STEPS), ONCE, 1.0) == [1.0] * (STEPS + 1)


@pytest.mark.parametrize(
    ("levels", "most"),
    [
        (repaint_levels(STEPS, 3, 1), 1),
        (repaint_levels(STEPS, 99, 5), 1),
        (repaint_levels(STEPS, 3, 5), 5),
        (repeated_levels(Descent.on(ve_ladder(STEPS), 20), 8), 8),
    ],
)
def test_the_most_visits_are_those_that_call_the_model(levels, most):
    assert most_visits(levels) == most


def test_full_follows_cfg_at_each_call():
    assert CFG_REPEATS["full"](ve_ladder(STEPS), EIGHT, 1.0) == [1.0] * (STEPS + 1)


def test_the_few_levels_of_feedback_share_alike_and_repaints_by_their_own_visits():
    order = [4, 3, 3, 3, 2, 1, 0]
    assert visits_by_level(METHODS["feedback"], order, 4) == [3] * 5
    assert visits_by_level(METHODS["feedback"], [2, 1, 0], 2, most=8) == [8] * 3, "a part of a chain"
    assert visits_by_level(METHODS["repaint"], order, 4) == [1, 1, 1, 3, 1]
    assert visits_by_level(METHODS["repaint"], [2, 1, 0], 2, most=8) == [1] * 3, "its jumps keep to the part"
