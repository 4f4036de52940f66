"""The known region: hard, soft, and freed in time."""

import pytest
import torch
from chains import SeededNoise, flow_ladder, pictures, toy_model, ve_ladder, vp_ladder
from mask_guidance.sampler import SOFT_MASKS, Settings, alphas_cumprod, freed_in_time, named_betas, paint
from mask_guidance.sampler.known import keep, known_at, pasted

GREYS = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize(
    "ladder", [vp_ladder()[0], ve_ladder(), flow_ladder()], ids=["preserving", "exploding", "flow"]
)
@pytest.mark.parametrize("share", GREYS.tolist())
def test_a_pasted_mixture_has_the_noise_amplitude_of_its_level(ladder, share):
    """Averaging two noises by the share would leave sqrt(g^2 + (1 - g)^2) of it: 0.71 at one half."""
    level, draw = 9, SeededNoise(1)
    flat = torch.zeros(300_000, dtype=torch.float64)
    state = float(ladder.noise[level]) * draw(flat)
    mixed = pasted(torch.tensor(share).double(), flat, state, ladder, level, draw(flat))
    torch.testing.assert_close(float(mixed.std()), float(ladder.noise[level]), rtol=0.01, atol=0)


def test_ends_of_the_scale_are_exact():
    kept, x = torch.randn(5), torch.randn(5)
    assert torch.equal(keep(torch.ones(5), kept, x), kept)
    assert torch.equal(keep(torch.zeros(5), kept, x), x)


def test_what_is_known_is_kept_whatever_the_state_holds():
    """Devices round a mixture in ways of their own, which need not end at the picture."""
    kept = torch.randn(3)
    assert torch.equal(keep(torch.ones(3), kept, torch.tensor([torch.inf, torch.nan, 1e30])), kept)


def test_a_pixel_is_freed_below_the_level_of_its_grey_value():
    known = freed_in_time(GREYS, steps=20)
    assert known(20).tolist() == [False, True, True, True, True]
    assert known(15).tolist() == [False, False, True, True, True]
    assert known(6).tolist() == [False, False, False, True, True]
    assert known(1).tolist() == [False, False, False, False, True]


def test_binary_keeps_what_is_known_by_more_than_half():
    known = known_at(SOFT_MASKS["binary"](GREYS, 20), 7, torch.zeros(1))
    assert known.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("method", ["repaint", "feedback", "kriged"])
@pytest.mark.parametrize("soft_mask", SOFT_MASKS)
def test_fully_known_pixels_come_back_exactly_under_every_meaning_of_grey(method, soft_mask):
    given = pictures()
    share = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    known = SOFT_MASKS[soft_mask](share, 6)
    schedule = alphas_cumprod(named_betas("linear", 1000))
    settings = Settings(method=method, skip_type="karras", skip_steps=6, resample_r=2, resample_j=2)
    *_, last = paint(toy_model, schedule, given, known, settings)
    assert torch.equal(last.x[..., -1], given[..., -1])
    assert not torch.isclose(last.x[..., 0], given[..., 0]).any()


@pytest.mark.parametrize("method", ["repaint", "feedback", "kriged"])
def test_blended_pixels_end_at_their_share_between_guess_and_picture(method):
    ladder, _ = vp_ladder(8)
    given = pictures()
    share = torch.full((1, 1, 8, 8), 0.25)
    guess = torch.full_like(given, 7.0)
    chain = Settings(method=method, resample_r=2, resample_j=2).run(
        lambda x, level: (guess, None), ladder, torch.zeros_like(given), given, share, SeededNoise(2)
    )
    *_, last = chain
    torch.testing.assert_close(last.x, 0.75 * guess + 0.25 * given)


def test_faint_masks_change_less_than_strong_ones():
    """With the time-dependent rule a late-freed pixel can only leave its picture by the noise it was freed with."""
    ladder, given = ve_ladder(20), torch.zeros(200, 1, 1, 4)
    share = torch.tensor([0.1, 0.4, 0.7, 1.0]).view(1, 1, 1, 4)
    chain = Settings(method="repaint", resample_r=1).run(
        lambda x, level: (x, None),  # a model that believes everything it sees
        ladder, 100 * SeededNoise(3)(given), given, freed_in_time(share, 20), SeededNoise(4),
    )  # fmt: skip
    *_, last = chain
    change = last.x.std(dim=0).flatten()
    assert change[0] > 3 * change[1] > 9 * change[2] > 0
    assert change[3] == 0
