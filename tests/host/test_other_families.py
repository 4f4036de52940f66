"""Models of diffusers and lucidrains in the host: listed, their training honoured, painted by the samplers."""

import shutil

import pytest
import torch
from diffusers_files import SCHEDULER, of_diffusers, save_folder, weights
from nodes_by_hand import classifier, load, paint


@pytest.fixture
def folder(models_folder):
    """A pipeline in a folder of its own, as downloaded."""
    scheduler = SCHEDULER | {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 400, "clip_sample_range": 0.5}
    return save_folder(models_folder / "my-ddpm", "unet", scheduler=scheduler)


@pytest.fixture
def model(folder):
    return load("my-ddpm")


def test_a_folder_is_one_entry_in_the_list_and_its_file_loads_too(folder):
    from mask_guidance.nodes import model_folder
    from mask_guidance.nodes.load_model import LoadGuidedDiffusionModel

    listed = [name for name in model_folder.names() if "my-ddpm" in name]
    assert listed == ["my-ddpm"]
    assert model_folder.path_of("my-ddpm") == folder
    assert LoadGuidedDiffusionModel.validate_inputs("my-ddpm") is True
    assert LoadGuidedDiffusionModel.validate_inputs("my-ddpm/unet/diffusion_pytorch_model.safetensors") is True
    assert "is not in" in LoadGuidedDiffusionModel.validate_inputs("my-ddpm/unet")
    alone, whole = (load(name)[0] for name in ("my-ddpm/unet/diffusion_pytorch_model.safetensors", "my-ddpm"))
    assert_equal_weights(alone, whole)


def assert_equal_weights(model, other):
    theirs = other.model.diffusion_model.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in model.model.diffusion_model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("my-ddpm/unet", "^'my-ddpm/unet' is not in models/guided_diffusion"),
        (None, "^model_name is None, but must be a"),
    ],
)
def test_a_linked_name_is_judged_as_a_typed_one(folder, name, complaint):
    with pytest.raises(ValueError, match=complaint):
        load(name)


def test_a_folder_is_no_classifier(folder):
    from mask_guidance.nodes.load_classifier import LoadClassifier

    (chosen, *_) = LoadClassifier.define_schema().inputs
    assert "my-ddpm" not in chosen.options
    assert "eight_styles_64_classifier.safetensors" in chosen.options
    with pytest.raises(ValueError, match=r"^'my-ddpm' is a model that diffusers saved, and a classifier is one file"):
        classifier("my-ddpm")


def test_a_listed_place_that_is_deleted_takes_nothing_else_with_it(host, tmp_path, monkeypatch):
    from mask_guidance.nodes import model_folder
    from mask_guidance.nodes.load_model import LoadGuidedDiffusionModel
    from mask_guidance.nodes.model_route import answer

    before = model_folder.names()
    paths, suffixes = host.folder_names_and_paths[model_folder.FOLDER]
    place = tmp_path / "place"
    monkeypatch.setitem(host.folder_names_and_paths, model_folder.FOLDER, ([*paths, str(place)], suffixes))
    save_folder(place / "gone")
    assert model_folder.names() == sorted([*before, "gone"])
    shutil.rmtree(place)
    assert model_folder.names() == before
    assert model_folder.path_of("eight_styles_64.safetensors").is_file()
    assert "is not in" in LoadGuidedDiffusionModel.validate_inputs("gone")
    assert "is not in" in answer("gone")["error"]
    assert LoadGuidedDiffusionModel.define_schema()


def test_parts_of_a_file_stand_for_their_folder_and_a_trainers_other_files_are_not_listed(models_folder):
    from mask_guidance.nodes import model_folder

    folder = models_folder / "trained" / "unet"
    folder.mkdir(parents=True)
    part = "diffusion_pytorch_model-00001-of-00002.bin"
    for name in ("diffusion_pytorch_model-00002-of-00002.bin", part, "optimizer.bin", "random_states_0.bin"):
        (folder / name).touch()
    assert [name for name in model_folder.names() if "trained" in name] == ["trained"]
    assert not [name for name in model_folder.files() if "trained" in name]


