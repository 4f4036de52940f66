"""What happens to others' work when something breaks: no memory, no disk, Cancel at any moment."""

import pytest
import torch
from nodes_by_hand import paint
from test_mask_nodes import PICTURE, box_mask, run

SMALL = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
METHODS = ("repaint", "feedback", "kriged")


def latent() -> dict:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 4:] = 1
    return {"samples": SMALL.clone(), "noise_mask": mask}


def breaks_at(model, call: int, error: type[BaseException]):
    """A copy of a MODEL whose network raises an error at one of its calls."""
    made = 0

    def wrapper(apply, args):
        nonlocal made
        made += 1
        if made == call:
            raise error("as ordered")
        return apply(args["input"], args["timestep"], **args["c"])

    broken = model.clone()
    broken.set_model_unet_function_wrapper(wrapper)
    return broken


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("call", [1, 2, 5, 8])
def test_the_host_hears_of_a_network_out_of_memory_as_such_and_the_next_run_is_as_if_nothing_was(tiny, method, call):
    model, _ = tiny
    whole, _ = paint(model, latent(), method=method)
    given = latent()
    with pytest.raises(torch.OutOfMemoryError, match="as ordered"):
        paint(breaks_at(model, call, torch.OutOfMemoryError), given, method=method)
    assert torch.equal(given["samples"], SMALL)
    assert torch.equal(paint(model, given, method=method)[0], whole)


@pytest.mark.parametrize("method", METHODS)
def test_cancel_at_any_call_ends_the_run_and_the_next_one_is_as_if_nothing_was(tiny, method):
    import comfy.model_management

    model, _ = tiny
    whole, record = paint(model, latent(), method=method)
    calls = int(record.split(" ", 1)[0])
    for stop in range(1, calls + 1):
        given = latent()
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            paint(breaks_at(model, stop, comfy.model_management.InterruptProcessingException), given, method=method)
        assert torch.equal(given["samples"], SMALL)
    assert torch.equal(paint(model, latent(), method=method)[0], whole)


@pytest.fixture
def no_temp_folder(host, tmp_path):
    """A temp folder that takes no files, whoever asks: it lies under a plain file."""
    before = host.get_temp_directory()
    (tmp_path / "plain file").touch()
    host.set_temp_directory(str(tmp_path / "plain file" / "temp"))
    yield
    host.set_temp_directory(before)


def test_stitch_back_gives_its_picture_though_its_preview_finds_no_place(no_temp_folder, caplog):
    crops, _, cut, _ = run("crop", "CropForInpainting", PICTURE, box_mask(), width=32, height=32)
    stitched, report, _ = run("stitch", "StitchBack", cut, 1 - crops)
    assert not torch.equal(stitched, PICTURE)
    assert "0 beyond it" in report
    assert "the result is not affected" in caplog.text


def test_cancel_stops_a_batch_of_test_masks(host):
    import comfy.model_management
    import comfy.utils

    before, drawn = comfy.utils.PROGRESS_BAR_HOOK, 0

    def cancelled(*args, **options):
        nonlocal drawn
        drawn += 1
        if drawn == 2:
            raise comfy.model_management.InterruptProcessingException

    comfy.utils.set_progress_bar_global_hook(cancelled)
    try:
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            run("paper_mask", "PaperTestMask", width=64, height=64, batch_size=4096)
    finally:
        comfy.utils.set_progress_bar_global_hook(before)
