"""The nodes on a pretended GPU, collected by test_pretended_gpu_nodes.py alone: the CPU's numbers, each tensor in its place, no
wait of ours that comes back with every call of the model."""

from functools import cache, partial

import pytest
import torch
from checkpoints import save_classifier, save_tiny
from mask_guidance.sampler.fast import FastConv
from nodes_by_hand import FEW_STEPS, guided, ksampler, load, paint
from pretend_cuda import Pretend, Waits
from pretended_host import MODES, pretended_host
from test_mask_nodes import run
from tiny_models import tiny

CPU = torch.device("cpu")
REPAINT = {"skip_steps": 4}
KRIGED = {"method": "kriged", "skip_type": "karras", "skip_steps": 4, "resample_r": 2}
METHODS = {"repaint": REPAINT, "kriged": KRIGED}
CHECKPOINT = "pretended.safetensors"
JUDGE = "judge.safetensors"
MOST_WAITS = 0.2  # of ours, for each call of the model


@pytest.fixture(scope="module", autouse=True)
def checkpoint(models_folder):
    save_tiny(models_folder / CHECKPOINT)
    save_classifier(models_folder / JUDGE)


def half_masked() -> dict:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    return {"samples": torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1, "noise_mask": mask}


def on(device: str, latent: dict) -> dict:
    return {key: value.to(device) for key, value in latent.items()}


def assert_alike(there: torch.Tensor, here: torch.Tensor) -> None:
    torch.testing.assert_close(there.cpu(), here, atol=1e-5, rtol=0)


@pytest.fixture(autouse=True)
def layers_as_written(monkeypatch):
    """On both sides: the CPU's faster form rounds otherwise, and is no business of these cases."""
    monkeypatch.setattr(FastConv, "is_fast", lambda *_: False)


def noted(model, waits: Waits) -> list[int]:
    """Filled while the model runs: how many waits of ours there were by each call of its network."""
    found: list[int] = []
    model.model.diffusion_model.register_forward_pre_hook(lambda *_: found.append(waits.ours.total()))
    return found


def assert_the_loop_hardly_waits(found: list[int], record: str, waits: Waits) -> None:
    """From the first call of the model to the last; what a run does before and after is not the loop's."""
    calls = int(record.split()[0])
    assert len(found) >= calls >= 5
    assert found[-1] - found[0] <= MOST_WAITS * (calls - 1), waits


@cache
def painted_here(method: str, dtype: str) -> torch.Tensor:
    return paint(load(CHECKPOINT, dtype=dtype)[0], half_masked(), label=0, cfg=2.0, **METHODS[method])[0]


PIXEL_RUNS = [
    *((mode, "repaint", "fp32") for mode in MODES),
    *((mode, "kriged", "fp32") for mode in ("whole", "dynamic")),
    *((mode, "repaint", dtype) for mode in ("whole", "dynamic") for dtype in ("fp16", "bf16")),
]


@pytest.mark.parametrize(("mode", "method", "dtype"), PIXEL_RUNS)
def test_a_pixel_model_paints_as_on_the_cpu_however_it_is_loaded(mode, method, dtype):
    latent, here = half_masked(), painted_here(method, dtype)
    place = "cuda" if MODES[mode].get("gpu_only") else "cpu"
    with pretended_host(**MODES[mode]) as waits:
        model, _ = load(CHECKPOINT, dtype=dtype)
        found = noted(model, waits)
        there, record = paint(model, on(place, latent), label=0, cfg=2.0, **METHODS[method])
        assert isinstance(there, Pretend) == (place == "cuda")
        there = there.cpu()
    assert torch.equal(there[..., :8], latent["samples"][..., :8])
    if dtype == "fp32":
        assert_alike(there, here)
    else:  # a half type's rounding grows along a chain
        assert (there - here).abs().mean() < 0.02
    assert_the_loop_hardly_waits(found, record, waits)
    if mode == "whole":  # and nothing is left for the host to send with each call
        later = Waits({what: count for what, count in waits.items() if "model_patcher.py" not in what})
        assert max(later.values()) < int(record.split()[0]), later


