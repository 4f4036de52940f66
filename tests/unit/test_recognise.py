"""Hidden flags from what is written in and beside a checkpoint, and the report on all of it."""

import json
from dataclasses import replace

import pytest
import torch
import yaml
from mask_guidance.sampler.checkpoint import METADATA_KEY, CheckpointError
from mask_guidance.sampler.recognition import describe, flags_in, recognise
from safetensors.torch import save_file
from small_nets import SMALL, state_dict_of

KNOWN = {"num_heads": 2, "num_head_channels": -1, "use_new_attention_order": False, "noise_schedule": "linear"}

# The same facts in the words of four code bases: 32 channels a head, new order, cosine, 4000 steps, x0, 64 pixels.
GUIDED_DIFFUSION = {
    "image_size": 64,
    "num_channels": 32,
    "num_head_channels": 32,
    "num_heads": 4,
    "use_new_attention_order": True,
    "noise_schedule": "cosine",
    "diffusion_steps": 4000,
    "rescale_timesteps": True,
    "predict_xstart": True,
    "dropout": 0.1,
}
REPAINT = {
    **GUIDED_DIFFUSION,
    "attention_resolutions": "32,16,8",
    "classifier_path": None,
    "schedule_jump_params": {"t_T": 250, "n_sample": 1, "jump_length": 10, "jump_n_sample": 10},
    "data": {"eval": {"paper_face_mask": {"image_size": 64, "batch_size": 4}}},
}
XYFJASON = {
    "data": {"dataroot": "~/data", "img_size": 256},
    "model": {"target": "models.adm.UNet", "params": {"image_size": 64, "num_head_channels": 32, "num_heads": 4,
                                                      "use_new_attention_order": True}},
    "diffusion": {
        "target": "diffusions.ddpm.DDPM",
        "params": {"total_steps": 4000, "beta_schedule": "cosine", "rescale_timesteps": True, "objective": "pred_x0"},
    },
}  # fmt: skip
DPS = {
    "image_size": 64,
    "num_channels": 32,
    "num_heads": 4,
    "num_head_channels": 32,
    "use_new_attention_order": True,
    "use_fp16": False,
    "diffusion": {"steps": 1000, "noise_schedule": "cosine", "num_diffusion_timesteps": 4000, "rescale_timesteps": True,
                  "model_mean_type": "start_x", "model_var_type": "learned_range"},
}  # fmt: skip
DIALECTS = {"guided-diffusion": GUIDED_DIFFUSION, "RePaint": REPAINT, "xyfJASON": XYFJASON, "DPS": DPS}


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "my.model_010000.pt"
    torch.save(state_dict_of(SMALL), path)
    return path


def assert_told(detection, source):
    assert detection.config.heads(64) == 2  # 32 channels a head
    assert detection.config.use_new_attention_order is True
    diffusion = detection.diffusion
    assert (diffusion.noise_schedule, diffusion.diffusion_steps, diffusion.rescale_timesteps) == ("cosine", 4000, True)
    assert diffusion.prediction == "x0"
    assert detection.image_size == 64
    flags = ("num_head_channels", "use_new_attention_order", "noise_schedule", "diffusion_steps", "prediction")
    assert {detection.sources[flag] for flag in flags} == {source}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_sidecar_file_is_read_in_the_words_of_every_code_base(checkpoint, dialect, suffix):
    write = json.dumps if suffix == ".json" else yaml.safe_dump
    checkpoint.with_suffix(suffix).write_text(write(DIALECTS[dialect]))
    assert_told(recognise(checkpoint).detection, f"sidecar my.model_010000{suffix}")


def test_metadata_of_safetensors_is_read(tmp_path):
    path = tmp_path / "file.safetensors"
    save_file(state_dict_of(SMALL), path, {METADATA_KEY: json.dumps(GUIDED_DIFFUSION), "format": "pt"})
    assert_told(recognise(path).detection, "metadata")


