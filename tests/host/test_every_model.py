"""Every kind of MODEL that the host has, with networks whose right answer is known (see oracle_models.py)."""

from itertools import pairwise

import pytest
import torch
from nodes_by_hand import ksampler
from oracle_models import FORMATS, KINDS, TEXT, Gaussian, always, oracle

SHAPES = {"4-D": (4, 4, 24, 24), "5-D": (2, 16, 3, 12, 16)}
FEEDBACK = {"method": "feedback", "skip_type": "karras", "skip_steps": 12, "resample_r": 4}
REPAINT = {"method": "repaint", "skip_type": "uniform", "skip_steps": 12, "resample_r": 3, "resample_j": 3}
METHODS = [pytest.param(FEEDBACK, id="feedback"), pytest.param(REPAINT, id="repaint")]
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
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import ImageNoise

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
            noise, samples, sampler, sigmas, mask, lambda step, x0, x, total: seen.append((x, x0)), True, seed
        )
    levels = sampler.resampling.levels(len(sigmas) - 1)
    return result, sigmas, levels, seen


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
    model = oracle(kind, always(truth), dims)
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


ROWS = {"4-D": (8, 4, 64, 12), "5-D": (4, 16, 4, 8, 12)}  # 2,048 rows each
ENOUGH = {"feedback": 16, "repaint": 24}  # timesteps
LIMITS = {"feedback": (0.06, 0.15), "repaint": (0.12, 0.25)}  # error of the mean, and of the total variance


def filled_rows(kind, dims, method):
    """Rows filled by our KSampler, and what they should be: unknown pixels (rows, n), their mean and covariance."""
    shape = ROWS[dims]
    prior = Gaussian(shape[-1])
    known = torch.ones(shape[-1], dtype=torch.bool)
    known[4:8] = False
    row = torch.where(known, 1.5 + 0.5 * torch.arange(12.0).cos(), -3.0)  # far from the mean, and a hole far from both
    model = oracle(kind, prior.denoise, dims)
    given = model.model.process_latent_out(row.expand(shape))
    mask = (~known).float().expand(1, 1, *shape[-2:])
    result, _ = ksampler(model, {"samples": given, "noise_mask": mask}, positive=TEXT, **method)
    rows = model.model.process_latent_in(result).reshape(-1, shape[-1])
    torch.testing.assert_close(rows[:, known], row[known].expand(len(rows), -1), **ALMOST)
    return rows[:, ~known].double(), *prior.conditional(row, known)


@both_methods
@both_dims
@every_kind
def test_gaussian_data_are_filled_with_their_exact_conditional(host, kind, dims, method):
    """The hole's mean is 1.2 from the data's, its variance a quarter of theirs: what ignores the known part fails."""
    method = {**method, "skip_type": "karras", "skip_steps": ENOUGH[method["method"]], "resample_r": 6}
    rows, mean, covariance = filled_rows(kind, dims, method)
    print(kind, dims, method["method"], float((rows.mean(0) - mean).square().mean().sqrt()), float(rows.T.cov().trace() / covariance.trace()), mean, covariance.diag())
    of_mean, of_variance = LIMITS[method["method"]]
    assert float((rows.mean(0) - mean).square().mean().sqrt()) < of_mean
    assert abs(float(rows.T.cov().trace() / covariance.trace()) - 1) < of_variance
