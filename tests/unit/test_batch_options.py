"""Old command lines and configuration files, and what becomes of them."""

import json

import pytest
import yaml
from mask_guidance.sampler import PRESETS
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.batch.overrides import overridden
from mask_guidance.sampler.batch.settings import SettingsError
from mask_guidance.sampler.presets import fixed

PLACES = ["--weights", "w.pt", "--input_dir", "in", "--save_dir", "out"]

# The keys and values of confs/test_inet256_thin.yml in the RePaint repository that decide anything.
REPAINT = {
    "class_cond": True,
    "diffusion_steps": 1000,
    "learn_sigma": True,
    "noise_schedule": "linear",
    "num_head_channels": 64,
    "num_heads": 4,
    "use_fp16": True,
    "classifier_scale": 1.0,
    "classifier_path": "./data/pretrained/256x256_classifier.pt",
    "timestep_respacing": "250",
    "predict_xstart": False,
    "rescale_timesteps": False,
    "num_heads_upsample": -1,
    "use_new_attention_order": False,
    "clip_denoised": True,
    "image_size": 256,
    "model_path": "./data/pretrained/256x256_diffusion.pt",
    "inpa_inj_sched_prev": True,
    "inpa_inj_sched_prev_cumnoise": False,
    "schedule_jump_params": {"t_T": 250, "n_sample": 1, "jump_length": 10, "jump_n_sample": 10},
    "data": {
        "eval": {
            "lama_inet256_thin_n100_test": {
                "gt_path": "./data/datasets/gts/inet256",
                "mask_path": "./data/datasets/gt_keep_masks/thin",
                "image_size": 256,
                "deterministic": True,
                "random_crop": False,
                "random_flip": False,
                "batch_size": 4,
                "max_len": 100,
                "paths": {"srs": "./log/test_inet256_thin/inpainted"},
            }
        }
    },
}
# configs/andreas128/RePaint/celebahq_256_250000.yaml in xyfJASON's repository, likewise.
SEED = {
    "seed": 2022,
    "data": {"target": "datasets.celebahq.CelebAHQ", "params": {"root": "~/data/CelebA-HQ/", "img_size": 256}},
    "model": {
        "target": "models.adm.unet.UNetModel",
        "params": {"image_size": 256, "num_heads": 4, "num_head_channels": 64, "use_new_attention_order": False},
    },
    "diffusion": {
        "target": "diffusions.ddpm.DDPM",
        "params": {
            "total_steps": 1000,
            "beta_schedule": "linear",
            "beta_start": 0.0001,
            "beta_end": 0.02,
            "objective": "pred_eps",
            "var_type": "learned_range",
        },
    },
}


def job(tmp_path, conf, *words, name="conf.yml"):
    path = tmp_path / name
    path.write_text(yaml.safe_dump(conf) if path.suffix in (".yml", ".yaml") else json.dumps(conf))
    return read_options(["--config", str(path), *words])


def test_a_repaint_conf_alone_is_a_whole_command_line(tmp_path):
    read = job(tmp_path, REPAINT)
    s = read.settings
    assert (s.method, s.skip_type, s.skip_steps, s.repeats, s.resample_j) == ("repaint", "uniform", 250, 10, 10)
    assert (s.mask_polarity, s.image_size, s.micro_batch, s.clip) == ("keep", 256, 4, True)
    assert read.weights.as_posix() == "data/pretrained/256x256_diffusion.pt"
    assert read.input_dir == ("./data/datasets/gts/inet256",)
    assert read.mask_dir.as_posix() == "data/datasets/gt_keep_masks/thin"
    assert read.save_dir.as_posix() == "log/test_inet256_thin/inpainted"
    assert read.n_samples == 100
    assert read.mask_pairing == "order"
    assert s.flags["num_head_channels"] == 64
    assert s.flags["noise_schedule"] == "linear"
    assert (s.classifier, s.classifier_scale) == ("./data/pretrained/256x256_classifier.pt", 1.0)


def test_what_is_done_differently_from_a_repaint_conf_is_said(tmp_path):
    notes = " ".join(job(tmp_path, REPAINT).notes)
    assert "random class" in notes
    assert "use_fp16" in notes


