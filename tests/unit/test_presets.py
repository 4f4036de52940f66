"""Methods and presets by name."""

from itertools import pairwise

import pytest
import torch
from chains import TABLE, pictures, toy_model
from mask_guidance.sampler import (
    PRESETS,
    Chain,
    Settings,
    SettingsError,
    alphas_cumprod,
    karras_sigmas,
    largest_sigma,
    named_betas,
    paint,
    respaced_timesteps,
    sigmas,
    with_preset,
)

SIGMAS = sigmas(TABLE)


@pytest.mark.parametrize(
    ("name", "calls"), [("draft", 19), ("fast", 46), ("balanced", 86), ("quality", 224), ("paper", 2410), ("turbo", 8)]
)
def test_a_preset_costs_what_it_says(name, calls):
    """On the example model's schedule and size."""
    cosine = sigmas(alphas_cumprod(named_betas("cosine", 1000)))
    chain = Chain.of(PRESETS[name], cosine, largest_sigma((1, 3, 64, 64)))
    assert chain.calls == calls
    assert sum(after <= before for before, after in pairwise(chain.levels)) == calls


@pytest.mark.parametrize("method", ["feedback", "repaint", "distilled"])
@pytest.mark.parametrize(
    ("name", "steps", "r"), [("draft", 7, 4), ("fast", 16, 4), ("balanced", 16, 8), ("quality", 20, 18)]
)
def test_a_preset_beside_another_method_means_what_it_meant_before_kriged(name, method, steps, r):
    """As saved workflows hold it; what the page did not count then does not count now."""
    found = with_preset(name, Settings(method=method, skip_type="quad", skip_steps=3, resample_r=2))
    assert (found.method, found.skip_type, found.skip_steps, found.resample_r) == ("feedback", "karras", steps, r)


def test_other_presets_decide_the_method_whatever_is_beside():
    for method in ("kriged", "feedback"):
        assert with_preset("paper", Settings(method=method)).method == "repaint"
        assert with_preset("turbo", Settings(method=method)).method == "distilled"


def test_an_unknown_method_is_named():
    with pytest.raises(SettingsError, match="method is 'magic', but must be one of: feedback, kriged, repaint"):
        Settings(method="magic")


@pytest.mark.parametrize("strength", [-0.1, 1.5])
def test_strength_outside_its_range_is_refused(strength):
    with pytest.raises(SettingsError, match="from 0 to 1"):
        Settings(method="feedback", feedback=strength)


@pytest.mark.parametrize("count", [1, 2, 7, 16, 100, 999, 1000])
def test_karras_takes_exactly_so_many_timesteps_falling_to_the_cleanest(count):
    chosen = respaced_timesteps(1000, "karras", count, SIGMAS)
    assert len(chosen) == count
    assert all(a > b for a, b in pairwise(chosen))
    assert chosen[-1] >= 0 and chosen[0] == 999
    assert count == 1 or chosen[-1] == 0


def test_karras_timesteps_are_the_trained_ones_nearest_to_the_curve():
    chosen = respaced_timesteps(1000, "karras", 16, SIGMAS, largest=20.0)
    wanted = karras_sigmas(16, 20.0, float(SIGMAS[0])).flip(0)
    nearest = [int((SIGMAS.log() - w.log()).abs().argmin()) for w in wanted]
    assert chosen == nearest


def test_karras_curve_has_its_ends_and_is_even_in_the_seventh_root():
    curve = karras_sigmas(16, 20.0, 0.01)
    torch.testing.assert_close(curve[[0, -1]], torch.tensor([0.01, 20.0], dtype=torch.float64))
    steps = (curve ** (1 / 7)).diff()
    torch.testing.assert_close(steps, steps[:1].expand_as(steps))


def test_karras_without_noise_levels_says_what_it_needs():
    with pytest.raises(ValueError, match="give the model's sigmas"):
        respaced_timesteps(1000, "karras", 16)


def test_an_endless_noise_level_is_passed_over():
    """A flow model's last timestep holds nothing of the picture: noise over signal is infinite."""
    table = torch.cat([SIGMAS[:-1], torch.tensor([torch.inf], dtype=torch.float64)])
    assert respaced_timesteps(1000, "karras", 16, table)[0] == 998


def test_larger_pictures_start_at_more_noise():
    assert largest_sigma((1, 3, 16, 16)) == 20
    assert largest_sigma((1, 3, 64, 48)) == 80
    assert largest_sigma((1, 16, 5, 32, 32)) == 40
    assert largest_sigma((4, 2)) == 80


def test_paint_runs_a_preset():
    given = pictures()
    known = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    known[..., :4] = True
    *_, last = paint(toy_model, TABLE, given, known, PRESETS["draft"])
    assert (last.call, last.calls, last.level) == (19, 19, 0)
    assert torch.equal(last.x[..., :4], given[..., :4])