def without_engine(odds: torch.Tensor, leaf: torch.Tensor) -> tuple[torch.Tensor]:
    """In place of a gradient, for autograd's engine asks CUDA's own driver: something that the network's answer decides."""
    return (odds.detach() * leaf.detach(),)


@cache
def led_here(method: str) -> torch.Tensor:
    return paint(guided(load(CHECKPOINT)[0], JUDGE, scale=3.0), half_masked(), label=0, **METHODS[method])[0]


@pytest.mark.parametrize(("mode", "method"), [*((mode, "repaint") for mode in MODES), ("whole", "kriged")])
def test_a_classifier_runs_as_on_the_cpu_however_it_is_loaded(mode, method, monkeypatch):
    """Its weights come to the device under inference mode, and back between two runs; to lead, it waits for nothing."""
    monkeypatch.setattr(torch.autograd, "grad", without_engine)
    here = led_here(method)
    with pretended_host(**MODES[mode]) as waits:
        import comfy.model_management as management

        model = load(CHECKPOINT)[0]
        lead = guided(model, JUDGE, scale=3.0)
        found = noted(lead, waits)
        for _ in range(2):
            found.clear()
            there, record = paint(lead, half_masked(), label=0, **METHODS[method])
            assert_alike(there, here)
            if mode != "novram":  # there every weight is sent anew with each call, the classifier's too
                assert_the_loop_hardly_waits(found, record, waits)
            management.unload_all_models()


@cache
def latent_here(kind: str) -> torch.Tensor:
    small = tiny(kind, CPU)
    return ksampler(small.model, small.latent, positive=small.positive, negative=small.negative, **KRIGED)[0]


# Dynamic loading gives Wan's parameters another device in place, which pretended tensors cannot do.
LATENT_RUNS = [
    *((kind, mode) for kind in ("SD1.5", "SDXL", "SD3", "Flux") for mode in ("whole", "novram", "gpu-only", "dynamic")),
    *(("Wan", mode) for mode in ("whole", "novram", "gpu-only")),
]


@pytest.mark.parametrize(("kind", "mode"), LATENT_RUNS)
def test_a_latent_model_paints_as_on_the_cpu_however_it_is_loaded(kind, mode):
    here = latent_here(kind)
    small = tiny(kind, CPU)  # its weights are drawn before the host believes in a GPU
    with pretended_host(**MODES[mode]) as waits:
        import comfy.model_management
        import comfy.model_patcher

        device = comfy.model_management.get_torch_device()
        model = comfy.model_patcher.CoreModelPatcher(small.model.model, load_device=device, offload_device=CPU)
        found = noted(model, waits)
        there, record = ksampler(model, small.latent, positive=small.positive, negative=small.negative, **KRIGED)
        assert_alike(there, here)
        known = small.known.expand_as(here)
        assert torch.equal(there.cpu()[known], small.latent["samples"][known])
    assert_the_loop_hardly_waits(found, record, waits)


def test_a_rule_that_the_model_brings_is_looked_at_once(host):
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    latent = half_masked()
    latent["noise_mask"] = latent["noise_mask"] * torch.linspace(0.2, 1, 16)

    def ruled():
        (model,) = DifferentialDiffusion.execute(load(CHECKPOINT)[0], 0.7).result
        return model

    here, _ = paint(ruled(), latent, label=0, **REPAINT)
    with pretended_host() as waits:
        model = ruled()
        found = noted(model, waits)
        there, record = paint(model, latent, label=0, **REPAINT)
        assert_alike(there, here)
    assert_the_loop_hardly_waits(found, record, waits)


SIDE = 48
FRAME = {"merge_distance": 4, "width": 32, "height": 32}


