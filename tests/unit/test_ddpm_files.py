"""Files of DDPM networks as people have them: what is read, what is believed, what is refused."""

import json
import pickle
import shutil

import pytest
import torch
from diffusers_files import CONFIG, NAMES_OF_2022, NEW_NAMES, SCHEDULER, SMALL, of_diffusers, save_folder, weights
from mask_guidance.sampler import ddpm
from mask_guidance.sampler.checkpoint import CheckpointError, DiffusionConfig, build, probe
from mask_guidance.sampler.ddpm import DDPMConfig, DDPMUNet
from mask_guidance.sampler.ddpm.readings import readings_of
from mask_guidance.sampler.recognition import describe, detect, files_that_count, read_again, recognise
from safetensors.torch import save_file
from small_nets import SHARED
from xyfjason_formulas import Formulas

PUBLISHED = DDPMConfig()


def shapes(config=SMALL):
    return DDPMUNet(config, SHARED, device="meta").state_dict()


def found_in(path, **options):
    return recognise(path, probe=False, **options).detection


def refusal(path, **options):
    with pytest.raises(CheckpointError) as caught:
        found_in(path, **options)
    return str(caught.value)


@pytest.mark.parametrize("inner", ["", "unet"])
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize("attention", [NEW_NAMES, NAMES_OF_2022], ids=["new names", "names of 2022"])
def test_both_layouts_of_a_folder_are_one_model(tmp_path, inner, suffix, attention):
    folder = save_folder(tmp_path / "ddpm-cat", inner, suffix=suffix, attention=attention)
    found = recognise(folder, probe=False)
    assert found.detection.config == SMALL
    assert found.detection.diffusion == DiffusionConfig("linear", 1000, False, "eps", "fixed_small", 0.0001, 0.02)
    assert found.detection.image_size == 16
    assert "guess" not in {
        found.detection.sources[flag] for flag in ("num_head_channels", "noise_schedule", "var_type")
    }
    own = weights()
    assert set(found.checkpoint.tensors) == set(own)
    assert all(torch.equal(found.checkpoint.tensors[key], own[key]) for key in own)


def test_the_file_in_a_folder_is_read_like_the_folder(tmp_path):
    folder = save_folder(tmp_path, "unet")
    assert found_in(folder / "unet" / "diffusion_pytorch_model.safetensors") == found_in(folder)


def test_an_ema_beside_the_network_is_taken_unless_the_last_weights_are_asked_for(tmp_path):
    folder = save_folder(tmp_path, "unet")
    shutil.copytree(folder / "unet", folder / "unet_ema")
    averaged = {key: value + 1 for key, value in of_diffusers(weights()).items()}
    save_file(averaged, folder / "unet_ema" / "diffusion_pytorch_model.safetensors")
    first = {
        which: recognise(folder, which, probe=False).checkpoint.tensors["conv_in.bias"] for which in ("ema", "model")
    }
    torch.testing.assert_close(first["ema"], first["model"] + 1)


def test_a_folder_of_xyfjasons_trainer_is_one_model(tmp_path):
    formulas = Formulas(32, (1, 2), (False, True), 1)
    step = tmp_path / "ckpt" / "step499999"
    step.mkdir(parents=True)
    for name, content in (("ema_model", {"model": formulas.weights}), ("ema", {"ema": {"shadow": [torch.zeros(1)]}})):
        torch.save(content, step / f"{name}.pt")
    written = {
        "model": {"params": {"n_heads": 2}},
        "diffusion": {"params": {"total_steps": 200, "var_type": "fixed_large"}},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(written))
    found = found_in(step)
    assert (found.config.num_heads, found.config.num_heads_middle) == (2, 1)
    assert (found.diffusion.diffusion_steps, found.diffusion.var_type) == (200, "fixed_large")
    torch.testing.assert_close(found.diffusion.betas(), torch.linspace(1e-4, 0.02, 200, dtype=torch.float64))
    assert "choose the file that holds the model, e.g. ema_model.pt" in refusal(step / "ema.pt")


