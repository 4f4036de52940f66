"""The nodes in the real server, through the interface the page uses."""

import numpy as np
import pytest
import workflows

ROUTES = {
    **{("POST", f"{before}/mask_guidance/schedule"): "schedule_route" for before in ("", "/api")},
    **{
        (method, f"{before}/mask_guidance/model"): "model_route"
        for before in ("", "/api")
        for method in ("GET", "HEAD")
    },
}


def saved(comfy, run, node: str = "8") -> np.ndarray:
    assert run.error is None
    return workflows.pictures(comfy, run, node)[0]


def message(run) -> str:
    assert run.error is not None
    return str(run.error)


def test_each_of_our_routes_is_there_once_and_ours(comfy):
    """Whatever else the server has, other packs' too: see test_other_packs.py."""
    found = [((method, path), module) for method, path, module in comfy.get("/tests/routes") if "mask_guidance" in path]
    assert sorted(route for route, _ in found) == sorted(ROUTES)
    assert all(module.endswith(f".nodes.{ROUTES[route]}") for route, module in found)


def test_two_runs_give_the_same_bytes(comfy, picture):
    workflow = workflows.tiny(picture)
    assert (saved(comfy, comfy.run(workflow)) == saved(comfy, comfy.run(workflow))).all()


def test_another_seed_gives_another_picture(comfy, picture):
    first, second = (comfy.run(workflows.tiny(picture, seed=seed)) for seed in (1, 2))
    assert (saved(comfy, first) != saved(comfy, second)).any()


def test_pt_and_safetensors_paint_the_same(comfy, picture):
    first = comfy.run(workflows.tiny(picture, "tiny.safetensors"))
    second = comfy.run(workflows.tiny(picture, "tiny.pt"))
    assert (saved(comfy, first) == saved(comfy, second)).all()


def test_half_precision_storage_paints_nearly_the_same(comfy, picture):
    workflow = workflows.tiny(picture, "tiny_fp16.safetensors")
    workflow["1"]["inputs"]["dtype"] = "fp16"
    full = saved(comfy, comfy.run(workflows.tiny(picture))).astype(int)
    half = saved(comfy, comfy.run(workflow)).astype(int)
    assert np.abs(full - half).mean() < 8  # of 255; a network read wrongly differs by about 60


def test_progress_counts_every_model_call_jumps_included(comfy, picture):
    run = comfy.run(workflows.tiny(picture, skip_steps=6, resample_r=3, resample_j=2))
    calls = 6 + (3 - 1) * 2 * 2  # two feet of jumps: steps 0 and 2
    seen = [value for value, total in run.progress if total == calls]  # the host leaves out some that come too fast
    assert seen == sorted(set(seen))
    assert (seen[0], seen[-1]) == (1, calls)


def test_previews_come_with_the_first_and_the_last_model_call(comfy, picture):
    run = comfy.run(workflows.tiny(picture, skip_steps=6, resample=False))
    assert 2 <= len(run.previews) <= 6  # as many as ten a second allow


def test_interrupt_stops_in_the_middle_of_a_long_run(comfy, picture):
    run = comfy.run(workflows.tiny(picture, skip_steps=1000, resample_r=1), interrupt_after=5)
    assert run.interrupted
    assert len(run.progress) < 20


def test_an_unconditional_model_needs_no_conditioning(comfy, picture):
    workflow = workflows.tiny(picture, "tiny_unconditional.pt")
    del workflow["6"]["inputs"]["positive"], workflow["5"]
    saved(comfy, comfy.run(workflow))


def test_a_class_conditional_model_without_label_says_what_to_connect(comfy, picture):
    workflow = workflows.tiny(picture, "must_be_told.safetensors")
    del workflow["6"]["inputs"]["positive"], workflow["5"]
    assert "connect a Class Label node" in message(comfy.run(workflow))


def test_stock_ksampler_samples_the_model(comfy, picture):
    workflow = workflows.tiny(picture)
    workflow["6"] = {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "latent_image": ["4", 0], "positive": ["5", 0], "negative": ["5", 0],
            "seed": 1, "steps": 4, "cfg": 2.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0,
        },
    }  # fmt: skip
    del workflow["11"]
    saved(comfy, comfy.run(workflow))


def test_an_empty_stock_latent_becomes_a_picture(comfy, picture):
    workflow = workflows.tiny(picture)
    workflow["4"] = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 32, "batch_size": 2}}
    run = comfy.run(workflow)
    assert saved(comfy, run).shape == (32, 64, 3)
    assert len(run.outputs["8"]["images"]) == 2


def test_resampling_schedule_counts_the_calls_that_the_sampler_makes(comfy, picture):
    workflow = workflows.tiny(picture, skip_steps=8, resample_r=3, resample_j=3)
    settings = (
        "preset",
        "method",
        "feedback",
        "skip_type",
        "skip_steps",
        "resample_r",
        "resample_j",
        "start_resampling",
    )
    inputs = {"model": ["1", 0], **{setting: workflow["6"]["inputs"][setting] for setting in settings}}
    workflow["12"] = {"class_type": "MaskGuidanceSchedule", "inputs": inputs}
    workflow["14"] = {"class_type": "PreviewAny", "inputs": {"source": ["12", 1]}}
    run = comfy.run(workflow)
    assert run.outputs["14"]["text"][0] == str(max(total for _value, total in run.progress))


def test_checkpoints_are_listed_and_nothing_else(comfy):
    listed = comfy.get("/api/models/guided_diffusion")
    assert {"tiny.pt", "tiny.safetensors", "eight_styles_64.safetensors"} <= set(listed)
    assert not [name for name in listed if name.endswith((".json", ".md"))]


def test_a_path_outside_the_models_folder_is_refused(comfy, picture):
    assert "model_name" in message(comfy.run(workflows.tiny(picture, "../../tiny.pt")))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        ("page.pt", b"<!DOCTYPE html><html></html>", "web page"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named_with_its_remedy(comfy, picture, name, content, words):
    (comfy.models / name).write_bytes(content)
    answer = message(comfy.run(workflows.tiny(picture, name)))
    assert words in answer
    assert name in answer
