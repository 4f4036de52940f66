import pytest
import torch
from chains import flow_ladder, pictures, toy_model, ve_ladder, vp_ladder
from mask_guidance.sampler import PREDICTIONS, VAR_TYPES, Ladder, Posterior, denoiser, predict_x0, repaint

LEVELS = (1, 2, 7, 19, 20)


def noisy(ladder: Ladder, level: int, dtype=torch.float64):
    """A clean picture, noise, and the state they make."""
    x0 = pictures().to(dtype)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(9), dtype=dtype)
    return x0, noise, ladder.diffuse(x0, level, noise)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("ladder", [vp_ladder()[0], ve_ladder(), flow_ladder()], ids=["vp", "ve", "flow"])
def test_mean_and_variance_are_those_of_the_product_of_two_gaussians(ladder, level):
    """Bayes, with nothing of the formulas in the papers: q(prev | x0) times q(x | prev), completed to a square."""
    before, after = (
        (float(ladder.signal[level - 1]), float(ladder.noise[level - 1])),
        (
            float(ladder.signal[level]),
            float(ladder.noise[level]),
        ),
    )
    ratio = after[0] / before[0]
    added = after[1] ** 2 - (ratio * before[1]) ** 2
    x0, _, x = noisy(ladder, level)
    mean = Posterior(ladder).mean(x, x0, level)
    if level == 1:  # q(prev | x0) is a point
        torch.testing.assert_close(mean, x0, rtol=1e-9, atol=1e-9)
        return
    precision = 1 / before[1] ** 2 + ratio**2 / added
    expected = (before[0] * x0 / before[1] ** 2 + ratio * x / added) / precision
    torch.testing.assert_close(mean, expected, rtol=1e-9, atol=1e-9)
    log_variance = Posterior(ladder).log_variance("fixed_small", level, None)
    torch.testing.assert_close(log_variance.exp(), torch.tensor(1 / precision, dtype=torch.float64))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("var_type", VAR_TYPES)
@pytest.mark.parametrize("other", [ve_ladder(), flow_ladder()], ids=["ve", "flow"])
def test_steps_agree_on_every_ladder_after_a_change_of_coordinates(other, var_type, level):
    """Levels of the three ladders are the same states up to a factor; so must be means and standard deviations."""
    vp, _ = vp_ladder()
    factor = other.signal / vp.signal
    x0, _, x = noisy(vp, level)
    v = torch.cos(x)
    mean = Posterior(vp).mean(x, x0, level, var_type)
    torch.testing.assert_close(Posterior(other).mean(x * factor[level], x0, level, var_type), mean * factor[level - 1])
    std, other_std = (
        (0.5 * Posterior(ladder).log_variance(var_type, level, v)).exp().expand(x.shape) for ladder in (vp, other)
    )
    if level > 1 or var_type == "learned":  # below level 1 the small variance is a stand-in that no chain uses
        torch.testing.assert_close(other_std, std * factor[level - 1])


def test_fixed_large_is_beta_but_at_the_last_step():
    ladder, _ = vp_ladder()
    posterior = Posterior(ladder)
    share = ladder.signal**2
    beta = 1 - share[1:] / share[:-1]
    actual = torch.stack([posterior.log_variance("fixed_large", level, None) for level in range(2, 21)])
    torch.testing.assert_close(actual.exp(), beta[1:])
    # Ho et al. 2020 and guided-diffusion: the last step takes the small variance of the one before
    torch.testing.assert_close(
        posterior.log_variance("fixed_large", 1, None), posterior.log_variance("fixed_small", 2, None)
    )


@pytest.mark.parametrize(("v", "same_as"), [(-1.0, "fixed_small"), (1.0, "fixed_large")])
def test_learned_range_spans_small_to_large(v, same_as):
    ladder, _ = vp_ladder()
    posterior = Posterior(ladder)
    actual = posterior.log_variance("learned_range", 7, torch.full((2, 3), v, dtype=torch.float64))
    torch.testing.assert_close(actual, posterior.log_variance(same_as, 7, None).expand(2, 3))


