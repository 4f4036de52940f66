"""The core on a pretended GPU (tests/pretend_cuda.py): every tensor in its place, and hardly a wait for the device."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from batch_runs import save_checkpoint
from chains import TABLE, half_known, pictures, toy_model, toy_model_with_variance
from mask_guidance.sampler import SOFT_MASKS, ImageNoise, Settings, paint
from mask_guidance.sampler import mask as m
from mask_guidance.sampler.adm import UNet
from mask_guidance.sampler.batch.painter import Painter, look_at
from mask_guidance.sampler.batch.settings import RunSettings
from mask_guidance.sampler.edit import composite_edit
from pretend_cuda import Pretend, Waits, pretended_cuda
from small_nets import BARE, SMALL, fill_randomly

MOST_WAITS = 0.2  # for each call of the model
ROUNDING = {"atol": 1e-5, "rtol": 1e-5}

REPAINT = Settings(method="repaint", skip_type="uniform", skip_steps=12, resample_j=4, resample_r=3)
FEEDBACK = Settings(method="feedback", skip_steps=12, resample_r=4)
KRIGED = Settings(method="kriged", skip_steps=12, resample_r=4)
DISTILLED = Settings(method="distilled", skip_type="trailing", skip_steps=8, resample_r=2)
CHAINS: dict[str, tuple[Callable, Settings]] = {
    "repaint, learned variance": (toy_model_with_variance, REPAINT),
    "repaint, fixed variance": (toy_model, REPAINT),
    "feedback": (toy_model, FEEDBACK),
    "kriged": (toy_model, KRIGED),
    "distilled": (toy_model, DISTILLED),
}


def there_and_here(work: Callable[[str], torch.Tensor], **device) -> tuple[torch.Tensor, torch.Tensor, Waits]:
    """What work gives on the pretended GPU and on the CPU, and how often the first waited."""
    with torch.inference_mode():
        here = work("cpu")
        with pretended_cuda(**device) as waits:
            there = work("cuda")
    assert isinstance(there, Pretend)
    return there.inner, here, waits


@pytest.mark.parametrize("soft_mask", SOFT_MASKS)
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_gives_the_cpus_picture_keeps_what_is_known_and_hardly_waits(name, soft_mask):
    model, settings = CHAINS[name]
    given, known = pictures(), half_known()
    calls = 0

    def chain(device):
        nonlocal calls
        kept = SOFT_MASKS[soft_mask](known.float().to(device), settings.skip_steps)
        for step in paint(model, TABLE, given.to(device), kept, settings, seed=1):
            calls = step.calls
        return step.x

    there, here, waits = there_and_here(chain, float64=False)
    torch.testing.assert_close(there, here, **ROUNDING)
    assert torch.equal(there[..., :4], given[..., :4])
    assert (waits.total() - 2) / calls <= MOST_WAITS, waits  # the two tensors that are given


def test_where_a_device_has_no_fourier_transform_kriging_measures_on_the_processor(monkeypatch):
    monkeypatch.setattr("mask_guidance.sampler.fields.WITH_FOURIER", ("cpu",))
    monkeypatch.setattr(torch.fft, "rfftn", refusing_a_gpu(torch.fft.rfftn))
    given, known = pictures(), half_known()

    def chain(device):
        *_, step = paint(toy_model, TABLE, given.to(device), known.to(device), KRIGED, seed=1)
        return step.x

    there, here, _ = there_and_here(chain, float64=False)
    torch.testing.assert_close(there, here, **ROUNDING)


def refusing_a_gpu(transform: Callable) -> Callable:
    def run(field, *rest, **named):
        assert field.device.type == "cpu"
        return transform(field, *rest, **named)

    return run


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_noise_is_the_cpus_to_the_bit_and_reaches_a_gpu_without_a_wait(dtype):
    def draws(device):
        noise, like = ImageNoise(3, range(2)), torch.empty(2, 3, 8, 8, dtype=dtype, device=device)
        return torch.stack([noise(like) for _ in range(3)])

    there, here, waits = there_and_here(draws)
    assert torch.equal(there, here)
    assert waits.total() == 0, waits


@pytest.mark.parametrize("classes", [None, 4])
@pytest.mark.parametrize("new_order", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_lies_on_its_device_whole(classes, new_order, dtype):
    config = SMALL.__class__(**{**vars(SMALL), "num_classes": classes, "use_new_attention_order": new_order})
    net = fill_randomly(UNet(config, BARE, dtype=dtype))
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    t, y = torch.tensor([10, 500]), None if classes is None else torch.tensor([1, 3])

    def run(device):
        return net.to(device)(x.to(device), t.to(device), None if y is None else y.to(device))

    there, here, _ = there_and_here(run)
    torch.testing.assert_close(there, here, **(ROUNDING if dtype == torch.float32 else {"atol": 0.05, "rtol": 0.05}))


def test_attention_is_laid_out_as_the_fast_kernels_of_gpus_want_it(monkeypatch):
    """They take features side by side only; else a GPU multiplies matrices of all places with all."""
    strides = []
    attention = F.scaled_dot_product_attention

    def seen(*qkv, **options):
        strides.extend(each.stride(-1) for each in qkv)
        return attention(*qkv, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", seen)
    for new_order in (False, True):
        net = fill_randomly(UNet(SMALL.__class__(**{**vars(SMALL), "use_new_attention_order": new_order}), BARE))
        with pretended_cuda():
            net.to("cuda")(torch.zeros(1, 3, 16, 16, device="cuda"), torch.tensor([5], device="cuda"))
    assert set(strides) == {1}


def test_a_batch_of_the_command_line_is_painted_on_its_device(tmp_path):
    settings = RunSettings(skip_steps=5, resample_r=2, dtype="fp32")
    found = look_at(save_checkpoint(tmp_path / "net.safetensors"), settings)
    given, known = torch.rand(1, 3, 16, 16) * 2 - 1, torch.ones(1, 1, 16, 16, dtype=torch.bool)
    known[..., 8:] = False

    def fill(device):
        done = Painter(found, settings, torch.device(device)).fill(given, known, [0], 0, lambda pictures: None)
        assert not isinstance(done, Pretend)  # it is saved from here
        return done.to(device)

    there, here, _ = there_and_here(fill)
    torch.testing.assert_close(there, here, atol=1e-4, rtol=1e-4)
    assert torch.equal(there[..., :8], given[..., :8])


SIDE = 48


def random_picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def masks() -> dict[str, torch.Tensor]:
    hard = torch.zeros(1, SIDE, SIDE)
    hard[:, 12:30, 20:40] = 1
    hard[:, 20:23, 28:31] = 0
    soft = 0.7 * hard + 0.1 * torch.rand(hard.shape, generator=torch.Generator().manual_seed(1))
    return {"hard": hard, "soft": soft}


def stitched(picture: torch.Tensor, mask: torch.Tensor, blend: str) -> torch.Tensor:
    crops = m.crop(picture, mask, m.Frame(1.5, size=(32, 32)), context=mask.roll(9, -1))
    return m.stitch(crops, 0.9 * crops.crops, blend, 4, colour_match=True, mask=mask).pictures


def found_edit(picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    edited = torch.lerp(0.95 * picture + 0.02, 1 - picture, (mask[:, None] > 0.5).to(picture))
    return composite_edit(picture[0], edited[0], mask[0]).picture


MASK_TOOLS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "grow": lambda picture, mask: m.grow(mask, 9),
    "grow far": lambda picture, mask: m.grow(mask, 300),
    "grow, diamond": lambda picture, mask: m.grow(mask, 5, "diamond"),
    "shrink": lambda picture, mask: m.shrink(mask, 2, "square"),
    "distance": lambda picture, mask: torch.cat([m.distance(mask > 0.5, metric) for metric in m.METRICS]),
    "holes": lambda picture, mask: m.fill_holes(mask),
    "specks": lambda picture, mask: m.remove_specks(mask, 50),
    "smooth outline": lambda picture, mask: m.smooth_outline(mask, 5),
    **{
        f"feather, {side}": partial(lambda picture, mask, side: m.feather(mask, 6, side), side=side)
        for side in m.FEATHERS
    },
    **{f"grid, {how}": partial(lambda picture, mask, how: m.to_grid(mask, (7, 9), how), how=how) for how in m.SNAPPING},
    **{f"fill, {how}": partial(lambda picture, mask, how: m.fill(picture, mask, how), how=how) for how in m.FILLS},
    **{f"stitch, {blend}": partial(stitched, blend=blend) for blend in m.BLENDS},
    "from colour": lambda picture, mask: m.from_colour(picture, (0.5, 0.5, 0.5), 0.3, 0.1),
    "from luminance": lambda picture, mask: m.from_luminance(picture, 0.2, 0.6, 0.1),
}


def assert_alike_there(tool: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], mask: torch.Tensor) -> None:
    there, here, _ = there_and_here(lambda device: tool(random_picture().to(device), mask.to(device)))
    torch.testing.assert_close(there, here, **ROUNDING)


@pytest.mark.parametrize("kind", masks())
@pytest.mark.parametrize("name", MASK_TOOLS)
def test_a_mask_tool_works_where_its_tensors_are(name, kind):
    assert_alike_there(MASK_TOOLS[name], masks()[kind])


def test_an_edit_is_found_where_its_tensors_are():
    assert_alike_there(found_edit, masks()["hard"])


def test_distances_look_whether_they_are_done_a_few_times_only():
    corner = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    corner[:, 0, 0] = True
    there, here, waits = there_and_here(lambda device: m.distance(corner.to(device), within=200))
    assert torch.equal(there, here)
    assert waits.total() <= 5, waits  # the set, and 48 steps
