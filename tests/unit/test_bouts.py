"""Jumps at every n-th level, against a loop that is written from the description of the library that has them."""

from dataclasses import replace
from itertools import accumulate
from operator import mul

import pytest
import torch
from chains import half_known, pictures, toy_model
from mask_guidance.sampler import ImageNoise, Settings, alphas_cumprod, named_betas, paint
from mask_guidance.sampler.methods.repaint import pastings

BETAS = named_betas("linear", 24)
BOUTS = Settings(method="repaint", skip_type="none", resample_r=2, resample_j=3, jumps_every=4, var_type="fixed_small")


def states(settings: Settings, seed: int = 0) -> list[torch.Tensor]:
    """After each model call; in float64, with guesses that are not clipped."""
    picture = pictures().double()
    steps = paint(toy_model, alphas_cumprod(BETAS), picture, half_known(), settings, clip=False, seed=seed)
    return [step.x for step in steps]


def library_states(settings: Settings, seed: int = 0) -> list[torch.Tensor]:
    """The same by the library's steps, of timesteps counted from 0, and the mean by Ho et al. 2020, algorithm 2.

    Only one thing is as it is meant there, not as it is done: the known region gets the noise of the state it is put into,
    not of the state before.
    """
    picture, known = pictures().double(), half_known()
    start, noise = (ImageNoise(seed, range(len(picture)), stream) for stream in ("start", "steps"))
    betas = BETAS.tolist()
    left = [*accumulate((1 - beta for beta in betas), mul)]  # the share of the picture's variance
    found = []

    def noised(x, share):
        return share**0.5 * x + (1 - share) ** 0.5 * noise(x)

    def came_down(x, t):
        eps = toy_model(x, torch.full((len(x),), t))
        x = (x - betas[t] / (1 - left[t]) ** 0.5 * eps) / (1 - betas[t]) ** 0.5
        if t > 0:
            x = x + (betas[t] * (1 - left[t - 1]) / (1 - left[t])) ** 0.5 * noise(x)
        found.append(x)
        return x

    x, j = start(picture), settings.resample_j
    for t in reversed(range(len(betas))):
        if t < len(betas) - 1:
            x = torch.where(known, noised(picture, left[t]), x)
        if t % settings.jumps_every == 0 and t + j < len(betas):
            for _ in range(settings.resample_r):
                x = noised(x, left[t + j] / left[t])
                for above in range(t + j, t, -1):
                    x = came_down(x, above)
        x = came_down(x, t)
    return [*found[:-1], torch.where(known, picture, x)]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"jumps_every": 3},
        {"jumps_every": 2, "resample_j": 7},
        {"resample_r": 1},
        {"jumps_every": 100, "resample_r": 5},
    ],
    ids=str,
)
def test_every_state_is_the_librarys(other):
    settings = replace(BOUTS, **other)
    actual, expected = states(settings, seed=7), library_states(settings, seed=7)
    assert len(actual) == len(expected) > len(BETAS)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def test_the_known_region_is_pasted_in_where_a_level_is_first_reached_and_never_in_a_bout():
    levels = [4, 3, 2, 3, 4, 3, 2, 1, 0]
    assert pastings(levels, bouts=True) == {1, 2, 7}  # levels 3, 2 and 1
    assert pastings(levels, bouts=False) == {1, 4, 5, 6, 7}  # before each call but the first


def test_without_resampling_there_are_no_bouts():
    plain = replace(BOUTS, resample=False)
    assert len(states(plain)) == len(BETAS)
    torch.testing.assert_close(states(plain), states(replace(plain, jumps_every=0)), rtol=0, atol=0)


def test_records_name_the_setting_where_it_is_used():
    assert "jumps_every 4" in BOUTS.words
    assert "jumps_every" not in replace(BOUTS, jumps_every=0).words
    assert "jumps_every" not in replace(BOUTS, resample=False).words
    assert "jumps_every" not in replace(BOUTS, method="kriged").words