def test_a_training_file_of_ddims_code_is_a_list(tmp_path):
    named = {f"module.{key}": value for key, value in weights().items()}
    averaged = {key: value + 1 for key, value in weights().items()}
    torch.save([named, {"state": {}}, 3, 1000, averaged], tmp_path / "ckpt.pth")
    found = recognise(tmp_path / "ckpt.pth", probe=False)
    assert found.detection.family.name == "DDPM"
    torch.testing.assert_close(found.checkpoint.tensors["conv_in.bias"], averaged["conv_in.bias"])


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ({"beta_schedule": "squaredcos_cap_v2"}, {}),
        ({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}, {}),
        ({"beta_schedule": "linear", "num_train_timesteps": 4000}, {}),
        ({"prediction_type": "v_prediction"}, {"prediction": "v"}),
        ({"prediction_type": "sample"}, {"prediction": "x0"}),
        ({"variance_type": "fixed_large"}, {"var_type": "fixed_large"}),
        ({"clip_sample": False}, {"clip": 0.0}),
        ({"clip_sample_range": 2.5}, {"clip": 2.5}),
    ],
    ids=str,
)
def test_the_schedulers_file_is_believed(tmp_path, scheduler, expected):
    from diffusers import DDPMScheduler

    written = SCHEDULER | scheduler
    diffusion = found_in(save_folder(tmp_path, scheduler=written)).diffusion
    theirs = DDPMScheduler(**{key: value for key, value in written.items() if key[0] != "_"})
    torch.testing.assert_close(diffusion.alphas_cumprod().float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-7)
    for name, value in expected.items():
        assert getattr(diffusion, name) == value


def test_what_schedulers_of_2022_call_the_prediction_is_understood(tmp_path):
    assert (
        found_in(save_folder(tmp_path, scheduler=SCHEDULER | {"predict_epsilon": False})).diffusion.prediction == "x0"
    )


def test_configurations_of_others_are_not_believed(tmp_path):
    """Beside a file of another name, outside of the model's folder, or in a section about something else."""
    wrong = json.dumps({"sample_size": 77, "attention_head_dim": 64, "prediction_type": "sample"})
    folder = tmp_path / "models" / "mine"
    save_folder(folder, config=CONFIG | {"quantization_config": {"num_heads": 7}})
    (folder / "scheduler_config.json").unlink()
    for place in (tmp_path / "scheduler", tmp_path / "models" / "scheduler"):
        place.mkdir()
        (place / "scheduler_config.json").write_text(wrong)
    found = found_in(folder)
    assert (found.config, found.diffusion.prediction) == (SMALL, "eps")
    shutil.copy(folder / "diffusion_pytorch_model.safetensors", tmp_path / "loose.safetensors")
    (tmp_path / "config.json").write_text(wrong)
    assert found_in(tmp_path / "loose.safetensors").sources["image_size"] == "guess"


def test_without_its_config_a_file_is_read_as_its_names_suggest_and_says_so(tmp_path):
    for attention, padding in ((NEW_NAMES, 1), (NAMES_OF_2022, 0)):
        save_file(of_diffusers(weights(), attention), tmp_path / "net.safetensors")
        found = found_in(tmp_path / "net.safetensors")
        assert found.config.downsample_padding == padding
        assert found.sources["downsample_padding"] == found.sources["flip_sin_to_cos"] == "guess"


@pytest.mark.parametrize("attention", [NEW_NAMES, NAMES_OF_2022], ids=["new names", "names of 2022"])
def test_a_sidecar_settles_what_no_config_says(tmp_path, attention):
    save_file(of_diffusers(weights(), attention), tmp_path / "net.safetensors")
    (tmp_path / "net.json").write_text(json.dumps(CONFIG | SCHEDULER))
    found = found_in(tmp_path / "net.safetensors")
    assert found.config == SMALL
    assert found.sources["norm_eps"] == "sidecar net.json"


def test_published_networks_are_known_by_their_shapes():
    found = detect(shapes(PUBLISHED))
    assert (found.diffusion.var_type, found.image_size) == ("fixed_small", 256)
    cifar = DDPMConfig(
        widths=(128, 256, 256, 256),
        down_attention=(False, True, False, False),
        up_attention=(False, True, False, False),
        shrink=("conv",) * 3,
        grow=("conv",) * 3,
    )
    found = detect(shapes(cifar))
    assert (found.diffusion.var_type, found.image_size) == ("fixed_large", 32)
    assert found.sources["var_type"] == "signature (DDPM CIFAR-10)"


