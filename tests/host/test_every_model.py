"""Every kind of MODEL that the host has, with networks whose right answer is known (see oracle_models.py)."""

from itertools import pairwise

import pytest
import torch
from nodes_by_hand import FEW_STEPS, ksampler
from oracle_models import FORMATS, KINDS, TEXT, Gaussian, always, oracle

SHAPES = {"4-D": (2, 4, 24, 24), "5-D": (1, 16, 3, 8, 12)}
FEEDBACK = {"method": "feedback", "skip_type": "karras", "skip_steps": 12, "resample_r": 4}
KRIGED = {"method": "kriged", "skip_type": "karras", "skip_steps": 12, "resample_r": 4}
REPAINT = {"method": "repaint", "skip_type": "uniform", "skip_steps": 12, "resample_r": 3, "resample_j": 3}
DISTILLED = {"method": "distilled", "skip_type": "trailing", "skip_steps": 12, "resample_r": 2}
METHODS = [pytest.param(method, id=method["method"]) for method in (FEEDBACK, KRIGED, REPAINT, DISTILLED)]
ALMOST = {"atol": 2e-5, "rtol": 1e-5}  # a few roundings of float32

every_kind = pytest.mark.parametrize("kind", KINDS)
exploding_and_flow = pytest.mark.parametrize("kind", ["EPS", "FLOW"])
both_dims = pytest.mark.parametrize("dims", FORMATS)
both_methods = pytest.mark.parametrize("method", METHODS)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def right_half(shape) -> torch.Tensor:
    """Set Latent Noise Mask's form: a mask for each picture or frame."""
    mask = torch.zeros(1, 1, *shape[-2:])
    mask[..., shape[-1] // 2 :] = 1
    return mask


def through_guider(model, samples, mask, method, seed=3, cfg=1.0):
    """Our SAMPLER and SIGMAS in the host's guider; the result, and (level reached, state, x0) of each call."""
    import comfy.samplers
    from mask_guidance.nodes.ladder import ladder_of
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import Descent, ImageNoise, largest_sigma

    seen = []
    with torch.inference_mode():
        j = method.get("resample_j", 10)
        (sampler,) = RePaintSamplerNode.execute(method["resample_r"], j, 10_000, "auto", method["method"]).result
        (sigmas,) = RespacedSigmas.execute(model, method["skip_type"], method["skip_steps"]).result
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(TEXT, TEXT)
        guider.set_cfg(cfg)
        noise = ImageNoise(seed, range(len(samples)), "start")(samples)
        result = guider.sample(
            noise,
            samples,
            sampler,
            sigmas,
            mask,
            lambda step, x0, x, total: seen.append((x.cpu(), x0.cpu())),
            True,
            seed,
        )
    descent = Descent.on(ladder_of(model.get_model_object("model_sampling"), sigmas), largest_sigma(samples.shape))
    levels = sampler.settings.levels(descent)
    return result.cpu(), sigmas, levels, seen


def watched(kind, answer, dims="4-D"):
    """A model, and a list of what its network was shown: (x, signal, noise)."""
    shown = []

    def denoise(x, signal, noise):
        shown.append((x.cpu().clone(), signal, noise))
        return answer(x, signal, noise)

    return oracle(kind, denoise, dims), shown


def amplitudes(model, sigma) -> tuple[float, float]:
    """Signal and noise of a level, from the host's own noising."""
    sampling = model.get_model_object("model_sampling")
    sigma, one, zero = sigma.double().reshape(1), torch.ones(1).double(), torch.zeros(1).double()
    signal = sampling.noise_scaling(sigma, zero.clone(), one.clone())
    return float(signal), float(sampling.noise_scaling(sigma, one.clone(), zero.clone()))


def assert_standard_normal(noise: torch.Tensor) -> None:
    """Five standard errors: with fixed seeds a sign of an error, not of chance."""
    assert abs(float(noise.mean())) < 5 / noise.numel() ** 0.5
    assert abs(float(noise.std()) - 1) < 5 / (2 * noise.numel()) ** 0.5


@both_methods
@both_dims
@every_kind
def test_a_model_that_knows_the_picture_paints_it_and_every_level_has_its_noise(host, kind, dims, method):
    shape = SHAPES[dims]
    truth = random(*shape)
    model, shown = watched(kind, always(truth), dims)
    picture = model.model.process_latent_out(truth)
    mask = right_half(shape)
    samples = torch.where(mask.bool(), 9.0, picture)  # nothing of the answer is in the hole
    result, sigmas, levels, seen = through_guider(model, samples, mask, method)

    half = shape[-1] // 2
    torch.testing.assert_close(result[..., :half], samples[..., :half], **ALMOST)
    torch.testing.assert_close(result[..., half:], picture[..., half:], atol=2e-4, rtol=1e-4)
    down = [(level, reached) for level, reached in pairwise(levels) if reached <= level]
    assert model.model.diffusion_model.sigmas == [float(sigmas[-1 - level]) for level, _ in down]
    for (_, reached), (x, x0) in zip(down, seen, strict=True):
        torch.testing.assert_close(x0, truth, atol=2e-4 * max(1, float(sigmas[0])), rtol=1e-4)
        if reached > 0:
            signal, noise = amplitudes(model, sigmas[-1 - reached])
            rest = (x - signal * truth) / noise
            assert_standard_normal(rest[..., :half])
            assert_standard_normal(rest[..., half:])
    for x, signal, noise in shown[1:]:  # the first is noise alone
        rest = (x - signal * truth) / noise
        assert_standard_normal(rest[..., :half])
        assert_standard_normal(rest[..., half:])


ROWS = {"4-D": (4, 4, 64, 12), "5-D": (2, 16, 4, 8, 12)}  # 1,024 rows each
FILLING = {
    "feedback": {**FEEDBACK, "resample_r": 6},
    "repaint": {**REPAINT, "skip_type": "karras", "skip_steps": 24, "resample_r": 6},
}
# RePaint's small variance comes out too small in few steps; a distilled model's last guess is as rough as its lowest level.
LIMITS = {"feedback": (0.1, 0.2), "kriged": (0.1, 0.2), "repaint": (0.15, 0.35), "distilled": (0.12, 0.25)}
KNOWN = torch.tensor([True] * 4 + [False] * 4 + [True] * 4)
ROW = torch.where(KNOWN, 1.5 + 0.5 * torch.arange(12.0).cos(), -3.0)  # far from the mean, and a hole far from both


def given_rows(model, shape) -> dict:
    mask = (~KNOWN).float().expand(1, 1, *shape[-2:])
    return {"samples": model.model.process_latent_out(ROW.expand(shape)), "noise_mask": mask}


def assert_conditional(prior, model, samples, of_mean, of_variance) -> None:
    """Rows are what the known pixels and the prior say: known ones exact, the others right in mean and variance."""
    rows = model.model.process_latent_in(samples).reshape(-1, len(ROW))
    torch.testing.assert_close(rows[:, KNOWN], ROW[KNOWN].expand(len(rows), -1), **ALMOST)
    mean, covariance = prior.conditional(ROW, KNOWN)
    hole = rows[:, ~KNOWN].double()
    assert float((hole.mean(0) - mean).square().mean().sqrt()) < of_mean
    assert abs(float(hole.T.cov().trace() / covariance.trace()) - 1) < of_variance


@pytest.mark.parametrize("method", FILLING)
@both_dims
@every_kind
def test_gaussian_data_are_filled_with_their_exact_conditional(host, kind, dims, method):
    """Painting that ignored the known pixels would miss the mean by 0.7 and the variance by 77 %."""
    prior = Gaussian(len(ROW))
    model = oracle(kind, prior.denoise, dims)
    samples, _ = ksampler(model, given_rows(model, ROWS[dims]), positive=TEXT, **FILLING[method])
    assert_conditional(prior, model, samples, *LIMITS[method])


@pytest.mark.parametrize("kind", ["EPS", "FLOW", "FLUX"])
def test_a_distilled_model_on_the_hosts_own_sigmas_fills_gaussian_data_nearly_right(host, kind):
    """Stock "lcm" on as many sigmas as this has calls misses the mean by 0.2 and the variance by 40 %."""
    import comfy.samplers
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode

    prior = Gaussian(len(ROW))
    model = oracle(kind, prior.distilled)
    sampling = model.get_model_object("model_sampling")
    given = given_rows(model, ROWS["4-D"])

    def fill(sampler, steps):
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(TEXT, TEXT)
        guider.set_cfg(1.0)
        sigmas = comfy.samplers.calculate_sigmas(sampling, "sgm_uniform", steps)
        model.model.diffusion_model.sigmas.clear()
        with torch.inference_mode():
            noise, mask = random(*ROWS["4-D"], seed=8), given["noise_mask"]
            result = guider.sample(noise, given["samples"], sampler, sigmas, mask, None, True, 3).cpu()
        return result, sigmas, model.model.diffusion_model.sigmas

    (sampler,) = RePaintSamplerNode.execute(4, 10, 10_000, "auto", "distilled").result
    samples, sigmas, called = fill(sampler, 4)
    visits = [4 if kind == "EPS" else 1, 4, 4, 4]  # a flow model's first level shows nothing of the picture
    assert called == [float(sigma) for sigma, times in zip(sigmas, visits, strict=False) for _ in range(times)]
    assert_conditional(prior, model, samples, *LIMITS["distilled"])
    with pytest.raises(AssertionError):
        assert_conditional(prior, model, fill(comfy.samplers.sampler_object("lcm"), 16)[0], *LIMITS["distilled"])


def test_the_limits_above_tell_resampling_from_none(host):
    prior = Gaussian(len(ROW))
    model = oracle("FLOW", prior.denoise)
    once, _ = ksampler(model, given_rows(model, ROWS["4-D"]), positive=TEXT, **FILLING["repaint"], resample=False)
    with pytest.raises(AssertionError):
        assert_conditional(prior, model, once, *LIMITS["repaint"])


@both_methods
@both_dims
def test_a_model_without_noise_levels_is_refused_with_the_reason(host, dims, method):
    model = oracle("IMG_TO_IMG_FLOW", always(torch.zeros(())), dims)
    shape = SHAPES[dims]
    with pytest.raises(ValueError, match="a model that adds noise to the picture in proportion"):
        ksampler(model, {"samples": random(*shape), "noise_mask": right_half(shape)}, positive=TEXT, **method)
    with pytest.raises(ValueError, match="a model that adds noise to the picture in proportion"):
        through_guider(model, random(*shape), right_half(shape), {**method, "skip_type": "uniform"})


# Soft masks: a model that always answers TRUTH, over a latent that is OTHER everywhere, so that every share can be read off.
TRUTH, OTHER = random(1, 4, 8, 8, seed=1), random(1, 4, 8, 8, seed=2)
GREY = torch.cat([torch.zeros(1), (torch.arange(62) + 0.3) / 62, torch.ones(1)]).reshape(1, 1, 8, 8)


def paint_grey(model, **options):
    """OTHER painted through a mask with every grey, in the model's own values."""
    samples, _ = ksampler(
        model, {"samples": model.model.process_latent_out(OTHER), "noise_mask": GREY}, positive=TEXT, **options
    )
    return model.model.process_latent_in(samples)


@pytest.fixture
def guesses(monkeypatch, host):
    """Level and x0 of every call of our KSampler, as the preview sees them."""
    from mask_guidance.nodes import painting

    seen = []
    monkeypatch.setattr(painting, "callback", lambda *_: lambda step, x0, x, total: seen.append(x0.cpu()))
    return seen


@both_methods
@exploding_and_flow
def test_a_binary_mask_paints_from_half_grey_on(host, kind, method):
    result = paint_grey(oracle(kind, always(TRUTH)), soft_mask="binary", **method)
    torch.testing.assert_close(result, torch.where(GREY >= 0.5, TRUTH, OTHER), atol=2e-4, rtol=1e-4)


@both_methods
@exploding_and_flow
def test_a_blending_mask_ends_in_the_mixture(host, kind, method):
    result = paint_grey(oracle(kind, always(TRUTH)), soft_mask="blend", **method)
    torch.testing.assert_close(result, torch.lerp(OTHER, TRUTH, GREY), atol=2e-4, rtol=1e-4)


@both_methods
@exploding_and_flow
def test_a_time_dependent_mask_frees_a_pixel_when_its_grey_value_says_so(guesses, kind, method):
    from mask_guidance.nodes.ladder import noise_to_signal
    from mask_guidance.sampler import Chain, Settings, largest_sigma

    steps, model = method["skip_steps"], oracle(kind, always(TRUTH))
    paint_grey(model, soft_mask="time-dependent", **method)
    few = {name: value for name, value in FEW_STEPS.items() if name != "preset"}
    order = Chain.of(Settings(**few | method), noise_to_signal(model), largest_sigma(OTHER.shape)).levels
    called = [level for level, reached in pairwise(order) if reached <= level]
    for level, x0 in zip(called, guesses, strict=True):
        free = (x0 - TRUTH).abs() < (x0 - OTHER).abs()
        expected = (GREY > 0) & (GREY * steps >= level)
        assert torch.equal(free, expected.expand_as(free))


@both_methods
@exploding_and_flow
def test_differential_diffusion_of_the_host_says_what_is_kept_when(guesses, kind, method):
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    asked = []
    (model,) = DifferentialDiffusion.execute(oracle(kind, always(TRUTH))).result
    function = model.model_options["denoise_mask_function"]

    def listened(sigma, mask, extra_options):
        answer = function(sigma, mask, extra_options=extra_options)
        asked.append(answer.cpu())
        return answer

    model.set_model_denoise_mask_function(listened)
    paint_grey(model, **method)
    shares = [float(mask.mean()) for mask in asked[-len(guesses) :]]
    assert min(shares) < 0.05 and max(shares) > 0.9  # from next to nothing to nearly everything, grey by grey
    assert len({*shares}) > 5
    for mask, x0 in zip(asked[-len(guesses) :], guesses, strict=True):
        free = mask.bool() & (GREY > 0)  # the host's rule frees everything at its last step; what is not masked is kept
        torch.testing.assert_close(x0, torch.where(free, TRUTH, OTHER), atol=1e-2, rtol=0)


@both_methods
@exploding_and_flow
def test_below_full_denoise_the_chain_starts_from_the_latent(host, kind, method):
    shape = SHAPES["4-D"]
    model, shown = watched(kind, always(torch.zeros(())))
    given = {"samples": model.model.process_latent_out(3 * random(*shape, seed=5)), "noise_mask": right_half(shape)}
    ksampler(model, given, positive=TEXT, denoise=0.5, **method)
    x, signal, noise = shown[0]
    assert_standard_normal((x - signal * 3 * random(*shape, seed=5)) / noise)
    sigmas = model.get_model_object("model_sampling").sigmas
    assert noise / signal <= float(amplitudes(model, sigmas[len(sigmas) // 2])[1]) / max(signal, 1e-9)

    shown.clear()
    ksampler(model, given, positive=TEXT, **method)
    x, signal, noise = shown[0]
    assert_standard_normal(x / (signal**2 + noise**2) ** 0.5 if signal == 1 else x / noise)


def in_two_parts(model, given, method, split=6, then=()):
    """The chain of our KSampler cut in two: the same seed, and a half-finished latent in the second."""
    settings = {"positive": TEXT, **method}
    half, _ = ksampler(model, given, end_at_step=split, **settings)
    rest, _ = ksampler(
        model,
        {**given, "samples": half},
        known_latent=given,
        add_noise=False,
        start_at_step=split,
        **{**settings, **dict(then)},
    )
    return half, rest


@pytest.mark.parametrize("method", FILLING)
@exploding_and_flow
def test_a_chain_of_two_samplers_fills_like_one(host, kind, method):
    prior = Gaussian(len(ROW))
    model = oracle(kind, prior.denoise)
    _, rest = in_two_parts(model, given_rows(model, ROWS["4-D"]), FILLING[method], split=4)
    of_mean, of_variance = LIMITS[method]
    assert_conditional(prior, model, rest, 1.5 * of_mean, of_variance)  # no jump reaches over the seam


def in_two_custom_samplers(model, given, method, seeds=(3, 3), split=6):
    """The same with RePaint Sampler on sigmas that are cut in two: the second adds no noise."""
    import comfy.samplers
    from mask_guidance.nodes.repaint_sampler import RePaintSampler
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import Settings

    samples, mask = given["samples"], given["noise_mask"]
    with torch.inference_mode():
        (sigmas,) = RespacedSigmas.execute(model, method["skip_type"], method["skip_steps"]).result
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(TEXT, TEXT)
        sampler = RePaintSampler(Settings(**method), picture=samples)
        noise = random(*samples.shape, seed=9)
        half = guider.sample(noise, samples, sampler, sigmas[: split + 1], mask, None, True, seeds[0])
        rest = guider.sample(torch.zeros_like(noise), half, sampler, sigmas[split:], mask, None, True, seeds[1])
    return rest


def in_two_ksamplers(model, given, method, seeds=(3, 3)):
    return in_two_parts(model, given, {**method, "seed": seeds[0]}, then={"seed": seeds[1]})[1]


@pytest.mark.parametrize("method", FILLING)
@pytest.mark.parametrize("chain", [in_two_ksamplers, in_two_custom_samplers])
@exploding_and_flow
def test_two_samplers_of_one_seed_do_not_draw_the_same_noise_twice(host, kind, chain, method):
    """Noise drawn twice adds up: without resampling the hole varied by a fifth more than with two seeds."""
    prior = Gaussian(len(ROW))
    model = oracle(kind, prior.denoise)
    given, once = given_rows(model, ROWS["4-D"]), {**FILLING[method], "resample_r": 1}
    spread = []
    for seeds in ((3, 3), (3, 4)):
        rows = model.model.process_latent_in(chain(model, given, once, seeds=seeds)).reshape(-1, len(ROW))
        spread.append(float(rows[:, ~KNOWN].double().T.cov().trace()))
    assert abs(spread[0] / spread[1] - 1) < 0.1  # two standard errors of 1,024 rows


@both_methods
@exploding_and_flow
def test_a_chain_of_two_samplers_visits_the_levels_of_one_and_hands_over_the_right_noise(host, kind, method):
    shape = SHAPES["4-D"]
    truth = random(*shape)
    method = {**method, "resample": False}
    model, shown = watched(kind, always(truth))
    given = {"samples": model.model.process_latent_out(truth), "noise_mask": right_half(shape)}
    _, rest = in_two_parts(model, given, method)
    parts = list(model.model.diffusion_model.sigmas)
    torch.testing.assert_close(rest, given["samples"], atol=1e-3, rtol=1e-3)
    for x, signal, noise in shown[1:]:
        assert_standard_normal((x - signal * truth) / noise)

    model.model.diffusion_model.sigmas.clear()
    ksampler(model, given, positive=TEXT, **method)
    assert parts == model.model.diffusion_model.sigmas


@both_methods
def test_without_added_noise_the_seed_still_decides(host, method):
    prior = Gaussian(24)
    model = oracle("EPS", prior.denoise)
    shape = SHAPES["4-D"]
    half = {"samples": random(*shape), "noise_mask": right_half(shape)}
    settings = {
        "positive": TEXT,
        "add_noise": False,
        "start_at_step": 4,
        "known_latent": {"samples": random(*shape, seed=1)},
    }
    first, _ = ksampler(model, half, **settings, **method, seed=1)
    again, _ = ksampler(model, half, **settings, **method, seed=1)
    other, _ = ksampler(model, half, **settings, **method, seed=2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@both_methods
@both_dims
@exploding_and_flow
def test_picture_k_of_a_batch_can_be_painted_alone(host, kind, dims, method):
    shape = (3, *SHAPES[dims][1:])
    model = oracle(kind, Gaussian(shape[-1]).denoise, dims)
    given = {"samples": random(*shape), "noise_mask": right_half(shape)}
    together, _ = ksampler(model, given, positive=TEXT, **method)
    alone, _ = ksampler(model, {**given, "samples": given["samples"][2:], "batch_index": [2]}, positive=TEXT, **method)
    torch.testing.assert_close(together[2:], alone, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together[1:2], alone, atol=1e-2)


@both_methods
def test_a_stroke_of_one_pixel_reaches_the_latent(host, method):
    model = oracle("EPS", always(torch.zeros(())))
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 21, 30:] = 1
    samples, record = ksampler(model, {"samples": torch.ones(1, 4, 8, 8), "noise_mask": mask}, positive=TEXT, **method)
    painted = (samples.abs() < 0.5).all(dim=1)[0]
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2, 3:] = True
    assert torch.equal(painted, expected)
    assert "on the model's 8x8 grid" in record


@both_methods
@exploding_and_flow
def test_every_frame_of_a_video_has_its_own_mask(host, kind, method):
    truth = torch.zeros(1, 16, 3, 8, 12)
    model = oracle(kind, always(truth), "5-D")
    other = model.model.process_latent_out(truth + 1)
    mask = torch.zeros(3, 1, 8, 12)
    mask[0, ..., :4] = mask[2, ..., 8:] = 1
    samples, _ = ksampler(model, {"samples": other, "noise_mask": mask}, positive=TEXT, **method)
    result = model.model.process_latent_in(samples)
    torch.testing.assert_close(result, (1 - mask.movedim(0, 1)[None]).expand_as(truth), atol=2e-4, rtol=0)
