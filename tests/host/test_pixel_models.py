"""The host's own models that work on pixels, as tiny random networks: nothing lies between a known pixel and the result."""

import numpy as np
import pytest
import torch
from nodes_by_hand import FEW_STEPS, ksampler
from test_mask_nodes import run
from test_text_models import METHODS, guided
from tiny_models import PIXEL_KINDS, Tiny, tiny

every_model = pytest.mark.parametrize("small", PIXEL_KINDS, indirect=True)
STEPS = {**METHODS["repaint"], "skip_type": "uniform"}


@pytest.fixture
def small(host, request) -> Tiny:
    """With a picture in bytes as its latent, and a mask that fits no patch of any of them."""
    import comfy.supported_models

    if not hasattr(comfy.supported_models, PIXEL_KINDS[request.param][0]):
        pytest.skip(f"this ComfyUI has no {request.param}")
    made = tiny(request.param)
    made.latent["samples"] = vae().encode(picture())
    made.latent["noise_mask"] = mask()
    return made


def picture(seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (1, 32, 64, 3), generator=torch.Generator().manual_seed(seed)) / 255


def mask() -> torch.Tensor:
    hole = torch.zeros(1, 1, 32, 64)
    hole[..., 3:20, 5:37] = 1
    return hole


def vae():
    """What Load VAE gives for "pixel_space"."""
    import comfy.sd

    return comfy.sd.VAE(sd={"pixel_space_vae": torch.tensor(1.0)})


def pixels(samples: torch.Tensor) -> torch.Tensor:
    """Bytes after VAE Decode."""
    return (255 * vae().decode(samples)).round()


def painted(small: Tiny, cfg: float = 2.0, **options) -> torch.Tensor:
    texts = {"positive": small.positive, "negative": None if cfg == 1 else small.negative}
    return ksampler(small.model, small.latent, cfg=cfg, **{**texts, **STEPS, **options})[0]


def through_the_guider(small: Tiny, cfg: float) -> torch.Tensor:
    """RePaint Sampler in the host's guider, as in SamplerCustomAdvanced."""
    import comfy.samplers

    guider = comfy.samplers.CFGGuider(small.model)
    guider.set_conds(small.positive, small.negative)
    guider.set_cfg(cfg)
    return guided(small, guider)


@pytest.mark.parametrize("cfg", [1.0, 2.0])
@every_model
def test_both_samplers_keep_every_known_pixel_to_the_byte_and_paint_the_same(small, cfg):
    samples = painted(small, cfg)
    assert samples.isfinite().all()
    hole = mask()[:, 0].bool()
    assert torch.equal(pixels(samples)[~hole], 255 * picture()[~hole])
    assert (pixels(samples)[hole] != 255 * picture()[hole]).float().mean() > 0.9
    assert torch.equal(through_the_guider(small, cfg), samples)


@every_model
def test_method_kriged_keeps_every_known_pixel_to_the_byte(small):
    hole = mask()[:, 0].bool()
    samples = painted(small, **METHODS["kriged"])
    assert torch.equal(pixels(samples)[~hole], 255 * picture()[~hole])


@every_model
def test_picture_k_of_a_batch_can_be_painted_alone(small):
    both = torch.cat([small.latent["samples"], vae().encode(picture(1))])
    small.latent["samples"] = both
    together = painted(small)
    small.latent |= {"samples": both[1:], "batch_index": [1]}
    torch.testing.assert_close(together[1:], painted(small), atol=1e-4, rtol=1e-4)


@every_model
def test_a_preview_shows_the_pictures_own_pixels(small, monkeypatch):
    """Four times as large, so that the outline of the hole is seen on a small picture; a line is one pixel wide here."""
    import comfy.utils
    import latent_preview

    previews = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda done, total, shown, **_: previews.append(shown))
    latent_preview.set_preview_method("auto")
    painted(small)
    latent_preview.set_preview_method()
    seen = np.asarray(previews[-1][1]).astype(int)
    assert seen.shape == (4 * 32, 4 * 64, 3)
    far = (slice(24, None), slice(40, None))  # of the hole
    assert np.abs(seen[2::4, 2::4][far] - 255 * picture()[0].numpy()[far]).max() <= 1


@every_model
def test_inpaint_changes_nothing_beyond_its_band(small):
    large = torch.randint(256, (1, 45, 70, 3), generator=torch.Generator().manual_seed(2)) / 255
    hole = torch.zeros(1, 45, 70)
    hole[:, 10:20, 12:26] = 1
    few = {**FEW_STEPS, "skip_steps": 3, "resample": False, "size": 64}
    texts = {"positive": small.positive, "negative": small.negative, "cfg": 2.0}
    filled, changed, _, record = run("inpaint", "Inpaint", large, hole, small.model, vae(), **texts, **few)
    assert torch.equal(filled[changed == 0], large[changed == 0])
    assert (filled[hole == 1] != large[hole == 1]).float().mean() > 0.9
    assert "0 beyond it" in record


@every_model
def test_inpaint_asks_for_sides_that_the_network_takes(small):
    from mask_guidance.nodes.model_size import size_multiple

    assert size_multiple(small.model, vae()) % small.model.model.diffusion_model.patch_size == 0
