"""A family of networks is one folder and one row: the one of throwaway_family.py, through the library and the command line.

CONTRIBUTING's recipe "a model family" points here; tests/host/test_recipe_family_nodes.py does the same through the nodes.
"""

import pickle

import pytest
import torch
from batch_runs import SHORT, pixels, save_masks, save_pictures
from mask_guidance.sampler import families
from mask_guidance.sampler.batch import main
from mask_guidance.sampler.batch.painter import Painter
from mask_guidance.sampler.batch.settings import RunSettings
from mask_guidance.sampler.checkpoint import CheckpointError, DiffusionConfig
from mask_guidance.sampler.recognition import describe, files_that_count, load_network, read_again, recognise
from throwaway_family import CONFIG, TOY, WRITTEN, save_toy, toy_network


@pytest.fixture
def row(monkeypatch):
    """The one row."""
    monkeypatch.setattr(families, "FAMILIES", (*families.FAMILIES, TOY))


def test_without_its_row_the_family_is_unknown(tmp_path):
    with pytest.raises(CheckpointError, match=r"unknown family: expected guided-diffusion's keys .*, found first\.b"):
        recognise(save_toy(tmp_path))


def test_its_keys_are_among_those_expected(row, tmp_path):
    torch.save({"else.weight": torch.zeros(1)}, tmp_path / "file.pt")
    with pytest.raises(CheckpointError, match=r"or toy's keys \(first\.w, last\.w \.\.\.\), found else\.weight"):
        recognise(tmp_path / "file.pt")


def test_shapes_configuration_file_and_names_are_recognised(row, tmp_path):
    found = recognise(save_toy(tmp_path)).detection
    assert found.config == CONFIG
    assert found.diffusion == DiffusionConfig("cosine", 500)
    assert (found.channels, found.num_classes, found.size_multiple, found.has_variance) == (3, 3, 4, True)
    assert (found.class_names, found.null_class) == (("cat", "dog", "any"), 2)
    assert (found.sources["strength"], found.sources["image_size"]) == ("toy_config.json", "guess")


def test_the_network_computes_what_was_saved(row, tmp_path):
    net, _ = load_network(save_toy(tmp_path))
    x, t, y = (
        torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)),
        torch.tensor([5, 900]),
        torch.tensor([0, 1]),
    )
    torch.testing.assert_close(net(x, t, y), toy_network()(x, t, y))


def test_a_sidecar_is_believed_over_its_configuration_file(row, tmp_path):
    path = save_toy(tmp_path, "net.pt")
    path.with_suffix(".json").write_text('{"strength": 3}')
    found = recognise(path).detection
    assert (found.config.strength, found.sources["strength"]) == (3, "sidecar net.json")


def test_a_flag_of_its_own_is_checked(row, tmp_path):
    with pytest.raises(CheckpointError, match=r"^strength is '2' \(you\), but must be a whole number from 1 to 9\.$"):
        recognise(save_toy(tmp_path), overrides={"strength": "2"})


def test_a_missing_tensor_is_named_with_the_family(row, tmp_path):
    path = save_toy(tmp_path)
    torch.save({key: value for key, value in torch.load(path, weights_only=True).items() if key != "last.b"}, path)
    with pytest.raises(CheckpointError, match=r"lacks 1 of a toy network's tensors, e\.g\. outer\.bias"):
        recognise(path)


def test_the_report_has_the_familys_own_lines(row, tmp_path):
    report = describe(recognise(save_toy(tmp_path)))
    assert report.startswith(
        "toy UNet, 0.0 M parameters\nwidth: 8; strength: 2   [toy_config.json]\nchannels: 3 in, 6 out"
    )


def test_its_configuration_file_counts_among_the_files_that_are_watched(row, tmp_path):
    path = save_toy(tmp_path)
    assert files_that_count(path) == [path, tmp_path / "toy_config.json"]


def test_what_one_process_found_another_can_use(row, tmp_path):
    path = save_toy(tmp_path)
    found = pickle.loads(pickle.dumps(recognise(path).detection))
    again = read_again(path, "ema", found)
    assert set(again.checkpoint.tensors) == set(toy_network().state_dict())
    assert again.detection == recognise(path).detection


def test_the_command_lines_painter_runs_it(row, tmp_path):
    settings = RunSettings(dtype="fp32", class_label="Dog", skip_type="uniform", skip_steps=4, resample=False)
    painter = Painter(recognise(save_toy(tmp_path)), settings, torch.device("cpu"))
    x, t = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([7])
    torch.testing.assert_close(painter.predict(x, t), toy_network()(x, t, torch.tensor([1])))
    assert len(painter.schedule) == WRITTEN["num_train_timesteps"]


def test_the_command_line_paints_with_it(row, tmp_path):
    save_pictures(tmp_path / "in", 1)
    save_masks(tmp_path / "masks", 1)
    places = ["--input_dir", tmp_path / "in", "--mask_dir", tmp_path / "masks", "--save_dir", tmp_path / "out"]
    assert main([str(word) for word in ["--weights", save_toy(tmp_path), *places, *SHORT, "--class_label", "CAT"]]) == 0
    changed = (pixels(tmp_path / "out" / "p0.png") != pixels(tmp_path / "in" / "p0.png")).any(axis=2)
    assert changed[4:12, 4:9].any()
    assert not changed[:, 9:].any()