def image() -> torch.Tensor:
    return torch.rand(1, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))


def mask() -> torch.Tensor:
    out = torch.zeros(1, SIDE, SIDE)
    out[:, 12:30, 20:40] = 1
    out[:, 20:23, 30:33] = 0
    return out


def put_back(image, mask):
    crops, _, where, _ = run("crop", "CropForInpainting", image, mask, **FRAME, context_mask=mask.roll(9, -1))
    return run("stitch", "StitchBack", where, 0.9 * crops, colour_match=True, mask=mask)[0]


def edited(image, mask):
    return run("composite_edit", "CompositeEdit", image, 0.9 * image + 0.05, mask=mask, align=False)[0]


def inpainted(image, mask):
    from mask_guidance.nodes.class_label import conditioning

    settings = {**FEW_STEPS, "skip_steps": 2, "resample_r": 1, "size": 16, "variations": 2, "keep": "best"}
    settings["check_model"] = False
    return run("inpaint", "Inpaint", image, mask, *load(CHECKPOINT), positive=conditioning(0), **settings)[0]


def seen(image, mask, with_image: bool):
    from mask_guidance.nodes.pixel_vae import pixel_vae

    return run("model_view", "ModelView", mask, vae=pixel_vae(3), **({"image": image} if with_image else {}))[0]


NODES = {
    "Prepare Mask": lambda image, mask: run("prepare_mask", "PrepareMask", mask, fill_holes=True, grow=5, feather=4)[0],
    "Mask from Image": lambda image, mask: run("mask_from_image", "MaskFromImage", image)[0],
    "Pad for Outpainting": lambda image, mask: run("outpaint", "PadForOutpainting", image)[0],
    "Paper Test Mask": lambda image, mask: run("paper_mask", "PaperTestMask", image=image)[0].to(mask),
    "Fill, smooth": lambda image, mask: run("fill", "FillMaskedArea", image, mask)[0],
    "Fill, noise": lambda image, mask: run("fill", "FillMaskedArea", image, mask, fill="noise")[0],
    "Crop and Stitch": put_back,
    "What the Model Sees": partial(seen, with_image=True),
    "What the Model Sees, without a picture": partial(seen, with_image=False),
    "Composite Edit": edited,
    "Inpaint": inpainted,
}
# Where picture and mask are, and whether the host keeps results there.
PLACES = {
    "results on the CPU": ("cpu", "cpu", False),
    "gpu-only": ("cuda", "cuda", True),
    "a mask left on the GPU": ("cpu", "cuda", False),
    "a picture left on the GPU": ("cuda", "cpu", False),
}


@cache
def node_here(name: str) -> torch.Tensor:
    return NODES[name](image(), mask())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NODES)
def test_a_node_gives_the_cpus_picture_wherever_its_inputs_are(host, name, place):
    here = node_here(name)
    for_image, for_mask, gpu_only = PLACES[place]
    with pretended_host(gpu_only=gpu_only):
        there = NODES[name](image().to(for_image), mask().to(for_mask))
        assert_alike(there, here)


@pytest.mark.parametrize("name", ["Prepare Mask", "Fill, smooth", "Composite Edit", "Inpaint"])
def test_what_needs_float64_is_left_to_the_cpu_where_the_device_has_none(host, name):
    here = node_here(name)
    with pretended_host(float64=False):
        assert_alike(NODES[name](image(), mask()), here)


def test_a_model_makes_room_for_a_large_mask_and_stays_for_a_small_one(host):
    import comfy.model_management as management

    def loaded_after(side: int) -> int:
        run("prepare_mask", "PrepareMask", torch.ones(1, side, side), grow=5)
        return len(management.current_loaded_models)

    with pretended_host(free=2**22):
        model, _ = load(CHECKPOINT)
        management.load_models_gpu([model])
        assert loaded_after(64) == 1
        assert loaded_after(256) == 0
