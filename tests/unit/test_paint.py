"""Everything in one call."""

from dataclasses import replace

import pytest
import torch
from chains import TABLE, half_known, pictures, toy_model, toy_model_with_variance
from closed_forms import count_model_calls
from mask_guidance.sampler import ImageNoise, Settings, paint, respaced_timesteps

QUICK = Settings(method="repaint", skip_type="uniform", skip_steps=20, resample_j=4, resample_r=2)
NOTHING = torch.zeros(1, dtype=torch.bool)


def painted(picture=None, known=None, model=toy_model, settings=QUICK, **options):
    picture = pictures() if picture is None else picture
    known = half_known() if known is None else known
    return list(paint(model, TABLE, picture, known, settings, **options))[-1].x


def plain_ddpm(model, picture, steps: int, seed: int):
    """Ho et al. 2020, algorithm 2, with x0 clipped; nothing of this package but the source of noise."""
    start, noise = (ImageNoise(seed, range(len(picture)), stream) for stream in ("start", "steps"))
    timesteps = respaced_timesteps(1000, "uniform", steps)
    share = [*TABLE[timesteps].tolist(), 1.0]
    x = start(picture)
    for i, t in enumerate(timesteps):
        if i > 0:
            noise(x)  # the draw for the known region, which is empty here
        a, a_prev = share[i], share[i + 1]
        beta = 1 - a / a_prev
        x0 = ((x - (1 - a) ** 0.5 * model(x, torch.full((len(x),), t))) / a**0.5).clamp(-1, 1)
        x = beta * a_prev**0.5 / (1 - a) * x0 + (1 - a_prev) * (1 - beta) ** 0.5 / (1 - a) * x
        if a_prev < 1:
            x = x + ((1 - a_prev) / (1 - a) * beta) ** 0.5 * noise(x)
    return x