def test_sidecar_is_believed_over_metadata_and_you_over_both(tmp_path):
    path = tmp_path / "file.safetensors"
    told = [{**KNOWN, "diffusion_steps": steps, "image_size": steps} for steps in (100, 200)]
    save_file(state_dict_of(SMALL), path, {METADATA_KEY: json.dumps(told[0])})
    assert recognise(path).detection.diffusion.diffusion_steps == 100
    path.with_suffix(".json").write_text(json.dumps(told[1]))
    assert recognise(path).detection.diffusion.diffusion_steps == 200
    mine = recognise(path, overrides={"diffusion_steps": 300}).detection
    assert (mine.diffusion.diffusion_steps, mine.sources["diffusion_steps"]) == (300, "you")
    assert (mine.image_size, mine.sources["image_size"]) == (200, "sidecar file.json")


def test_class_names_and_null_class_come_from_the_sidecar(tmp_path):
    path = tmp_path / "file.pt"
    torch.save(state_dict_of(replace(SMALL, num_classes=3)), path)
    told = {**KNOWN, "class_names": ["cat", "dog", "any"], "null_class": 2}
    path.with_suffix(".json").write_text(json.dumps(told))
    detection = recognise(path).detection
    assert detection.class_names == ("cat", "dog", "any")
    assert detection.null_class == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".json", "{broken"),
        (".json", b"\xff\xfe"),
        (".yaml", "a: [1, 2"),
        (".yml", "\tx: 1"),
        (".yaml", b"\xff\xfe\x00"),
    ],
)
def test_sidecar_that_cannot_be_read_is_told(checkpoint, name, text):
    checkpoint.with_suffix(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CheckpointError, match=rf"my\.model_010000\{name} cannot be read: "):
        recognise(checkpoint)


def test_metadata_that_cannot_be_read_is_told(tmp_path):
    path = tmp_path / "file.safetensors"
    save_file(state_dict_of(SMALL), path, {METADATA_KEY: "{broken"})
    with pytest.raises(CheckpointError, match=f"{METADATA_KEY} cannot be read as JSON"):
        recognise(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"predict_xstart": True}, {"prediction": "x0"}),
        ({"predict_xstart": False}, {"prediction": "eps"}),
        ({"sigma_small": True}, {"var_type": "fixed_small"}),
        ({"sigma_small": False}, {}),
        ({"num_head_channels": None}, {"num_head_channels": -1}),
        ({"num_heads_channels": 64}, {"num_head_channels": 64}),
        ({"noise_schedule": None}, {}),
        ({"a": {"b": {"c": {"total_steps": 7}}}}, {"diffusion_steps": 7}),
        ({"diffusion_steps": 1, "nested": {"diffusion_steps": 2}}, {"diffusion_steps": 1}),
        ({"nested": {"diffusion_steps": 2}, "diffusion_steps": 1}, {"diffusion_steps": 1}),
        ({"learning_rate": 1e-4, "data": [1, 2]}, {}),
        (None, {}),
        ("text", {}),
    ],
)
def test_flags_are_picked_out_of_a_configuration(content, expected):
    assert flags_in(content) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pred_eps", "eps"), ("epsilon", "eps"), ("pred_x0", "x0"), ("sample", "x0"), ("pred_v", "v"),
     ("v_prediction", "v"), ("v", "v")],
)  # fmt: skip
def test_prediction_is_understood_in_other_words(checkpoint, name, expected):
    found = recognise(checkpoint, overrides={**KNOWN, "prediction": name})
    assert found.detection.diffusion.prediction == expected


def test_report_names_what_was_found_and_who_said_so(tmp_path):
    path = tmp_path / "file.pt"
    torch.save({"ema": state_dict_of(replace(SMALL, num_classes=3))}, path)
    told = {"class_names": ["cat", "dog", "any"], "noise_schedule": "cosine", "rescale_timesteps": True}
    path.with_suffix(".json").write_text(json.dumps(told))
    report = describe(recognise(path, overrides={"num_heads": 2, "use_new_attention_order": True}))
    for fact in (
        "weights from 'ema'",
        "32 channels x 1, 2",
        "attention at 1/2: 2 heads   [you], new order   [you]",
        "3 in, 6 out; classes: 3 (cat, dog, any)",
        "cosine, 1000 steps, rescaled timesteps   [sidecar file.json]",
        "predicts eps   [guess]",
        "multiples of 2",
    ):
        assert fact in report


def test_report_of_a_network_that_attends_in_the_middle_only(tmp_path):
    path = tmp_path / "file.pt"
    torch.save(state_dict_of(replace(SMALL, attention_ds=())), path)
    assert "attention at the middle: 2 heads" in describe(recognise(path, overrides=KNOWN))