def test_a_repaint_conf_without_classes_and_classifier_has_no_differences(tmp_path):
    plain = {**REPAINT, "class_cond": False, "use_fp16": False, "classifier_path": None}
    assert job(tmp_path, plain).notes == ()


def test_a_shorter_t_T_becomes_fewer_timesteps_over_the_whole_range_and_is_said(tmp_path):
    conf = {**REPAINT, "schedule_jump_params": {**REPAINT["schedule_jump_params"], "t_T": 100}}
    read = job(tmp_path, conf)
    assert read.settings.skip_steps == 100
    assert any("t_T" in note for note in read.notes)


@pytest.mark.parametrize(
    ("respacing", "skip_type", "steps"), [("250", "uniform", 250), ("ddim50", "leading", 50), ("", "none", 1000)]
)
def test_timestep_respacing_is_translated(tmp_path, respacing, skip_type, steps):
    read = job(tmp_path, {**REPAINT, "timestep_respacing": respacing, "schedule_jump_params": {"t_T": steps}})
    assert (read.settings.skip_type, read.settings.skip_steps) == (skip_type, steps)


@pytest.mark.parametrize(
    "flag", [{"inpa_inj_sched_prev": False}, {"inpa_inj_sched_prev_cumnoise": True}, {"use_ddim": True}]
)
def test_flags_with_which_repaints_program_fails_are_said(tmp_path, flag):
    assert any(next(iter(flag)) in note for note in job(tmp_path, {**REPAINT, **flag}).notes)


def test_a_seed_config_with_its_command_line_means_what_it_meant(tmp_path):
    read = job(
        tmp_path, SEED, *PLACES, "--skip_type", "uniform", "--skip_steps", "250", "--resample", "--resample_r", "5",
        "--n_samples", "8", "--micro_batch", "32", "--var_type", "fixed_small", name="conf.yaml",
    )  # fmt: skip
    s = read.settings
    assert (s.seed, s.skip_type, s.skip_steps, s.repeats, s.resample_j) == (2022, "uniform", 250, 5, 10)
    assert (s.var_type, s.micro_batch, s.image_size, read.n_samples) == ("fixed_small", 32, 256, 8)
    assert s.flags["num_head_channels"] == 64
    assert s.flags["prediction"] == "pred_eps"


def test_a_seed_config_without_options_visits_all_steps_and_never_resamples(tmp_path):
    s = job(tmp_path, SEED, *PLACES).settings
    assert s.skip_type == "none"
    assert s.repeats == 1
    assert s.var_type == "learned_range"


def test_skip_steps_alone_is_uniform_under_a_seed_config(tmp_path):
    s = job(tmp_path, SEED, *PLACES, "--skip_steps", "50").settings
    assert (s.skip_type, s.skip_steps) == ("uniform", 50)


def test_resample_r_without_resample_does_nothing_under_a_seed_config_and_is_said(tmp_path):
    read = job(tmp_path, SEED, *PLACES, "--resample_r", "5")
    assert read.settings.repeats == 1
    assert any("--resample" in note for note in read.notes)


def test_the_flags_of_a_repaint_conf_are_those_of_runs_of_earlier_versions(tmp_path):
    assert job(tmp_path, REPAINT).settings.flags == {
        "diffusion_steps": 1000, "noise_schedule": "linear", "num_head_channels": 64, "num_heads": 4, "prediction": "eps",
        "rescale_timesteps": False, "num_heads_upsample": -1, "use_new_attention_order": False, "image_size": 256,
    }  # fmt: skip


def with_diffusion(**more):
    return {**SEED, "diffusion": {"params": {**SEED["diffusion"]["params"], **more}}}


def test_the_usual_betas_of_a_seed_config_are_no_flags_as_in_runs_of_earlier_versions(tmp_path):
    flags = job(tmp_path, SEED, *PLACES).settings.flags
    assert flags == {
        "diffusion_steps": 1000, "noise_schedule": "linear", "prediction": "pred_eps", "image_size": 256, "num_heads": 4,
        "num_head_channels": 64, "use_new_attention_order": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"beta_end": 0.03}, {"beta_end": 0.03}),
        ({"total_steps": 4000}, {"beta_start": 0.0001, "beta_end": 0.02}),
        ({"total_steps": 2000, "beta_start": 5e-05, "beta_end": 0.01}, {"beta_start": 5e-05, "beta_end": 0.01}),
    ],
)
def test_other_betas_of_a_seed_config_are_told_to_the_network(tmp_path, said, kept):
    flags = job(tmp_path, with_diffusion(**said), *PLACES).settings.flags
    assert {name: value for name, value in flags.items() if name.startswith("beta_")} == kept