@pytest.mark.parametrize("seed", [0, 1, 2**63])
def test_nothing_known_and_no_jumps_is_plain_ddpm(seed):
    actual = painted(known=NOTHING, settings=replace(QUICK, resample_r=1), seed=seed)
    torch.testing.assert_close(actual, plain_ddpm(toy_model, pictures(), 20, seed), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("skip_type", ["uniform", "leading", "trailing", "quad"])
def test_known_region_is_returned_exactly_however_steps_are_skipped(skip_type):
    actual = painted(settings=replace(QUICK, skip_type=skip_type))
    torch.testing.assert_close(actual[..., :4], pictures()[..., :4], rtol=0, atol=0)
    assert actual.isfinite().all()


def test_everything_known_gives_the_picture_back():
    torch.testing.assert_close(painted(known=~NOTHING), pictures(), rtol=0, atol=0)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_picture_of_a_batch_equals_the_picture_alone(k):
    batch = pictures(4)
    together = painted(batch)
    alone = painted(batch[k : k + 1], indices=[k])
    torch.testing.assert_close(alone[0], together[k], rtol=0, atol=0)


def test_pictures_of_a_batch_get_different_noise():
    together = painted(pictures(1).expand(2, -1, -1, -1), known=NOTHING)
    assert not torch.isclose(together[0], together[1], atol=1e-2).all()


def test_same_seed_gives_the_same_picture():
    torch.testing.assert_close(painted(seed=7), painted(seed=7), rtol=0, atol=0)


def test_other_seed_gives_another_picture():
    assert not torch.isclose(painted(seed=7), painted(seed=8), atol=1e-2).all()


def test_result_does_not_depend_on_the_global_generator():
    torch.manual_seed(1)
    first = painted()
    torch.manual_seed(2)
    torch.testing.assert_close(painted(), first, rtol=0, atol=0)


def test_global_generator_is_left_alone():
    before = torch.get_rng_state()
    painted()
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_inputs_are_left_alone():
    picture, known, table = pictures(), half_known(), TABLE.clone()
    list(paint(toy_model, table, picture, known, QUICK))
    torch.testing.assert_close((picture, known, table), (pictures(), half_known(), TABLE), rtol=0, atol=0)


def test_weights_that_could_be_trained_leave_no_trace_in_the_picture():
    net = torch.nn.Conv2d(3, 3, 1)
    assert net.weight.requires_grad and torch.is_grad_enabled()
    for step in paint(lambda x, t: net(x), TABLE, pictures(), half_known(), QUICK):
        assert not (step.x.requires_grad or step.x0.requires_grad)
        assert torch.is_grad_enabled()  # between the steps, in the caller's hands


def test_a_gradient_of_a_class_needs_no_switch_of_its_own():
    def pull(x, t):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(-(x - 0.5).square().sum(), x)[0]

    pulled, alone = painted(class_gradient=pull), painted()
    assert (pulled - alone)[..., half_known()[0, 0].logical_not()].mean() > 0.01


def test_every_published_option_changes_the_number_of_calls_as_counted():
    for steps, j, r, start in ((20, 4, 2, 10_000), (20, 5, 3, 10), (10, 10, 5, 10_000), (7, 1, 4, 3)):
        settings = replace(QUICK, skip_steps=steps, resample_j=j, resample_r=r, start_resampling=start)
        chain = list(paint(toy_model, TABLE, pictures(), half_known(), settings))
        assert len(chain) == count_model_calls(steps, j, r, start)


def test_all_timesteps_are_visited_without_skipping():
    given = []

    def model(x, t):
        given.append(int(t[0]))
        return toy_model(x, t)

    list(paint(model, TABLE[:30], pictures(), half_known(), replace(QUICK, skip_type="none", resample=False)))
    assert given == list(range(29, -1, -1))


def test_model_may_predict_the_picture_or_v_instead_of_noise():
    share = TABLE.view(-1, 1, 1, 1)

    def to_x0(x, t):
        a = share[t]
        return (x - (1 - a).sqrt() * toy_model(x, t)) / a.sqrt()

    def to_v(x, t):
        a = share[t]
        return a.sqrt() * toy_model(x, t) - (1 - a).sqrt() * to_x0(x, t)

    picture = pictures().double()
    expected = painted(picture)
    torch.testing.assert_close(painted(picture, model=to_x0, prediction="x0"), expected)
    torch.testing.assert_close(painted(picture, model=to_v, prediction="v"), expected)


def test_variance_of_the_model_is_used_when_asked_for():
    small = painted(model=toy_model_with_variance, settings=replace(QUICK, var_type="fixed_small"))
    learned = painted(model=toy_model_with_variance, settings=replace(QUICK, var_type="learned_range"))
    torch.testing.assert_close(small, painted(settings=replace(QUICK, var_type="fixed_small")), rtol=0, atol=0)
    assert not torch.isclose(small, learned, atol=1e-3).all()


def test_unclipped_guesses_leave_the_range_of_pictures():
    far = lambda x, t: -toy_model(x, t)  # noqa: E731
    assert painted(known=NOTHING, model=far).abs().max() <= 1
    assert painted(known=NOTHING, model=far, clip=False).abs().max() > 1


def test_one_single_step_is_the_models_first_guess():
    step = list(paint(toy_model, TABLE, pictures(), half_known(), replace(QUICK, skip_steps=1)))
    assert len(step) == 1
    torch.testing.assert_close(step[0].x, step[0].x0)


def test_signals_and_volumes_are_painted_like_pictures():
    for shape in ((2, 1, 16), (1, 2, 4, 4, 4)):
        data = torch.linspace(-1, 1, 32 if len(shape) == 3 else 128).reshape(shape)
        known = torch.zeros(shape[-1], dtype=torch.bool)
        known[:2] = True
        actual = painted(data, known, model=lambda x, t: torch.tanh(x))
        torch.testing.assert_close(actual[..., :2], data[..., :2], rtol=0, atol=0)
        assert actual.isfinite().all()


def test_mistakes_are_told_before_the_model_is_called():
    def model(x, t):
        raise AssertionError("called")

    for settings, wrong in ((replace(QUICK, skip_steps=1001), {}), (QUICK, {"indices": [0]})):
        with pytest.raises(ValueError, match=r"skip_steps is 1001|seeded for 1 pictures"):
            next(paint(model, TABLE, pictures(), half_known(), settings, **wrong))