def test_the_page_is_told_of_the_model_before_it_runs(folder):
    from mask_guidance.nodes.model_route import answer

    assert answer("my-ddpm") == {"classes": 0, "names": [], "any": None, "size": 16}


def test_the_loader_loads_again_when_the_scheduler_changes(folder):
    from mask_guidance.nodes.load_model import LoadGuidedDiffusionModel

    before = LoadGuidedDiffusionModel.fingerprint_inputs("my-ddpm")
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    assert LoadGuidedDiffusionModel.fingerprint_inputs("my-ddpm") != before


def test_the_host_computes_what_the_library_does(model, folder):
    from mask_guidance.sampler.recognition import load_network

    net, found = load_network(folder)
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([5.0, 300.0])
    with torch.inference_mode():
        host = model[0].model.diffusion_model(x, t)
    torch.testing.assert_close(host, net(x, t))
    sampling = model[0].get_model_object("model_sampling")
    assert len(sampling.sigmas) == 400
    torch.testing.assert_close(sampling.sigmas, (1 / found.diffusion.alphas_cumprod() - 1).sqrt().float())


def test_predicted_pictures_keep_the_schedulers_range(model):
    (hook,) = model[0].model_options["sampler_post_cfg_function"]
    assert hook({"denoised": torch.tensor([-3.0, 0.2, 3.0])}).tolist() == pytest.approx([-0.5, 0.2, 0.5])


def test_a_scheduler_that_does_not_clip_is_followed(folder):
    (folder / "scheduler" / "scheduler_config.json").write_text('{"clip_sample": false}')
    assert "sampler_post_cfg_function" not in load("my-ddpm")[0].model_options


@pytest.mark.parametrize("dtype", ["auto", "bf16"])
def test_the_ksampler_paints_with_it_and_keeps_what_is_known(folder, dtype):
    paints("my-ddpm", dtype)


def paints(name, dtype):
    model, vae = load(name, dtype=dtype)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    given = {"samples": vae.encode(torch.rand(1, 16, 16, 3)), "noise_mask": mask}
    samples, _ = paint(model, given, label=None)
    assert torch.equal(samples[..., :8], given["samples"][..., :8])
    assert not torch.equal(samples[..., 8:], given["samples"][..., 8:])
    assert samples.isfinite().all()


def test_a_file_of_ddpms_own_names_loads_by_itself(models_folder):
    torch.save(weights(), models_folder / "ema_diffusion.ckpt")
    (models_folder / "ema_diffusion.json").write_text('{"beta_schedule": "linear"}')
    model, _ = load("ema_diffusion.ckpt")
    assert set(model.model.diffusion_model.state_dict()) == set(weights())


@pytest.fixture
def lucidrains(models_folder):
    """A small network of lucidrains, whose norms and learned places are no layers of the host's."""
    from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
    from mask_guidance.sampler.lucidrains.config import Attention

    linear, full = Attention(False, 2, 8, 2), Attention(True, 2, 8, 2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = LucidUNet(LucidConfig(3, 3, 16, (16, 16, 32), (linear, full), full)).eval().requires_grad_(False)
    torch.save(net.state_dict(), models_folder / "model-7.pt")
    (models_folder / "model-7.json").write_text('{"noise_schedule": "sigmoid", "prediction": "v"}')
    return net


def test_the_host_computes_what_lucidrains_network_does(lucidrains):
    model, _ = load("model-7.pt")
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([5.0, 300.0])
    with torch.inference_mode():
        torch.testing.assert_close(model.model.diffusion_model(x, t), lucidrains(x, t))


@pytest.mark.parametrize("dtype", ["auto", "bf16"])
def test_the_ksampler_paints_with_lucidrains_network(lucidrains, dtype):
    paints("model-7.pt", dtype)


def test_a_damaged_folder_is_named_by_its_own_name(models_folder):
    folder = save_folder(models_folder / "holed")
    tensors = of_diffusers(weights())
    del tensors["conv_in.weight"]
    from safetensors.torch import save_file

    save_file(tensors, folder / "diffusion_pytorch_model.safetensors")
    with pytest.raises(ValueError, match=r"^holed: This checkpoint"):
        load("holed")
