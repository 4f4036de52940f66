"""The loop itself: order of draws, what is known and what is not, other ladders."""

import itertools

import pytest
import torch
from chains import (
    SeededNoise,
    flow_ladder,
    half_known,
    pictures,
    toy_model,
    toy_model_with_variance,
    ve_ladder,
    vp_ladder,
)
from closed_forms import count_model_calls
from mask_guidance.sampler import VAR_TYPES, Ladder, denoiser, repaint, repaint_levels

EVERYTHING = torch.ones(1, dtype=torch.bool)


def chain(levels=None, known=None, x0=None, noise=None, var_type="fixed_small", model=toy_model, **options):
    """A short chain of the toy model on the usual ladder, as a generator."""
    ladder, timesteps = vp_ladder()
    x0 = pictures() if x0 is None else x0
    start = SeededNoise(1)(x0)
    return repaint(
        denoiser(model, ladder, timesteps, **options),
        ladder,
        repaint_levels(20, 4, 3) if levels is None else levels,
        start,
        x0,
        half_known() if known is None else known,
        noise or SeededNoise(2),
        var_type,
    )


@pytest.mark.parametrize("var_type", VAR_TYPES)
@pytest.mark.parametrize("jump_n_sample", [1, 3])
def test_known_region_is_returned_exactly(var_type, jump_n_sample):
    levels = repaint_levels(20, 4, jump_n_sample)
    last = list(chain(levels, var_type=var_type, model=toy_model_with_variance))[-1]
    torch.testing.assert_close(last.x[..., :4], pictures()[..., :4], rtol=0, atol=0)


def test_known_region_may_differ_by_picture_and_channel():
    known = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3)) < 0.5
    last = list(chain(known=known))[-1]
    torch.testing.assert_close(last.x[known], pictures()[known], rtol=0, atol=0)
    assert not torch.isclose(last.x[~known], pictures()[~known]).all()


def test_everything_known_gives_the_picture_back():
    last = list(chain(known=EVERYTHING))[-1]
    torch.testing.assert_close(last.x, pictures(), rtol=0, atol=0)


def test_what_the_unknown_region_holds_does_not_matter():
    other = torch.where(half_known(), pictures(), 1e6)
    expected, actual = list(chain())[-1], list(chain(x0=other))[-1]
    torch.testing.assert_close(actual.x, expected.x, rtol=0, atol=0)
    torch.testing.assert_close(actual.x0, expected.x0, rtol=0, atol=0)


def test_the_known_region_reaches_the_unknown_one():
    brighter = torch.where(half_known(), pictures() + 0.5, pictures())
    difference = (list(chain(x0=brighter))[-1].x - list(chain())[-1].x)[..., 4:]
    assert difference.abs().max() > 1e-3


@pytest.mark.parametrize("jump_n_sample", [1, 2, 5])
def test_there_is_one_step_for_each_model_call(jump_n_sample):
    given = []

    def model(x, t):
        given.append(t)
        return toy_model(x, t)

    steps = list(chain(repaint_levels(20, 4, jump_n_sample), model=model))
    expected = count_model_calls(20, 4, jump_n_sample)
    assert len(given) == len(steps) == expected
    assert [step.call for step in steps] == list(range(1, expected + 1))
    assert {step.calls for step in steps} == {expected}


def test_steps_tell_the_level_they_reached():
    levels = [4, 3, 2, 3, 4, 3, 2, 1, 0]
    ladder, timesteps = vp_ladder(4)
    x0 = pictures()
    steps = repaint(
        denoiser(toy_model, ladder, timesteps), ladder, levels, SeededNoise(1)(x0), x0, half_known(), SeededNoise(2)
    )
    assert [step.level for step in steps] == [3, 2, 3, 2, 1, 0]


def test_every_step_shows_the_known_region_in_its_guess():
    for step in chain():
        torch.testing.assert_close(step.x0[..., :4], pictures()[..., :4], rtol=0, atol=0)


def test_guess_of_a_step_is_the_models():
    ladder, timesteps = vp_ladder()
    inputs = []

    def model(x, t):
        inputs.append(x)
        return toy_model(x, t)

    denoise = denoiser(toy_model, ladder, timesteps)
    levels = repaint_levels(20, 4, 3)
    from_level = [a for a, b in itertools.pairwise(levels) if b < a]
    steps = list(chain(levels, model=model))
    for x, level, step in zip(inputs, from_level, steps, strict=True):
        torch.testing.assert_close(step.x0[..., 4:], denoise(x, level)[0][..., 4:], rtol=0, atol=0)