def test_learned_range_is_a_geometric_mean():
    # Nichol & Dhariwal 2021, equation 15, at v = 0: half and half in logarithms
    ladder, _ = vp_ladder()
    posterior = Posterior(ladder)
    actual = posterior.log_variance("learned_range", 7, torch.zeros(1, dtype=torch.float64))
    small, large = (posterior.log_variance(kind, 7, None) for kind in ("fixed_small", "fixed_large"))
    torch.testing.assert_close(actual.exp(), (small.exp() * large.exp()).sqrt().expand(1))


def test_auto_is_the_models_range_where_it_gives_one_and_small_elsewhere():
    posterior = Posterior(vp_ladder()[0])
    v = torch.tensor([-0.3, 0.8])
    torch.testing.assert_close(
        posterior.log_variance("auto", 7, v), posterior.log_variance("learned_range", 7, v), rtol=0, atol=0
    )
    assert posterior.log_variance("auto", 7, None) == posterior.log_variance("fixed_small", 7, None)


def test_learned_is_the_networks_own_log_variance():
    ladder, _ = vp_ladder()
    v = torch.tensor([-3.0, 0.5])
    torch.testing.assert_close(Posterior(ladder).log_variance("learned", 7, v), v)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("ladder", [vp_ladder()[0], ve_ladder(), flow_ladder()], ids=["vp", "ve", "flow"])
def test_ddim_goes_down_to_the_same_picture_with_the_same_noise(ladder, level):
    x0, noise, x = noisy(ladder, level)
    posterior = Posterior(ladder)
    mean = posterior.mean(x, x0, level, "ddim")
    torch.testing.assert_close(mean, ladder.diffuse(x0, level - 1, noise), rtol=1e-9, atol=1e-9)
    assert posterior.log_variance("ddim", level, torch.ones(1)).exp() == 0


def test_a_ddim_chain_is_its_formula_and_draws_nothing():
    """Song et al. 2021, equation 12 with sigma 0, by the noise that a clipped guess leaves."""
    ladder, timesteps = vp_ladder()
    denoise = denoiser(toy_model, ladder, timesteps, clip=True)
    x0, _, start = noisy(ladder, 20, torch.float32)
    nothing = torch.zeros(1, dtype=torch.bool)
    levels = list(range(20, -1, -1))
    *_, last = repaint(denoise, ladder, levels, start, x0, nothing, lambda like: torch.full_like(like, 1e6), "ddim")
    x = start
    for level in levels[:-1]:
        guess, _ = denoise(x, level)
        eps = (x - float(ladder.signal[level]) * guess) / float(ladder.noise[level])
        x = float(ladder.signal[level - 1]) * guess + float(ladder.noise[level - 1]) * eps
    torch.testing.assert_close(last.x, x, rtol=1e-4, atol=1e-4)


def test_last_steps_variance_is_replaced_by_the_next_so_that_its_logarithm_is_finite():
    ladder, _ = vp_ladder()
    posterior = Posterior(ladder)
    actual = posterior.log_variance("fixed_small", 1, None)
    assert actual == posterior.log_variance("fixed_small", 2, None)
    assert actual.isfinite()


@pytest.mark.parametrize("var_type", ["learned", "learned_range"])
def test_learned_variance_needs_a_network_that_gives_one(var_type):
    with pytest.raises(ValueError, match=f"'{var_type}', but the model gives no variance; choose 'fixed_small'"):
        Posterior(vp_ladder()[0]).log_variance(var_type, 3, None)


def test_unknown_var_type_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=f"'medium'.*{', '.join(VAR_TYPES)}"):
        Posterior(vp_ladder()[0]).log_variance("medium", 3, None)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_prediction_of_a_perfect_network_gives_the_clean_picture(prediction, level):
    ladder, _ = vp_ladder()
    x0, noise, x = noisy(ladder, level)
    signal, sigma = float(ladder.signal[level]), float(ladder.noise[level])
    # Salimans & Ho 2022: v = alpha * noise - sigma * x0
    output = {"eps": noise, "x0": x0, "v": signal * noise - sigma * x0}[prediction]
    torch.testing.assert_close(predict_x0(prediction, x, output, signal, sigma), x0, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("ladder", [ve_ladder(), flow_ladder()], ids=["ve", "flow"])
def test_noise_prediction_gives_the_clean_picture_on_other_ladders(ladder):
    x0, noise, x = noisy(ladder, 7)
    actual = predict_x0("eps", x, noise, float(ladder.signal[7]), float(ladder.noise[7]))
    torch.testing.assert_close(actual, x0)


def test_unknown_prediction_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=f"'score'.*{', '.join(PREDICTIONS)}"):
        predict_x0("score", torch.zeros(1), torch.zeros(1), 0.5, 0.5)