def test_probing_tries_both_conventions_and_every_split_into_heads(tmp_path, monkeypatch):
    """Which reading wins is the error's choice; here the error is told."""
    save_file(of_diffusers(weights()), tmp_path / "net.safetensors")
    tried = []

    def error(net, diffusion, shares, between):
        tried.append(net.config)
        return 0.1 if net.config == SMALL else 1.0

    monkeypatch.setattr(probe, "denoising_error", error)
    found = recognise(tmp_path / "net.safetensors").detection
    assert found.config == SMALL
    assert found.sources["flip_sin_to_cos"].startswith("probe")
    assert len({(c.flip_sin_to_cos, c.num_head_channels) for c in tried}) == 8


def test_what_is_known_is_not_tried_otherwise():
    conventions = [{"flip_sin_to_cos": True, "freq_shift": 0}, {"flip_sin_to_cos": False, "freq_shift": 1}]
    splits = [(1, -1), (1, 8), (1, 48)]  # the last does not fit
    tried = readings_of(SMALL, conventions, splits, fixed=("freq_shift",))
    assert {(r.num_head_channels, r.flip_sin_to_cos) for r in tried} == {(-1, True), (-1, False), (8, True), (8, False)}
    assert {r.freq_shift for r in tried} == {SMALL.freq_shift}


def test_heads_of_xyfjasons_networks_are_tried_where_no_config_tells_them(tmp_path, monkeypatch):
    formulas = Formulas(32, (1, 2), (False, True), 1, heads=4)
    torch.save(formulas.weights, tmp_path / "net.pt")
    tried = []

    def error(net, diffusion, shares, between):
        tried.append((net.config.num_heads, net.config.num_head_channels))
        return 0.1 if net.config.num_heads == 4 else 1.0

    monkeypatch.setattr(probe, "denoising_error", error)
    found = recognise(tmp_path / "net.pt").detection
    assert (found.config.num_heads, found.config.norm_eps) == (4, 1e-5)
    assert {(1, -1), (2, -1), (4, -1), (8, -1), (1, 32), (1, 64)} <= set(tried)


def refused_config(**flags):
    return lambda folder: save_folder(folder, config=CONFIG | flags)


def refused_scheduler(**flags):
    return lambda folder: save_folder(folder, scheduler=SCHEDULER | flags)


