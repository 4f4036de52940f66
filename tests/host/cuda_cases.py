"""What only a GPU can show; collected by test_cuda.py alone. On a CPU the same code compares the CPU with itself."""

import os

import pytest
import torch
from checkpoints import save_tiny
from nodes_by_hand import ksampler, load, paint
from oracle_models import KINDS, TEXT, Gaussian, oracle
from test_every_model import FEEDBACK, METHODS, SHAPES, random, right_half
from test_text_models import METHODS as FEW_CALLS
from test_text_models import ROUNDING
from tiny_models import KINDS as ARCHITECTURES
from tiny_models import tiny as small

CPU = torch.device("cpu")


def fill(model, method="kriged"):
    settings = {"positive": model.positive, "negative": model.negative, "cfg": 2.0, **FEW_CALLS[method]}
    samples, _ = ksampler(model.model, model.latent, **settings)
    known = model.known.expand_as(samples)
    torch.testing.assert_close(samples[known], model.latent["samples"][known], **ROUNDING)
    assert samples.isfinite().all()
    return samples


def assert_nearly(one, other) -> None:
    """Rounding differs between devices and types; another noise would differ by more than the picture itself."""
    assert float((one - other).abs().mean()) < 0.05 * float(other.std())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_picture_as_on_the_cpu(host, kind, method):
    shape, prior = SHAPES["4-D"], Gaussian(SHAPES["4-D"][-1])
    given = {"samples": random(*shape), "noise_mask": right_half(shape)}
    here, there = oracle(kind, prior.denoise), oracle(kind, prior.denoise)
    there.load_device = CPU
    result, _ = ksampler(here, given, positive=TEXT, **method)
    expected, _ = ksampler(there, given, positive=TEXT, **method)
    torch.testing.assert_close(result, expected, atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize("method", FEW_CALLS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_give_nearly_the_same_picture_as_on_the_cpu(host, name, method):
    assert_nearly(fill(small(name), method), fill(small(name, CPU), method))


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("method", FEW_CALLS)
def test_the_pixel_model_gives_nearly_the_same_picture_as_on_the_cpu(models_folder, method, dtype):
    save_tiny(models_folder / "cuda.safetensors")
    given = {"samples": random(1, 3, 32, 32).clamp(-1, 1), "noise_mask": right_half((1, 3, 32, 32))}
    there, _ = load("cuda.safetensors", dtype=dtype)
    here = load("cuda.safetensors", dtype="fp32")[0].clone(disable_dynamic=True)
    here.load_device = CPU
    painted, expected = (paint(model, given, **FEW_CALLS[method])[0] for model in (there, here))
    assert torch.equal(painted[..., :16], given["samples"][..., :16])
    assert_nearly(painted, expected)


@pytest.mark.skipif(
    "--enable-dynamic-vram" not in os.environ.get("MASK_GUIDANCE_HOST_FLAGS", ""), reason="is not asked for"
)
def test_dynamic_vram_is_really_on(tiny):
    import comfy.model_patcher

    assert isinstance(tiny[0], comfy.model_patcher.ModelPatcherDynamic)
    assert isinstance(small("Flux").model, comfy.model_patcher.ModelPatcherDynamic)


def test_one_picture_of_a_batch_is_the_same_on_both_devices(host):
    shape, prior = (3, *SHAPES["4-D"][1:]), Gaussian(SHAPES["4-D"][-1])
    model = oracle("FLOW", prior.denoise)
    given = {"samples": random(*shape), "noise_mask": right_half(shape)}
    together, _ = ksampler(model, given, positive=TEXT, **FEEDBACK)
    model.load_device = CPU
    alone, _ = ksampler(
        model, {**given, "samples": given["samples"][2:], "batch_index": [2]}, positive=TEXT, **FEEDBACK
    )
    torch.testing.assert_close(together[2:], alone, atol=1e-2, rtol=1e-2)
