"""Networks and schedulers of diffusers as arguments of paint: their own where they are installed, else what looks like them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from chains import TABLE, half_known, pictures, toy_model, toy_model_with_variance
from mask_guidance.sampler import Ladder, Posterior, Settings, denoiser, from_diffusers, paint

QUICK = Settings(method="repaint", skip_type="uniform", skip_steps=10, resample_j=3, resample_r=2)
SHAPE = {"in_channels": 3, "out_channels": 3}


class Unet:
    """Looks like a UNet2DModel."""

    def __init__(self, model=toy_model, **config):
        self.model, self.config, self.labels = model, {**SHAPE, **config}, None

    def __call__(self, x, t, class_labels=None):
        self.labels = class_labels
        return SimpleNamespace(sample=self.model(x, t))


def scheduler(**config):
    return SimpleNamespace(alphas_cumprod=TABLE, config=config)


def painted(given: dict, settings: Settings = QUICK) -> torch.Tensor:
    return list(paint(**given, picture=pictures(), known=half_known(), settings=settings))[-1].x


def loud(x, t):
    return 3 * toy_model(x, t)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({}, {"clip": True, "variance": "fixed_small"}),
        ({"clip_sample": True}, {"clip": True}),
        ({"clip_sample": True, "clip_sample_range": 0.5}, {"clip": 0.5}),
        ({"prediction_type": "sample"}, {"prediction": "x0"}),
        ({"prediction_type": "v_prediction", "clip_sample": False}, {"clip": False, "prediction": "v"}),
        ({"variance_type": "fixed_large", "clip_sample": True}, {"variance": "fixed_large"}),
        ({"variance_type": "fixed_small_log", "clip_sample": True}, {"variance": "fixed_small"}),
    ],
    ids=str,
)
def test_what_the_scheduler_says_is_what_is_painted_with(said, meant):
    expected = painted({"model": loud, "alphas_cumprod": TABLE, **meant})
    torch.testing.assert_close(painted(from_diffusers(Unet(loud), scheduler(**said))), expected)


def test_a_variance_that_is_asked_for_goes_before_the_networks():
    given = from_diffusers(Unet(), scheduler(variance_type="fixed_large"))
    large, small = painted(given), painted(given, replace(QUICK, var_type="fixed_small"))
    torch.testing.assert_close(small, painted({**given, "variance": "auto"}))
    assert not torch.isclose(small, large, atol=1e-3).all()


def test_a_learned_variance_is_read_from_twice_the_channels():
    unet = Unet(toy_model_with_variance, out_channels=6)
    expected = painted({"model": toy_model_with_variance, "alphas_cumprod": TABLE})
    torch.testing.assert_close(painted(from_diffusers(unet, scheduler(variance_type="learned_range"))), expected)


def test_the_network_is_called_without_gradients_and_in_its_own_type():
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    unet = Unet(lambda x, t: weight * toy_model(x, t))
    unet.dtype = torch.float64
    filled = painted(from_diffusers(unet, scheduler()))
    assert (filled.dtype, filled.requires_grad) == (torch.float32, False)


def test_classes_are_handed_on():
    unet, labels = Unet(num_class_embeds=10), torch.tensor([3, 7])
    painted(from_diffusers(unet, scheduler(), class_labels=labels))
    assert torch.equal(unet.labels, labels)


@pytest.mark.parametrize(
    ("unet", "other", "labels", "told"),
    [
        ({"cross_attention_dim": 768}, {}, None, r"guided by text \(UNet2DConditionModel\); pass a UNet2DModel"),
        ({"in_channels": 6}, {}, None, "takes 6 channels and gives 3"),
        ({"num_class_embeds": 10}, {}, None, "class-conditional; pass class_labels"),
        ({}, {}, torch.tensor([1, 2]), "knows no classes; leave them out"),
        (
            {},
            {"prediction_type": "flow"},
            None,
            r"prediction is 'flow' \(the scheduler\), but must be one of eps, x0, v",
        ),
        (
            {},
            {"variance_type": "learned"},
            None,
            "var_type is 'learned' .*, but must be one of fixed_",
        ),
        ({}, None, None, "SimpleNamespace has no alphas_cumprod; pass a scheduler of the DDPM kind"),
    ],
)
def test_what_cannot_be_painted_with_is_refused_in_a_sentence(unet, other, labels, told):
    given = SimpleNamespace(config={}) if other is None else scheduler(**other)
    with pytest.raises(ValueError, match=told):
        from_diffusers(Unet(**unet), given, labels)


@pytest.fixture(scope="module")
def diffusers():
    return pytest.importorskip("diffusers", reason="diffusers is not installed; the stand-ins above still ran")


@pytest.fixture(scope="module")
def unets(diffusers):
    """Untrained ones by the number of channels that they give, and one of classes."""
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    size = {"sample_size": 8, "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4, **blocks}
    torch.manual_seed(0)
    made = {3: {}, 6: {"out_channels": 6}, "classes": {"num_class_embeds": 10}}
    return {name: diffusers.UNet2DModel(**size, **more).eval() for name, more in made.items()}


@pytest.mark.parametrize(
    ("channels", "config"),
    [
        (3, {}),
        (3, {"prediction_type": "v_prediction", "variance_type": "fixed_large", "clip_sample_range": 0.5}),
        (3, {"prediction_type": "sample", "beta_schedule": "squaredcos_cap_v2", "clip_sample": False}),
        (6, {"variance_type": "learned_range", "beta_schedule": "scaled_linear"}),
    ],
    ids=str,
)
@torch.no_grad()
def test_each_step_down_is_that_of_their_ddpm_scheduler(diffusers, unets, channels, config):
    theirs = diffusers.DDPMScheduler(num_train_timesteps=20, beta_end=0.5, **config)
    given = from_diffusers(unets[channels], theirs)
    timesteps = range(19, -1, -1)
    ladder = Ladder.from_alphas_cumprod(given["alphas_cumprod"], timesteps)
    denoise = denoiser(given["model"], ladder, timesteps, given["prediction"], given["clip"])
    for t in timesteps:
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(t))
        seeded = torch.Generator().manual_seed(100 + t)
        expected = theirs.step(unets[channels](x, t).sample, t, x, generator=seeded)
        x0, v = denoise(x, t + 1)
        torch.testing.assert_close(x0, expected.pred_original_sample, rtol=1e-4, atol=1e-4)
        noise = torch.randn(x.shape, generator=seeded.manual_seed(100 + t)) if t else None
        actual = Posterior(ladder).step(x, x0, t + 1, noise, given["variance"], v)
        torch.testing.assert_close(actual, expected.prev_sample, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "RePaintScheduler"])
def test_a_hole_is_filled_with_any_scheduler_that_has_their_table(diffusers, unets, name):
    given = from_diffusers(unets["classes"], getattr(diffusers, name)(), torch.tensor([1, 2]))
    filled = painted(given)
    assert torch.equal(filled[..., :4], pictures()[..., :4])
    assert filled.isfinite().all()


def test_their_schedulers_of_flow_and_networks_of_text_are_refused(diffusers, unets):
    with pytest.raises(ValueError, match="FlowMatchEulerDiscreteScheduler has no alphas_cumprod"):
        from_diffusers(unets[3], diffusers.FlowMatchEulerDiscreteScheduler())
    text = diffusers.UNet2DConditionModel(
        block_out_channels=(8,), norm_num_groups=4, cross_attention_dim=8, attention_head_dim=2,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), layers_per_block=1,
    )  # fmt: skip
    with pytest.raises(ValueError, match="guided by text"):
        from_diffusers(text, diffusers.DDPMScheduler())