REFUSED = {
    "another activation": (refused_config(act_fn="relu"), "act_fn is 'relu' (config.json), but must be silu"),
    "Fourier features": (refused_config(time_embedding_type="fourier"), "must be positional for this loader"),
    "classes as timesteps": (refused_config(class_embed_type="timestep"), "must be null for this loader"),
    "a consistency model": (
        refused_scheduler(_class_name="CMStochasticIterativeScheduler"),
        "made_by is 'CMStochasticIterativeScheduler'",
    ),
    "another network": (refused_config(_class_name="UNet2DConditionModel"), "made_by is 'UNet2DConditionModel'"),
    "betas of its own": (refused_scheduler(trained_betas=[0.1, 0.2]), "trained_betas is"),
    "no signal at the end": (refused_scheduler(rescale_betas_zero_snr=True), "must be False for this loader"),
    "an unknown schedule": (refused_scheduler(beta_schedule="sigmoid"), "noise_schedule is 'sigmoid'"),
    "norms that do not divide": (refused_config(norm_num_groups=24), "norm_num_groups is 24, but a norm"),
    "heads that do not divide": (refused_config(attention_head_dim=24), "num_head_channels is 24, but an attention"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_config_says_and_is_not_read_here_is_refused(tmp_path, what):
    save, told = REFUSED[what]
    message = refusal(save(tmp_path))
    assert told in message
    assert message.endswith(".")


def test_other_networks_of_diffusers_are_named():
    keys = of_diffusers(shapes())
    for key, told in (
        ("time_proj.weight", "NCSN++"),
        ("down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q.weight", "Load Checkpoint"),
    ):
        with pytest.raises(CheckpointError, match="This checkpoint is ") as caught:
            detect({**keys, key: torch.empty(1, device="meta")})
        assert told in str(caught.value)


def test_folders_without_a_model_are_refused_in_a_sentence(tmp_path):
    assert refusal(tmp_path).startswith("This folder holds no model; expected diffusion_pytorch_model.safetensors")
    (tmp_path / "diffusion_pytorch_model.safetensors.index.json").write_text("{}")
    assert "in several files" in refusal(tmp_path)


@pytest.mark.parametrize("names", ["DDPM", "diffusers", "xyfJASON"])
def test_a_network_with_a_hole_is_refused_whatever_is_missing(names):
    if names == "xyfJASON":
        tensors = {k: v.to("meta") for k, v in Formulas(32, (1, 2), (False, True), 1).weights.items()}
    else:
        tensors = shapes() if names == "DDPM" else of_diffusers(shapes())
    for key in tensors:
        if key.endswith("weight"):
            holed = {k: v for k, v in tensors.items() if k != key}
            with pytest.raises(CheckpointError):
                complete(holed)


def complete(tensors):
    from mask_guidance.sampler.checkpoint.network import check_keys
    from mask_guidance.sampler.recognition import family_of

    check_keys(family_of(tensors).rename(tensors), detect(tensors))


@pytest.mark.parametrize("place", ["down.{}.block.0.conv1.weight", "down.0.block.{}.conv1.weight"])
def test_more_parts_than_any_network_has_are_refused_at_once(place):
    many = {place.format(number): torch.empty(32, 32, 3, 3, device="meta") for number in range(900)}
    with pytest.raises(CheckpointError, match="more than any of its kind"):
        detect({**shapes(), **many})


def test_a_change_of_resolution_without_weights_is_a_hole_where_others_have_some():
    tensors = shapes(PUBLISHED)
    holed = {key: value for key, value in tensors.items() if not key.startswith("down.1.downsample")}
    with pytest.raises(CheckpointError, match=r"hole: down\.1\.downsample has no weights"):
        detect(holed)
    plain = {key: value for key, value in tensors.items() if ".downsample" not in key and ".upsample" not in key}
    assert set(detect(plain).config.shrink) == {"plain"}


def test_numbers_in_keys_are_not_believed():
    for key in ("up_blocks.999.resnets.0.norm1.weight", "down_blocks.7.resnets.0.norm1.weight"):
        with pytest.raises(CheckpointError, match="hole"):
            detect({**of_diffusers(shapes()), key: torch.empty(1, device="meta")})


def test_files_of_a_folder_and_of_its_scheduler_are_watched(tmp_path):
    folder = save_folder(tmp_path, "unet")
    names = {path.resolve().relative_to(tmp_path).as_posix() for path in files_that_count(folder)}
    assert names == {"unet/diffusion_pytorch_model.safetensors", "unet/config.json", "scheduler/scheduler_config.json"}


def test_the_report_tells_the_conventions(tmp_path):
    report = describe(recognise(save_folder(tmp_path), probe=False))
    assert "diffusers UNet" in report
    assert "attention at 1/2: heads: 1   [config.json]" in report
    assert "timestep: sin, cos, shift 1   [config.json]; halving pads right and bottom   [config.json]" in report


@pytest.mark.parametrize("family", ddpm.DDPM_FAMILIES, ids=lambda family: family.name)
def test_what_one_process_found_another_can_use(tmp_path, family):
    path = tmp_path / "net.pt"
    torch.save(
        {
            "DDPM": weights(),
            "diffusers": of_diffusers(weights()),
            "diffusers (2022)": of_diffusers(weights(), NAMES_OF_2022),
            "xyfJASON": Formulas(32, (1, 2), (False, True), 1).weights,
        }[family.name],
        path,
    )
    found = pickle.loads(pickle.dumps(found_in(path)))
    assert found.family.name == family.name
    build(read_again(path, "ema", found).checkpoint.tensors, found)