def test_betas_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="beta_end is 2, but must be a number from"):
        job(tmp_path, with_diffusion(beta_end=2), *PLACES)


def test_a_seed_config_says_whether_predictions_are_clipped(tmp_path):
    assert job(tmp_path, SEED, *PLACES).settings.clip
    assert not job(tmp_path, with_diffusion(clip_denoised=False), *PLACES).settings.clip
    with pytest.raises(SettingsError, match="clip"):
        job(tmp_path, with_diffusion(clip_denoised="perhaps"), *PLACES)


def test_our_own_conf_takes_the_options_names(tmp_path):
    read = job(
        tmp_path, {"weights": "w.pt", "input_dir": "in", "save_dir": "out", "resample_r": 3, "seed": 4}, name="c.json"
    )
    assert read.settings.resample_r == 3
    assert read.settings.seed == 4


def test_the_command_line_counts_for_more_than_the_conf_and_each_source_is_known(tmp_path):
    read = job(tmp_path, REPAINT, "--skip_steps", "50", "--class_label", "3")
    assert read.settings.skip_steps == 50
    assert read.sources["skip_steps"] == "you"
    assert read.sources["resample_r"] == "RePaint conf"
    assert read.sources["seed"] == "default"


def test_a_conf_of_no_known_kind_is_refused_by_its_unknown_names(tmp_path):
    with pytest.raises(SettingsError, match="learning_rate"):
        job(tmp_path, {"learning_rate": 1}, *PLACES)


def test_without_a_word_about_sampling_the_balanced_preset_is_used():
    s = read_options(PLACES).settings
    assert {name: getattr(s, name) for name in fixed("balanced")} == fixed("balanced")


def test_a_method_named_alone_has_the_values_that_it_is_made_for():
    for method, preset in (
        ("distilled", "turbo"),
        ("repaint", "paper"),
        ("feedback", "balanced"),
        ("kriged", "balanced"),
    ):
        s = read_options([*PLACES, "--method", method]).settings
        assert {name: getattr(s, name) for name in fixed(preset)} == fixed(preset) | {"method": method}


def test_options_of_the_seed_mean_the_seeds_method():
    s = read_options([*PLACES, "--skip_steps", "50", "--resample_r", "3"]).settings
    assert (s.method, s.skip_type, s.skip_steps, s.repeats, s.resample_j) == ("repaint", "uniform", 50, 3, 10)


def test_bouts_are_repaints_too():
    s = read_options([*PLACES, "--jumps_every", "100"]).settings
    assert (s.method, s.skip_steps, s.jumps_every) == ("repaint", 250, 100)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_the_sampler_and_options_beside_it_count_for_more(name):
    s = read_options([*PLACES, "--preset", name, "--resample_r", "3"]).settings
    expected = {**fixed(name), "resample_r": 3}
    assert {key: getattr(s, key) for key in expected} == expected


def test_a_preset_counts_for_more_than_a_conf(tmp_path):
    assert job(tmp_path, SEED, *PLACES, "--preset", "fast").settings.repeats == PRESETS["fast"].resample_r
    assert job(tmp_path, REPAINT, "--preset", "fast").settings.method == "kriged"


def test_a_preset_beside_another_method_is_the_one_of_that_method(tmp_path):
    chosen = job(tmp_path, SEED, *PLACES, "--preset", "draft", "--method", "feedback").settings
    assert (chosen.method, chosen.skip_steps, chosen.resample_r) == ("feedback", 7, 4)
    ours = {"weights": "w.pt", "input_dir": "in", "save_dir": "out", "preset": "draft", "method": "feedback"}
    of_conf = job(tmp_path, ours).settings
    assert (of_conf.method, of_conf.skip_steps, of_conf.resample_r) == ("feedback", 7, 4)
    over_it = job(tmp_path, ours, "--preset", "draft").settings
    assert (over_it.method, over_it.skip_steps, over_it.resample_r) == ("kriged", 9, 3)


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="balanced"):
        read_options([*PLACES, "--preset", "best"])


