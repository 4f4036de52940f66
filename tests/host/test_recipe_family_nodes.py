"""A family of networks is one folder and one row: the one of throwaway_family.py, through the nodes of this process."""

import pytest
import torch
from nodes_by_hand import load, paint
from throwaway_family import TOY, save_toy, toy_network


@pytest.fixture
def toy(monkeypatch, models_folder):
    """MODEL and VAE from the loader node, with the one row in place."""
    from mask_guidance.sampler import families

    monkeypatch.setattr(families, "FAMILIES", (*families.FAMILIES, TOY))
    save_toy(models_folder)
    yield load("toy.pt")
    (models_folder / "toy_config.json").unlink()


def test_the_loaded_model_has_the_networks_own_names(toy):
    model, _ = toy
    assert set(model.model.diffusion_model.state_dict()) == set(toy_network().state_dict())


def test_the_host_computes_what_the_network_does(toy):
    model, _ = toy
    x, t, y = torch.randn(2, 3, 16, 16), torch.tensor([5.0, 400.0]), torch.tensor([0, 1])
    with torch.inference_mode():
        host = model.model.diffusion_model(x, t, y=y)
    torch.testing.assert_close(host, toy_network()(x, t, y)[:, :3])


def test_the_host_takes_the_schedule_and_its_length(toy):
    from mask_guidance.sampler import alphas_cumprod, named_betas, sigmas

    model, _ = toy
    expected = sigmas(alphas_cumprod(named_betas("cosine", 500))).float()
    torch.testing.assert_close(model.get_model_object("model_sampling").sigmas, expected)


def test_the_ksampler_paints_with_it_and_keeps_what_is_known(toy):
    model, vae = toy
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    given = {"samples": vae.encode(torch.rand(1, 16, 16, 3)), "noise_mask": mask}
    samples, _ = paint(model, given, label=1)
    assert torch.equal(samples[..., :8], given["samples"][..., :8])
    assert not torch.equal(samples[..., 8:], given["samples"][..., 8:])
    assert samples.isfinite().all()


def test_a_class_is_chosen_by_the_models_own_names(toy):
    from mask_guidance.nodes.class_label import ClassLabel

    conditioning, name = ClassLabel.execute(0, toy[0], " DOG ").result
    assert (conditioning[0][1], name) == ({"class_label": 1}, "dog")


def test_the_variance_channels_reach_the_sampler(toy):
    model, _ = toy
    network = model.model.diffusion_model
    x, t, y = torch.randn(1, 3, 16, 16), torch.tensor([5.0]), torch.tensor([0])
    with torch.inference_mode():
        network(x, t, y=y)
    torch.testing.assert_close(network.take_variance(), toy_network()(x, t, y)[:, 3:])


def test_the_loader_loads_again_when_its_configuration_file_changes(toy, models_folder):
    from mask_guidance.nodes.load_model import LoadGuidedDiffusionModel

    before = LoadGuidedDiffusionModel.fingerprint_inputs("toy.pt")
    (models_folder / "toy_config.json").write_text("{}")
    assert LoadGuidedDiffusionModel.fingerprint_inputs("toy.pt") != before
