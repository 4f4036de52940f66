"""What differs between ComfyUI's versions and must not be seen in a result."""

import pytest
import torch

OLD_VIDEO_FORMATS = (
    "Cosmos1CV8x8x8",
    "HunyuanImage21Refiner",
    "HunyuanVideo",
    "HunyuanVideo15",
    "LTXAV",
    "LTXV",
    "Mochi",
    "Wan21",
    "Wan22",
)


@pytest.mark.parametrize("name", OLD_VIDEO_FORMATS)
def test_a_cell_has_as_many_frames_as_newer_hosts_say(host, name):
    """Older ones do not say it."""
    import comfy.latent_formats
    from mask_guidance.nodes.host import FRAMES, USUAL_FRAMES, frames_of_a_cell

    latent_format = getattr(comfy.latent_formats, name)
    ours = FRAMES.get(name, USUAL_FRAMES)
    assert frames_of_a_cell(latent_format()) == getattr(latent_format, "temporal_downscale_ratio", ours) == ours


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_decoding_leaves_the_latent_as_it_was(host, channels):
    from mask_guidance.nodes.pixel_vae import pixel_vae

    latent = torch.rand(2, channels, 4, 4) * 2 - 1
    given = latent.clone()
    decoded = pixel_vae(channels).decode(latent)
    assert torch.equal(latent, given)
    assert decoded.shape == (2, 4, 4, 3)
    assert torch.allclose(decoded[..., 0], (latent[:, 0] + 1) / 2, atol=0.6 / 255)


def test_the_pixel_vae_says_which_vae_a_latent_of_other_channels_needs(host):
    """ComfyUI 0.45 says so of its own one, which ours must not be taken for."""
    import comfy.pixel_space_convert
    from mask_guidance.nodes.pixel_vae import pixel_vae

    vae = pixel_vae(3)
    assert not isinstance(vae.first_stage_model, comfy.pixel_space_convert.PixelspaceConversionVAE)
    with pytest.raises(ValueError, match="3 channels, but the latent has 4; connect the VAE of the model that made"):
        vae.decode(torch.zeros(1, 4, 8, 8))


def test_an_empty_latent_for_another_model_is_made_one_of_this_model(tiny):
    from mask_guidance.nodes.host import in_models_channels

    model, _ = tiny
    empty = {"samples": torch.zeros(1, 4, 4, 4), "downscale_ratio_spacial": 8}
    assert in_models_channels(model, empty).shape == (1, 3, 32, 32)


def test_of_the_devices_that_every_host_knows_one_has_no_float64(host):
    from mask_guidance.nodes.host import has_float64

    assert [has_float64(torch.device(name)) for name in ("cpu", "mps")] == [True, False]
