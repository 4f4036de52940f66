"""The command line with a classifier, and with a class for each picture."""

import json

import numpy as np
import pytest
import yaml
from batch_runs import FLAGS, SHORT, SIZE, pixels, prepared, record, run, save_checkpoint
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.batch.settings import RunSettings
from safetensors.torch import save_file
from small_nets import fill_randomly

NAMES = ["cat", "dog", "owl"]
JUDGE = UNetConfig(
    out_channels=3, model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_ds=(2,), num_head_channels=64,
    resblock_updown=True,
)  # fmt: skip
CLASSES = UNetConfig(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_ds=(2,), num_classes=3, num_heads=2,
    resblock_updown=True,
)  # fmt: skip
MOST = 3


def save_judge(folder, seed: int = 0, **told):
    told = {"guided_diffusion_config": json.dumps({"class_names": NAMES, **told})}
    save_file(fill_randomly(EncoderUNet(JUDGE, SIZE), seed).state_dict(), folder / "judge.safetensors", metadata=told)
    return str(folder / "judge.safetensors")


@pytest.fixture
def folder(tmp_path):
    save_judge(prepared(tmp_path, MOST))
    return tmp_path


def lead(folder, *more: str) -> list[str]:
    return ["--classifier", str(folder / "judge.safetensors"), *more]


def results(folder, save: str) -> list[np.ndarray]:
    return [pixels(folder / save / f"p{number}.png").astype(int) for number in range(MOST)]


def test_pictures_are_led_each_to_its_own_class_and_repeat_it_alone(folder):
    assert run(folder, "plain") == 0
    assert run(folder, "led", *lead(folder, "--class_label", "cat, owl", "--classifier_scale", "20")) == 0
    assert run(folder, "owl", *lead(folder, "--class_label", "2", "--classifier_scale", "20")) == 0
    plain, led, owl = (results(folder, save) for save in ("plain", "led", "owl"))
    assert all((a != b).any() for a, b in zip(plain, led, strict=True))
    assert [int((a != b).sum() == 0) for a, b in zip(led, owl, strict=True)] == [0, 1, 0]
    assert record(folder / "led" / "p0.png")["settings"]["classifier_scale"] == 20


def test_a_network_with_classes_paints_each_picture_its_own(folder):
    save_file(
        fill_randomly(UNet(CLASSES)).state_dict(),
        folder / "net.safetensors",
        metadata={"guided_diffusion_config": json.dumps({**FLAGS, "class_names": NAMES})},
    )
    assert run(folder, "both", "--class_label", "dog, owl") == 0
    assert run(folder, "dog", "--class_label", "1") == 0
    assert [int((a == b).all()) for a, b in zip(results(folder, "both"), results(folder, "dog"), strict=True)] == [
        1,
        0,
        1,
    ]


def test_another_classifier_of_the_same_name_is_another_run(folder, capsys):
    words = lead(folder, "--class_label", "1")
    assert run(folder, "out", *words) == 0
    save_judge(folder, seed=1)
    assert run(folder, "out", *words) == 2
    assert "weights net.safetensors -> net.safetensors (other content)" in capsys.readouterr().err


def test_a_classifier_of_which_a_file_beside_it_tells_something_else_is_another_run(folder, capsys):
    words = lead(folder, "--class_label", "1")
    assert run(folder, "out", *words) == 0
    (folder / "judge.json").write_text('{"use_new_attention_order": true}')
    assert run(folder, "out", *words) == 2
    assert "classifier use_new_attention_order None -> True (beside the weights)" in capsys.readouterr().err


def test_a_run_from_before_there_were_classifiers_is_the_same_run():
    """The keys are those of the version before jumps_every and classifiers."""
    assert RunSettings().key() == "061c0977e0d01fea9f0320746ef4a6d017762085097053e08f691a4ed38189ca"
    flagged = RunSettings(seed=7, method="repaint", flags={"prediction": "v"})
    assert flagged.key() == "a0d2250d60d28d798217dcf5ea79a19c1338993773373e1b00018f034f619e02"


@pytest.mark.parametrize("changed", [{"jumps_every": 5}, {"classifier": "judge.pt"}, {"seed": 1}])
def test_what_decides_the_pixels_is_another_run(changed):
    assert RunSettings().key() != RunSettings(**changed).key()
    assert RunSettings().differences(RunSettings(**changed))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({}, {"classifier_scale": 3.0}),
        ({}, {"classifier": "judge.pt", "classifier_scale": 0.0}),
        ({"classifier": "judge.pt"}, {"classifier": "elsewhere/judge.pt"}),
    ],
)
def test_a_classifier_that_is_not_used_or_lies_elsewhere_is_the_same_run(one, same):
    assert RunSettings(**one).key() == RunSettings(**same).key()
    assert RunSettings(**one).differences(RunSettings(**same)) == []


def test_a_run_goes_on_with_a_classifier_that_was_moved(folder):
    assert run(folder, "out", *lead(folder, "--class_label", "1")) == 0
    before = (folder / "out" / "p0.png").stat().st_mtime_ns
    moved = (folder / "judge.safetensors").rename(folder / "moved.safetensors")
    assert run(folder, "out", "--classifier", str(moved), "--class_label", "1") == 0
    assert (folder / "out" / "p0.png").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "choose one with --class_label"),
        (
            ["--class_label", "fox"],
            "This classifier has no class 'fox'; choose a number from 0 to 2 or one of cat, dog, owl.",
        ),
        (["--class_label", "cat,3"], "This classifier has no class '3'; choose a number from 0 to 2"),
        (["--class_label", "cat,,dog"], "Between the commas of 'cat,,dog' a class is missing"),
    ],
)
def test_a_class_that_the_classifier_has_not_is_refused(folder, capsys, more, words):
    assert run(folder, "out", *lead(folder, *more)) == 2
    assert words in capsys.readouterr().err


def test_a_classifier_that_is_none_or_of_other_noise_is_refused(folder, capsys):
    assert run(folder, "out", "--classifier", "nowhere.pt", "--class_label", "1") == 2
    assert "There is no classifier nowhere.pt." in capsys.readouterr().err
    save_checkpoint(folder / "other.safetensors")
    assert run(folder, "out", "--classifier", str(folder / "other.safetensors"), "--class_label", "1") == 2
    assert "not a classifier" in capsys.readouterr().err
    save_judge(folder, noise_schedule="linear")
    assert run(folder, "out", *lead(folder, "--class_label", "1")) == 2
    assert "trained on the noise of linear" in capsys.readouterr().err


def test_a_repaint_conf_asks_for_its_classifier(tmp_path):
    conf = {
        "schedule_jump_params": {"t_T": 10, "jump_length": 2, "jump_n_sample": 2}, "timestep_respacing": "10",
        "classifier_path": "judge.pt", "classifier_scale": 4.0, "model_path": "net.pt",
    }  # fmt: skip
    (tmp_path / "conf.yml").write_text(yaml.safe_dump(conf))
    words = ["-c", str(tmp_path / "conf.yml"), "--input_dir", "in", "--save_dir", "out", *SHORT[-1:]]
    job = read_options(words)
    assert (job.settings.classifier, job.settings.classifier_scale) == ("judge.pt", 4.0)
    assert not [note for note in job.notes if "classifier" in note]
    (tmp_path / "conf.yml").write_text(yaml.safe_dump({**conf, "classifier_scale": 0}))
    assert read_options(words).settings.classifier == ""
