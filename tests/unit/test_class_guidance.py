"""Guidance by a classifier against the original code, and where the exact answer is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from golden_cases import CLASSIFIER, original_code
from mask_guidance.sampler import METHODS, Ladder, Posterior, Settings, alphas_cumprod, named_betas, paint
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.class_guidance import MeanShift, class_gradient, score_shift
from small_nets import BARE, fill_randomly

LABELS = torch.tensor([3, 997])
T = torch.tensor([0, 641])
SCALE = 2.5
STEPS = 1000
RESPACED = "ddim25"


def noisy() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def classifier() -> EncoderUNet:
    return fill_randomly(EncoderUNet(CLASSIFIER, 16, BARE))


def original_classifier():
    net = original_code("unet").EncoderUNetModel(
        16, 3, 32, 1000, 1, (2,), channel_mult=(1, 2), num_head_channels=32, use_scale_shift_norm=True,
        resblock_updown=True, pool="attention",
    )  # fmt: skip
    net.load_state_dict(classifier().state_dict())
    return net.eval()


def cond_fn(x, t, y):
    """As scripts/classifier_sample.py of the original has it: the gradient times the scale."""
    leaf = x.detach().requires_grad_()
    with torch.enable_grad():
        odds = F.log_softmax(original_classifier()(leaf, t), dim=-1)
        return SCALE * torch.autograd.grad(odds[torch.arange(len(y)), y].sum(), leaf)[0]


def test_the_gradient_is_the_originals():
    expected = cond_fn(noisy(), T, LABELS)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(SCALE * class_gradient(classifier(), noisy(), T, LABELS), expected, rtol=1e-3, atol=1e-6)


def test_a_picture_of_a_batch_has_the_gradient_that_it_has_alone():
    together = class_gradient(classifier(), noisy(), T, LABELS)
    alone = class_gradient(classifier(), noisy()[1:], T[1:], LABELS[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-7)


def test_the_gradient_comes_under_inference_mode_from_weights_that_were_made_in_it():
    expected = class_gradient(classifier(), noisy(), T, LABELS)
    with torch.inference_mode():
        net = classifier()
        assert next(net.parameters()).is_inference()
        found = class_gradient(net, noisy(), T.clone(), LABELS)
    assert torch.equal(found, expected)
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("respacing", ["", RESPACED])
@pytest.mark.parametrize("var_type", ["FIXED_SMALL", "FIXED_LARGE", "LEARNED_RANGE"])
def test_both_forms_give_the_originals_numbers_at_every_kind_of_level(var_type, respacing):
    gd, respace = original_code("gaussian_diffusion"), original_code("respace")
    diffusion = respace.SpacedDiffusion(
        use_timesteps=respace.space_timesteps(STEPS, respacing or [STEPS]),
        betas=gd.get_named_beta_schedule("linear", STEPS),
        model_mean_type=gd.ModelMeanType.EPSILON,
        model_var_type=gd.ModelVarType[var_type],
        loss_type=gd.LossType.MSE,
    )
    output = torch.randn(2, 6 if "LEARNED" in var_type else 3, 16, 16, generator=torch.Generator().manual_seed(2))
    gradient = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    ladder = Ladder.from_alphas_cumprod(alphas_cumprod(named_betas("linear", STEPS)), diffusion.timestep_map[::-1])
    posterior, v = Posterior(ladder), output[:, 3:] if "LEARNED" in var_type else None
    for index in (0, 1, diffusion.num_timesteps // 2, diffusion.num_timesteps - 1):
        t, level = torch.full((2,), index), index + 1
        told = diffusion.p_mean_variance(lambda x, t, **_: output, noisy(), t, clip_denoised=True)
        args = (lambda x, t, **_: gradient, told, noisy(), t, {})
        x0 = told["pred_xstart"]

        shifted = x0 + MeanShift(ladder, var_type.lower())(gradient, level, v)
        expected = diffusion.condition_mean(*args)
        torch.testing.assert_close(posterior.mean(noisy(), shifted, level), expected, rtol=1e-4, atol=1e-5)

        scored = diffusion.condition_score(*args)
        guessed = x0 + score_shift(gradient, float(ladder.signal[level]), float(ladder.noise[level]))
        torch.testing.assert_close(guessed, scored["pred_xstart"], rtol=1e-4, atol=2e-4)
        torch.testing.assert_close(posterior.mean(noisy(), guessed, level), scored["mean"], rtol=1e-4, atol=1e-5)


def test_both_forms_are_the_same_on_a_ladder_that_does_not_preserve_variance():
    """As the host has it: the picture whole, and noise of any size on it."""
    plain = Ladder.from_alphas_cumprod(alphas_cumprod(named_betas("linear", STEPS)), [900, 600, 300, 50])
    scaled = Ladder(torch.ones_like(plain.signal), plain.noise / plain.signal)
    gradient = noisy()
    for level in range(1, 5):
        for var_type in ("fixed_small", "fixed_large"):
            shifts = [MeanShift(ladder, var_type)(gradient, level, None) for ladder in (plain, scaled)]
            torch.testing.assert_close(*shifts, rtol=1e-5, atol=0)
        scores = [score_shift(gradient, float(at.signal[level]), float(at.noise[level])) for at in (plain, scaled)]
        torch.testing.assert_close(*scores, rtol=1e-5, atol=0)


class TwoKinds:
    """Pictures of one of two flat colours with a spread, each as likely: every expectation is known."""

    colours, spread = (-0.5, 0.5), 0.2

    def __init__(self):
        self.shares = alphas_cumprod(named_betas("linear", STEPS))

    def at(self, t: torch.Tensor):
        share = float(self.shares[t[0]])
        return math.sqrt(share), share * self.spread**2 + 1 - share

    def log_odds(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Of both kinds; (B, 2)."""
        signal, variance = self.at(t)
        return torch.stack(
            [-(x - signal * colour).square().flatten(1).sum(1) / (2 * variance) for colour in self.colours], 1
        )

    def expected(self, x: torch.Tensor, t: torch.Tensor, kind: int) -> torch.Tensor:
        signal, variance = self.at(t)
        return self.colours[kind] + signal * self.spread**2 / variance * (x - signal * self.colours[kind])

    def eps(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        odds = self.log_odds(x, t).softmax(1)
        x0 = sum(odds[:, kind, None, None, None] * self.expected(x, t, kind) for kind in (0, 1))
        signal, _ = self.at(t)
        return (x - signal * x0) / math.sqrt(1 - signal**2)

    def gradient(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        leaf = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.log_odds(leaf, t).log_softmax(1)[:, 1].sum(), leaf)
        return slope


def test_the_shifted_score_turns_the_mean_of_all_into_the_mean_of_the_class():
    kinds, t = TwoKinds(), torch.tensor([700])
    signal, _ = kinds.at(t)
    noise = math.sqrt(1 - signal**2)
    x = 0.3 * torch.randn(1, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    x0 = (x - noise * kinds.eps(x, t)) / signal
    guided = x0 + score_shift(kinds.gradient(x, t), signal, noise)
    assert (guided - x0).abs().min() > 0.01
    torch.testing.assert_close(guided, kinds.expected(x, t, 1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].guesses_means])
def test_every_method_paints_the_class_that_it_is_guided_to(method):
    kinds = TwoKinds()
    settings = Settings(
        method=method, skip_steps=40, skip_type="uniform", resample_r=2, resample_j=2, var_type="fixed_small"
    )
    pictures, known = torch.zeros(8, 1, 4, 4), torch.zeros(1, 1, 4, 4)

    def colours(**guide) -> list[float]:
        *_, last = paint(kinds.eps, kinds.shares, pictures, known, settings, seed=4, **guide)
        return last.x.mean((1, 2, 3)).tolist()

    assert {round(colour) for colour in (2 * c for c in colours())} >= {-1, 1}  # left alone, some of each
    assert min(colours(class_gradient=kinds.gradient)) > 0.3
