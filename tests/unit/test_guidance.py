"""The share of cfg that a call follows, level by level."""

import pytest
import torch
from chains import flow_ladder, ve_ladder, vp_ladder
from mask_guidance.sampler import CFG_REPEATS, Descent, most_visits, repaint_levels, repeated_levels

STEPS = 16


@pytest.mark.parametrize("most", [8, 5])
def test_together_the_visits_of_a_noisy_level_follow_cfg_once(most):
    ladder = ve_ladder(STEPS)
    shares = CFG_REPEATS["shared"](ladder, most)
    assert most * shares[-1] == pytest.approx(1, abs=1e-3)
    assert shares == sorted(shares)
    for level, sigma in enumerate(ladder.noise.tolist()):
        assert most * shares[level] == pytest.approx(sigma**2 / (0.25**2 + sigma**2))


@pytest.mark.parametrize("ladder", [ve_ladder(STEPS), flow_ladder(STEPS)], ids=["exploding", "flow"])
def test_it_is_the_same_in_every_models_coordinates(ladder):
    vp, _ = vp_ladder(STEPS)
    shares = CFG_REPEATS["shared"](ladder, 8)
    torch.testing.assert_close(torch.tensor(shares), torch.tensor(CFG_REPEATS["shared"](vp, 8)))


def test_a_part_of_a_chain_has_the_shares_of_the_whole():
    vp, _ = vp_ladder(STEPS)
    below = 6
    part = type(vp)(vp.signal[below:], vp.noise[below:])
    assert CFG_REPEATS["shared"](part, 8) == CFG_REPEATS["shared"](vp, 8)[below:]


def test_where_nothing_is_visited_again_cfg_is_cfg():
    assert CFG_REPEATS["shared"](ve_ladder(STEPS), 1) == [1.0] * (STEPS + 1)


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
    assert CFG_REPEATS["full"](ve_ladder(STEPS), 8) == [1.0] * (STEPS + 1)