def test_model_sees_the_known_region_at_the_noise_level_of_each_call_but_the_first():
    ladder, _ = vp_ladder()
    seen, drawn = [], []

    def model(x, t):
        seen.append(x)
        return toy_model(x, t)

    plain = SeededNoise(2)

    def noise(like):
        drawn.append(plain(like))
        return drawn[-1]

    levels = [20, 19, 18, 17, 18, 19, 18]
    list(chain(levels, model=model, noise=noise))
    # Draws: step down; paste, step down; paste, step down; climb; paste, step down, and the known region of the result.
    assert len(drawn) == 9
    torch.testing.assert_close(seen[0], SeededNoise(1)(pictures()), rtol=0, atol=0)
    for x, level, draw in ((seen[1], 19, 1), (seen[2], 18, 3), (seen[3], 19, 6)):
        expected = ladder.diffuse(pictures(), level, drawn[draw])
        torch.testing.assert_close(x[..., :4], expected[..., :4], rtol=0, atol=0)


def test_climb_of_any_length_takes_one_draw():
    draws = []
    plain = SeededNoise(2)

    def noise(like):
        draws.append(1)
        return plain(like)

    list(chain([20, 19, 18, 17, 16, 17, 18, 19, 18], noise=noise))
    with_climb, draws[:] = len(draws), []
    list(chain([20, 19, 18, 17, 16, 17, 16], noise=noise))
    assert with_climb == len(draws)


def test_chain_that_stops_early_leaves_the_known_region_at_its_level():
    ladder, _ = vp_ladder()
    drawn = []
    plain = SeededNoise(2)

    def noise(like):
        drawn.append(plain(like))
        return drawn[-1]

    last = list(chain(list(range(20, 7, -1)), noise=noise))[-1]
    assert last.level == 8
    expected = ladder.diffuse(pictures(), 8, drawn[-1])
    torch.testing.assert_close(last.x[..., :4], expected[..., :4], rtol=0, atol=0)


def test_chain_whose_lowest_level_is_noisy_ends_noisy():
    """A host may cut the ladder above the clean picture; the last step then adds noise like every other."""
    vp, timesteps = vp_ladder()
    cut = Ladder(vp.signal[5:], vp.noise[5:])
    x0 = pictures()
    denoise = denoiser(toy_model, vp, timesteps)
    steps = repaint(
        lambda x, level: denoise(x, level + 5),
        cut,
        list(range(15, -1, -1)),
        SeededNoise(1)(x0),
        x0,
        half_known(),
        SeededNoise(2),
    )
    whole = chain(list(range(20, 4, -1)))
    torch.testing.assert_close(list(steps)[-1].x, list(whole)[-1].x)


@pytest.mark.parametrize("var_type", VAR_TYPES)
@pytest.mark.parametrize("other", [ve_ladder(), flow_ladder()], ids=["ve", "flow"])
def test_chain_is_the_same_on_every_ladder_after_a_change_of_coordinates(other, var_type):
    vp, timesteps = vp_ladder()
    factor = (other.signal / vp.signal).tolist()
    denoise = denoiser(toy_model_with_variance, vp, timesteps)
    x0 = pictures().double()
    start = SeededNoise(1)(x0)
    levels = repaint_levels(20, 4, 3)
    expected = list(repaint(denoise, vp, levels, start, x0, half_known(), SeededNoise(2), var_type))
    actual = list(
        repaint(
            lambda x, level: denoise(x / factor[level], level),
            other,
            levels,
            start * factor[20],
            x0,
            half_known(),
            SeededNoise(2),
            var_type,
        )
    )
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a.x, e.x * factor[e.level], rtol=1e-7, atol=1e-7)
        torch.testing.assert_close(a.x0, e.x0, rtol=1e-7, atol=1e-7)


def test_chain_can_be_stopped_between_steps():
    given = []

    def model(x, t):
        given.append(t)
        return toy_model(x, t)

    running = chain(model=model)
    for _ in range(3):
        next(running)
    running.close()
    assert len(given) == 3


def test_steps_already_shown_do_not_change_when_the_chain_goes_on():
    running = chain()
    first = next(running)
    x, x0 = first.x.clone(), first.x0.clone()
    list(running)
    torch.testing.assert_close((first.x, first.x0), (x, x0), rtol=0, atol=0)


def test_chain_keeps_the_pictures_dtype():
    def model(x, t):
        return toy_model(x, t).to(x.dtype)

    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        last = list(chain(x0=pictures().to(dtype), model=model))[-1]
        assert (last.x.dtype, last.x0.dtype) == (dtype, dtype)


def test_learned_variance_without_one_is_refused_before_the_second_call():
    running = chain(var_type="learned_range")
    with pytest.raises(ValueError, match="the model gives no variance"):
        next(running)
