"""What settings mean on a model: which timesteps, in which order, and the curve of it."""

import pytest
import torch
from mask_guidance.sampler import METHODS, SKIP_TYPES, Chain, Settings, SettingsError, respaced_timesteps

TEN = torch.tensor([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2], dtype=torch.float64)  # each half of the next
THOUSAND = torch.logspace(-2, 2, 1000, dtype=torch.float64)


def chain(table=TEN, first=0, end=None, **settings) -> Chain:
    return Chain.of(Settings(skip_type="uniform", **settings), table, start_at_step=first, end_at_step=end)


def test_a_jump_costs_no_call_and_stands_upright():
    drawn = chain(method="repaint", skip_steps=4, resample_r=2, resample_j=2)
    assert drawn.timesteps == [9, 6, 3, 0]
    assert drawn.levels == [4, 3, 2, 1, 2, 3, 2, 1, 0]
    points = [(0, 9), (1, 6), (2, 3), (3, 0), (3, 3), (3, 6), (4, 3), (5, 0), (6, 0)]
    assert drawn.curve(TEN) == points


def test_a_repeat_dips_to_half_the_levels_noise():
    drawn = chain(method="feedback", skip_steps=4, resample_r=2)
    assert drawn.levels == [4, 3, 3, 2, 2, 1, 0]
    assert drawn.curve(TEN) == [(0, 9), (1, 6), (2, 5), (2, 6), (3, 3), (4, 2), (4, 3), (5, 0), (6, 0)]


@pytest.mark.parametrize("kind", [kind for kind in SKIP_TYPES if kind != "leading"])
@pytest.mark.parametrize("share", [0.01, 0.35, 0.5, 0.8])
def test_denoise_chooses_from_the_share_at_the_pictures_end(kind, share):
    total = round(1000 * share)
    settings = Settings(skip_type=kind, skip_steps=10, denoise=share)
    expected = respaced_timesteps(total, kind, 10, THOUSAND[:total])
    assert Chain.of(settings, THOUSAND).timesteps == expected
    assert max(expected) < total


def test_denoise_that_leaves_too_few_says_so():
    with pytest.raises(
        SettingsError, match=r"denoise 0\.01 leaves 10 of the model's timesteps, fewer than the 16 wanted"
    ):
        chain(THOUSAND, denoise=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_parts_of_a_chain_visit_its_timesteps_one_after_the_other(method):
    settings = {"method": method, "skip_steps": 7, "resample_r": 3, "resample_j": 2}
    whole = chain(**settings)
    upper, lower = chain(**settings, end=3), chain(**settings, first=3)
    assert upper.timesteps + lower.timesteps == whole.timesteps
    assert (upper.last, lower.last) == (lower.timesteps[0], None)
    assert (upper.below, upper.above, lower.below, lower.above) == (4, 0, 0, 3)


def test_parts_of_a_feedback_chain_cost_what_the_whole_does():
    settings = {"method": "feedback", "skip_steps": 7, "resample_r": 3}
    assert chain(**settings, end=3).calls + chain(**settings, first=3).calls == chain(**settings).calls


def test_a_curve_that_another_chain_goes_on_with_ends_at_its_start():
    part = chain(method="repaint", skip_steps=4, resample_r=1, end=2)
    assert part.curve(TEN) == [(0, 9), (1, 6), (2, 3)]


def test_a_part_of_no_steps_is_refused():
    with pytest.raises(SettingsError, match="start_at_step 4 and end_at_step 4 leave none of the 4 steps"):
        chain(skip_steps=4, first=4)
