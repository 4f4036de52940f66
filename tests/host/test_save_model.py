"""Save Guided-Diffusion Model in the host: what it writes loads again as the same model."""

import json

import pytest
import torch
import workflows
from checkpoints import save_tiny
from nodes_by_hand import load, paint
from safetensors import safe_open
from tiny_models import tiny as text_model

LAYER = "input_blocks.1.0.in_layers.2.weight"


@pytest.fixture
def output(host, models_folder, monkeypatch, tmp_path):
    """The host's output folder, in which the loader looks too."""
    from mask_guidance.nodes import model_folder

    monkeypatch.setattr(host, "output_directory", str(tmp_path))
    monkeypatch.setitem(host.folder_names_and_paths, model_folder.FOLDER, ([str(models_folder)], set()))
    model_folder.register()
    return tmp_path / model_folder.FOLDER


@torch.inference_mode()
def save(model, dtype="as is", prefix="guided_diffusion/net") -> str:
    from mask_guidance.nodes.save_model import SaveGuidedDiffusionModel

    return SaveGuidedDiffusionModel.execute(model, prefix, dtype).result[0]


def weights(model) -> dict:
    return model.model.diffusion_model.state_dict()


def stored(path) -> dict:
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def assert_equal(tensors: dict, expected: dict) -> None:
    assert tensors.keys() == expected.keys()
    assert all(
        torch.equal(value, expected[key]) and value.dtype == expected[key].dtype for key, value in tensors.items()
    )


def with_lora(model):
    """A clone whose layer LAYER is changed by the host's patches, and what the layer should be."""
    change = torch.full_like(weights(model)[LAYER], 0.25)
    patched = model.clone()
    assert patched.add_patches({f"diffusion_model.{LAYER}": ("diff", (change,))})
    return patched, weights(model)[LAYER] + change


def test_a_saved_model_loads_again_as_the_same_and_paints_the_same_picture(tiny, output):
    model, _ = tiny
    save(model)
    again, _ = load("net_00001_.safetensors")
    assert_equal(weights(again), weights(model))
    found, before = again.model.detection, model.model.detection
    assert (found.config, found.diffusion, found.null_class) == (before.config, before.diffusion, before.null_class)
    assert set(found.sources.values()) == {"metadata"}
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 16:] = 1
    latent = {"samples": torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)), "noise_mask": mask}
    assert torch.equal(paint(again, latent)[0], paint(model, latent)[0])


def test_each_file_has_a_name_of_its_own(tiny, output):
    model, _ = tiny
    assert save(model) == str(output / "net_00001_.safetensors")
    first = (output / "net_00001_.safetensors").read_bytes()
    save(model, "fp16")
    assert {path.name for path in output.iterdir()} == {"net_00001_.safetensors", "net_00002_.safetensors"}
    assert (output / "net_00001_.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    ("loaded", "saved", "expected"),
    [("fp16", "as is", torch.float16), ("fp32", "bf16", torch.bfloat16), ("fp16", "fp32", torch.float32)],
)
def test_the_torso_is_saved_in_the_dtype_that_was_asked_for(tiny, output, loaded, saved, expected):
    model, _ = load("in_process.safetensors", dtype=loaded)
    save(model, saved)
    tensors = stored(output / "net_00001_.safetensors")
    assert tensors[LAYER].dtype == expected
    assert tensors["out.2.weight"].dtype == torch.float32


@pytest.mark.parametrize("chosen", ["ema", "model"])
def test_of_a_training_file_the_weights_that_were_loaded_are_saved(models_folder, output, chosen):
    save_tiny(models_folder / "training.pt", num_classes=None)
    plain = torch.load(models_folder / "training.pt", weights_only=True)
    sets = {"ema": plain, "model": {key: value + 0.01 for key, value in plain.items()}, "step": 1000}
    torch.save(sets, models_folder / "training.pt")
    save(load("training.pt", weights=chosen)[0])
    assert_equal(stored(output / "net_00001_.safetensors"), sets[chosen])