@pytest.mark.parametrize("ladder", [vp_ladder()[0], ve_ladder(), flow_ladder()], ids=["vp", "ve", "flow"])
@pytest.mark.parametrize(("level", "target"), [(1, 4), (0, 20), (7, 17), (19, 20)])
def test_climb_in_one_draw_has_the_signal_and_variance_of_single_steps(ladder, level, target):
    ones = torch.ones(1, dtype=torch.float64)
    none = torch.zeros_like(ones)
    signal, variance = 1.0, 0.0
    for step in range(level, target):
        ratio = float(ladder.climb(ones, step, step + 1, none))
        added = float(ladder.climb(none, step, step + 1, ones))
        signal, variance = signal * ratio, variance * ratio**2 + added**2
    torch.testing.assert_close(ladder.climb(ones, level, target, none), signal * ones)
    torch.testing.assert_close(ladder.climb(none, level, target, ones) ** 2, variance * ones)


@pytest.mark.parametrize("ladder", [vp_ladder()[0], ve_ladder(), flow_ladder()], ids=["vp", "ve", "flow"])
def test_climb_from_the_clean_picture_is_diffusion(ladder):
    x0, noise, _ = noisy(ladder, 7)
    torch.testing.assert_close(ladder.climb(x0, 0, 7, noise), ladder.diffuse(x0, 7, noise))


def test_climb_of_a_diffused_picture_keeps_the_law_of_its_level():
    """Noise of the level below, carried up, and fresh noise: together the noise of the level reached."""
    ladder, _ = vp_ladder()
    ones = torch.ones(1, dtype=torch.float64)
    none = torch.zeros_like(ones)
    carried = ladder.climb(ladder.diffuse(none, 5, ones), 5, 12, none)
    fresh = ladder.climb(none, 5, 12, ones)
    torch.testing.assert_close(carried**2 + fresh**2, ladder.noise[12:13] ** 2)


def test_denoiser_gives_the_model_the_training_step_of_the_level():
    ladder, timesteps = vp_ladder(4)
    given = []

    def model(x, t):
        given.append(t)
        return toy_model(x, t)

    denoise = denoiser(model, ladder, timesteps)
    for level in (4, 1):
        denoise(pictures(), level)
    # Four of a thousand, evenly spread: 0, 333, 666, 999; level 4 is the noisiest
    assert [t.tolist() for t in given] == [[999, 999], [0, 0]]
    assert {t.dtype for t in given} == {torch.int64}


def test_denoiser_clips_the_guess_only_if_told_to():
    ladder, timesteps = vp_ladder(4)
    far = lambda x, t: -100 * torch.ones_like(x)  # noqa: E731
    assert denoiser(far, ladder, timesteps)(pictures(), 4)[0].max() == 1
    assert denoiser(far, ladder, timesteps, clip=False)(pictures(), 4)[0].max() > 1


@pytest.mark.parametrize("as_pair", [True, False])
def test_denoiser_takes_variance_as_a_pair_or_as_more_channels(as_pair):
    ladder, timesteps = vp_ladder(4)
    x = pictures()
    noise, variance = toy_model(x, torch.zeros(2)), torch.cos(x)
    output = (noise, variance) if as_pair else torch.cat([noise, variance], dim=1)
    guess, v = denoiser(lambda x, t: output, ladder, timesteps)(x, 3)
    torch.testing.assert_close(v, variance, rtol=0, atol=0)
    torch.testing.assert_close(guess, denoiser(lambda x, t: noise, ladder, timesteps)(x, 3)[0], rtol=0, atol=0)


def test_denoiser_reports_no_variance_of_a_model_without():
    ladder, timesteps = vp_ladder(4)
    assert denoiser(toy_model, ladder, timesteps)(pictures(), 3)[1] is None
