"""The page asks what is in a model's file before anything runs."""

import json
from urllib.parse import quote

import pytest
from checkpoints import save_classifier, save_tiny

EXAMPLE = "eight_styles_64.safetensors"
STYLES = ["landscape", "planets", "sprouts", "critters"]


@pytest.fixture
def folder(host, tmp_path, monkeypatch):
    """models/guided_diffusion with files of our own."""
    from mask_guidance.nodes import model_folder

    monkeypatch.setattr(model_folder, "names", lambda: [file.name for file in tmp_path.iterdir()])
    monkeypatch.setattr(model_folder, "path_of", lambda name: tmp_path / name)
    return tmp_path


def test_the_example_model_names_its_classes_and_its_size(comfy):
    told = comfy.get(f"/mask_guidance/model?file={EXAMPLE}")
    assert told["classes"] == len(told["names"]) == 9
    assert told["names"][:4] == STYLES
    assert (told["any"], told["size"]) == (8, 64)


def test_a_sidecar_written_later_is_believed_at_once(folder):
    from mask_guidance.nodes.model_route import answer

    save_tiny(folder / "tiny.safetensors")
    assert answer("tiny.safetensors") == {"classes": 4, "names": [], "any": 3, "size": 16}
    (folder / "tiny.json").write_text(json.dumps({"class_names": ["cat", "dog", "owl", "any"]}))
    assert answer("tiny.safetensors")["names"] == ["cat", "dog", "owl", "any"]


def test_a_model_without_classes_says_so(folder):
    from mask_guidance.nodes.model_route import answer

    save_tiny(folder / "plain.safetensors", num_classes=None)
    assert answer("plain.safetensors") == {"classes": 0, "names": [], "any": None, "size": 16}


def test_a_thousand_classes_are_imagenets(folder):
    from mask_guidance.nodes.model_route import answer

    save_tiny(folder / "adm.safetensors", num_classes=1000)
    names = answer("adm.safetensors")["names"]
    assert (len(names), names[0]) == (1000, "tench")


def test_a_classifier_tells_its_classes_too(folder):
    from mask_guidance.nodes.model_route import answer

    save_classifier(folder / "judge.safetensors")
    assert answer("judge.safetensors") == {"classes": 4, "names": [], "any": None, "size": 16}


def test_a_broken_file_is_told_in_a_sentence(folder):
    from mask_guidance.nodes.model_route import answer

    (folder / "broken.safetensors").write_bytes(b"no weights")
    assert "damaged" in answer("broken.safetensors")["error"]


@pytest.mark.parametrize("name", ["", "no_such_file.pt", "../../main.py", "/etc/passwd"])
def test_files_outside_the_list_are_not_read(comfy, name):
    told = comfy.get(f"/mask_guidance/model?file={quote(name)}")
    assert told == {"error": f"'{name}' is not in models/guided_diffusion."}