@pytest.mark.parametrize("spelt", [["--skip-steps", "9"], ["--skip-steps=9"], ["--skip_steps=9"]])
def test_hyphens_are_underscores(spelt):
    assert read_options([*PLACES, *spelt]).settings.skip_steps == 9


@pytest.mark.parametrize(("words", "expected"), [([], True), (["--load_ema"], True), (["--load_ema", "false"], False)])
def test_switches_may_stand_alone_or_say_true_or_false(words, expected):
    assert read_options([*PLACES, *words]).settings.load_ema is expected


@pytest.mark.parametrize("left_out", [0, 2, 4])
def test_what_is_missing_is_named(left_out):
    words = PLACES[:left_out] + PLACES[left_out + 2 :]
    with pytest.raises(SettingsError, match=PLACES[left_out]):
        read_options(words)


@pytest.mark.parametrize(
    "words", [["--skip_steps", "0"], ["--micro_batch", "0"], ["--variants", "0"], ["--resample_r", "0"]]
)
def test_numbers_out_of_range_are_refused(words):
    with pytest.raises(SettingsError, match=words[0][2:]):
        read_options([*PLACES, *words])


@pytest.mark.parametrize("spelt", [["--diffusion.params.skip_steps", "50"], ["--diffusion.params.skip_steps=50"]])
def test_a_value_of_a_seed_config_is_changed_by_its_path(tmp_path, spelt):
    read = job(tmp_path, SEED, *PLACES, *spelt, "--model.params.num_heads", "8", "--data.params.img_size=64")
    assert (read.settings.skip_type, read.settings.skip_steps, read.settings.image_size) == ("uniform", 50, 64)
    assert read.settings.flags["num_heads"] == 8
    assert read.sources["skip_steps"] == "xyfJASON conf"
    assert [note for note in read.notes if "skip_steps" in note and "had no such value" in note]
    assert not [note for note in read.notes if "num_heads" in note]


def test_a_value_of_a_repaint_conf_is_changed_by_its_path_and_options_count_for_more(tmp_path):
    paths = ["--schedule_jump_params.jump_length", "5", "--schedule_jump_params.jump_n_sample", "3"]
    paths += ["--data.eval.lama_inet256_thin_n100_test.max_len=7"]
    read = job(tmp_path, REPAINT, *paths, "--resample_r", "4")
    assert (read.settings.resample_j, read.settings.resample_r, read.n_samples) == (5, 4, 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e-5", 2e-5), ("cosine", "cosine"), ("[1, 2]", [1, 2]), ("no", False), ('"no"', "no"), ("-1", -1)],
)
def test_an_override_is_read_as_the_file_would_read_it(text, value):
    content = {"a": {"b": 0, "kept": 1}}
    assert overridden(content, {"a.b": text}, "conf.yml") == ({"a": {"b": value, "kept": 1}}, [])
    assert content == {"a": {"b": 0, "kept": 1}}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--diffusion.parms.skip_steps", "5"], "has no section 'parms' in diffusion; the sections there: params"),
        (
            ["--difusion.params.skip_steps", "5"],
            "has no section 'difusion'; the sections there: data, diffusion, model",
        ),
        (["--seed.now", "5"], "has no section 'seed'"),
        (["--model.params.num_heads"], "--model.params.num_heads has no value; write"),
        (["--model.params.num_heads", "--cpu"], "--model.params.num_heads has no value; write"),
        (["--model.params.num_heads", "[1"], "--model.params.num_heads cannot be read"),
    ],
)
def test_an_override_that_cannot_be_is_one_sentence(tmp_path, words, sentence):
    with pytest.raises(SettingsError) as error:
        job(tmp_path, SEED, *PLACES, *words)
    assert sentence in str(error.value)


def test_an_override_without_a_config_is_one_sentence():
    with pytest.raises(
        SettingsError, match=r"--model\.params\.num_heads changes a value of a configuration file; name the file"
    ):
        read_options([*PLACES, "--model.params.num_heads", "8"])