@torch.inference_mode()
@pytest.mark.parametrize("loaded", [None, "without", "with"])
def test_a_lora_is_worked_into_the_weights_whatever_is_loaded(tiny, output, loaded):
    import comfy.model_management

    model, _ = tiny
    before = {key: value.clone() for key, value in weights(model).items()}
    patched, changed = with_lora(model)
    if loaded:
        comfy.model_management.load_models_gpu([patched if loaded == "with" else model])
    save(patched)
    tensors = stored(output / "net_00001_.safetensors")
    torch.testing.assert_close(tensors.pop(LAYER), changed)
    assert_equal(tensors, {key: value for key, value in before.items() if key != LAYER})


@torch.inference_mode()
def test_what_another_clone_has_in_the_shared_weights_is_not_saved(tiny, output):
    import comfy.model_management

    model, _ = tiny
    before = {key: value.clone() for key, value in weights(model).items()}
    comfy.model_management.load_models_gpu([with_lora(model)[0]], force_patch_weights=True)
    assert not torch.equal(weights(model)[LAYER], before[LAYER])
    save(model)
    assert_equal(stored(output / "net_00001_.safetensors"), before)


def test_another_model_is_sent_to_the_hosts_own_node(output):
    with pytest.raises(
        ValueError, match=r"^This model is not from Load Guided.*; save it with ComfyUI's own ModelSave\.$"
    ):
        save(text_model("SD1.5").model)
    assert not output.exists()


def test_a_model_that_half_precision_cannot_hold_is_refused_with_the_files_name(tiny, output, models_folder):
    tensors = stored(models_folder / "in_process.safetensors")
    tensors[LAYER] = tensors[LAYER] + 1e5
    torch.save(tensors, models_folder / "large.pt")
    with pytest.raises(
        ValueError, match=r"^'net_00001_\.safetensors' is not saved: Tensor input_blocks.* as float16; save"
    ):
        save(load("large.pt", num_heads=2, noise_schedule="cosine")[0], "fp16")
    assert not [*output.iterdir()]


@pytest.mark.parametrize(
    ("prefix", "complaint"),
    [
        ("../../x", r"^filename_prefix is '../../x', but must be in ComfyUI's output folder\.$"),
        ("", r"^filename_prefix is '', but must be a name for the file\.$"),
        ("guided_diffusion/..", r"must be a name for the file\.$"),
        ("a\0b", r"^filename_prefix is 'a\\x00b', but must be a name for the file\.$"),
        ("n" * 300, r"^'nnn.*\.safetensors' is not saved: [^\\[]+$"),
        ("n" * 300 + "/x", r"^filename_prefix is .*, but its folder cannot be made \(.+\); choose another\.$"),
    ],
)
def test_a_name_that_no_file_can_have_is_a_sentence(tiny, output, prefix, complaint):
    with pytest.raises(ValueError, match=complaint) as told:
        save(tiny[0], prefix=prefix)
    assert len(str(told.value)) < 200
    assert not [path for path in output.parent.rglob("*") if path.is_file()]


def test_a_workflow_saves_a_file_that_the_server_lists_and_runs(comfy, picture):
    workflow = workflows.tiny(picture, "tiny.pt")
    save_node = {"model": ["1", 0], "filename_prefix": "guided_diffusion/from_server", "dtype": "as is"}
    workflow["90"] = {"class_type": "MaskGuidanceSaveModel", "inputs": save_node}
    first = comfy.run(workflow)
    assert first.error is None
    name = "from_server_00001_.safetensors"
    with safe_open(comfy.folder / "output" / "guided_diffusion" / name, "pt") as file:
        assert json.loads(file.metadata()["prompt"])["90"]["class_type"] == "MaskGuidanceSaveModel"
    assert name in comfy.get("/api/models/guided_diffusion")
    again = comfy.run(workflows.tiny(picture, name))
    assert again.error is None
    pixels = [workflows.pictures(comfy, run, "8")[0] for run in (first, again)]
    assert (pixels[0] == pixels[1]).all()
