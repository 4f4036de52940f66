"""The loader node in the host: files that cannot be used, names that arrive by a link, and Cancel while it looks."""

import sys
from pathlib import Path

import pytest
import torch
import workflows
from checkpoints import save_tiny
from nodes_by_hand import load


@pytest.fixture
def silent(models_folder):
    """A checkpoint that says nothing of itself, so that all is probed."""
    save_tiny(models_folder / "silent.pt", num_classes=None)
    (models_folder / "silent.json").unlink()
    return "silent.pt"


def test_cancel_ends_a_probe_at_the_next_reading(silent, monkeypatch):
    import comfy.model_management as management
    from mask_guidance.sampler.adm import UNet

    passes = []
    forward = UNet.forward

    def cancelled_in_the_second(self, *arguments):
        passes.append(1)
        if len(passes) == 2:
            management.interrupt_current_processing()  # what the button does, from another thread
        return forward(self, *arguments)

    monkeypatch.setattr(UNet, "forward", cancelled_in_the_second)
    with pytest.raises(management.InterruptProcessingException):
        load(silent)
    assert len(passes) == 2


def test_a_file_is_named_once(models_folder):
    (models_folder / "broken.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"^broken\.safetensors: ") as caught:
        load("broken.safetensors")
    assert str(caught.value).count("broken") == 1


def test_weights_that_are_no_numbers_are_refused(models_folder):
    save_tiny(models_folder / "nan.pt")
    tensors = torch.load(models_folder / "nan.pt", weights_only=True)
    tensors["out.2.bias"][0] = float("nan")
    torch.save(tensors, models_folder / "nan.pt")
    with pytest.raises(
        ValueError, match=r"^nan\.pt: Tensor out\.2\.bias holds numbers that are infinite or not numbers"
    ):
        load("nan.pt")


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is mapped")
@pytest.mark.parametrize("name", ["mapped.pt", "mapped.safetensors"])
def test_weights_stay_in_their_file_until_they_are_used(models_folder, name):
    save_tiny(models_folder / name)
    model, _ = load(name)
    place = model.model.diffusion_model.out[2].weight.data_ptr()
    maps = [
        line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(name)
    ]
    assert any(int(first, 16) <= place < int(end, 16) for first, end in maps)


@pytest.mark.parametrize("name", ["../../tiny.pt", "nobody.pt", 5, None])
def test_a_linked_name_that_is_no_checkpoint_is_a_sentence(host, name):
    with pytest.raises(
        ValueError, match=r"^(model_name is .*, but must be a name|'.*' is not in models/guided_diffusion)"
    ):
        load(name)


def linked(picture: str, name: str) -> dict:
    """The tiny workflow, its checkpoint's name from another node."""
    workflow = workflows.tiny(picture)
    loader = next(node for node in workflow.values() if node["class_type"] == "MaskGuidanceLoadModel")
    loader["inputs"]["model_name"] = ["90", 0]
    workflow["91"] = {"class_type": "PrimitiveString", "inputs": {"value": name}}
    workflow["90"] = {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": True, "on_true": ["91", 0], "on_false": ["91", 0]},
    }
    return workflow


def test_a_linked_name_is_loaded(comfy, picture):
    assert comfy.run(linked(picture, "tiny.pt")).error is None


def test_a_linked_name_that_is_not_there_is_told(comfy, picture):
    run = comfy.run(linked(picture, "nobody.pt"))
    assert "'nobody.pt' is not in models/guided_diffusion." in str(run.error)


def test_the_folder_for_checkpoints_is_there_from_the_start(host, monkeypatch, tmp_path):
    from mask_guidance.nodes import model_folder

    monkeypatch.setitem(host.folder_names_and_paths, model_folder.FOLDER, ([], set()))
    monkeypatch.setattr(host, "models_dir", str(tmp_path / "models"))
    for _ in range(2):
        model_folder.register()
        assert (tmp_path / "models" / "guided_diffusion").is_dir()


def test_where_no_folder_can_be_made_a_line_says_so_and_the_example_is_still_listed(
    host, monkeypatch, tmp_path, caplog
):
    from mask_guidance.nodes import model_folder

    (tmp_path / "plain file").touch()
    monkeypatch.setitem(host.folder_names_and_paths, model_folder.FOLDER, ([], set()))
    monkeypatch.setattr(host, "models_dir", str(tmp_path / "plain file" / "models"))
    model_folder.register()
    assert "guided_diffusion could not be made" in caplog.text
    assert "eight_styles_64.safetensors" in model_folder.names()
