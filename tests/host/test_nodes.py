"""The nodes on the host's own classes, in this process."""

import pytest
import torch
from checkpoints import save_tiny
from live_bytes import FusedAttention, LiveBytes
from mask_guidance.sampler.fast import FastConv
from nodes_by_hand import PICTURE, latent, load, paint, right_half


def test_known_latent_is_returned_exactly(tiny):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    samples, _ = paint(model, given)
    assert torch.equal(samples[..., :16], given["samples"][..., :16])
    assert not torch.equal(samples[..., 16:], given["samples"][..., 16:])


def test_every_grey_level_survives_encoding_decoding_and_saving(tiny):
    _, vae = tiny
    levels = torch.arange(256, dtype=torch.float32).reshape(1, 16, 16, 1).expand(-1, -1, -1, 3) / 255
    decoded = vae.decode(vae.encode(levels))
    saved = (255.0 * decoded.numpy()).astype("uint8")  # as SaveImage does: it truncates
    assert (saved[0, :, :, 0].flatten() == range(256)).all()


def test_an_empty_mask_returns_the_latent_and_calls_no_model(tiny):
    model, vae = tiny
    given = latent(vae, mask=torch.zeros(64, 64))  # what Load Image gives for a picture without transparency
    samples, record = paint(model, given)
    assert torch.equal(samples, given["samples"])
    assert record.startswith("0 model calls")
    assert "mask is empty" in record


def test_no_mask_paints_everything_and_samples_it_once(tiny):
    model, vae = tiny
    _, record = paint(model, latent(vae))
    assert record.startswith("6 model calls")
    assert "whole picture is painted" in record


def test_a_wholly_masked_picture_is_painted_as_in_a_batch_with_a_half_masked_one(tiny):
    """How often a stretch is sampled must not depend on the other pictures' masks."""
    model, vae = tiny
    masks = torch.cat([right_half(), torch.ones(1, 32, 32)])
    together, _ = paint(model, latent(vae, 2, masks))
    second = {"samples": vae.encode(PICTURE[1:2]), "noise_mask": torch.ones(1, 1, 32, 32), "batch_index": [1]}
    alone, _ = paint(model, second)
    torch.testing.assert_close(together[1:], alone, atol=2e-5, rtol=1e-4)


def test_a_mask_of_half_the_size_covers_the_same_part(tiny):
    model, vae = tiny
    samples, record = paint(model, latent(vae, mask=right_half(16, 16)))
    exact, _ = paint(model, latent(vae, mask=right_half()))
    assert torch.equal(samples, exact)
    assert "on the model's 32x32 grid" in record


def test_a_mask_of_another_shape_is_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="mask is 16x32 and the latent 32x32"):
        paint(model, latent(vae, mask=right_half(32, 16)))


def test_a_wrong_number_of_masks_is_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="2 masks for 3 pictures"):
        paint(model, latent(vae, 3, right_half().repeat(2, 1, 1)))


def test_sides_that_the_network_cannot_halve_are_refused(tiny):
    model, _ = tiny
    with pytest.raises(ValueError, match=r"33x32.*multiples of 2"):
        paint(model, {"samples": torch.rand(1, 3, 32, 33)})


def test_picture_k_of_a_batch_equals_picture_k_alone(tiny):
    model, vae = tiny
    together, _ = paint(model, latent(vae, 3, right_half()))
    third = {"samples": vae.encode(PICTURE[2:]), "noise_mask": right_half()[None], "batch_index": [2]}
    alone, _ = paint(model, third)
    torch.testing.assert_close(together[2:], alone, atol=2e-5, rtol=1e-4)  # convolutions round by batch size


def test_one_mask_a_picture_is_used_for_its_own_picture(tiny):
    model, vae = tiny
    masks = torch.cat([right_half(), right_half().flip(-1)])
    given = latent(vae, 2, masks)
    samples, _ = paint(model, given)
    assert torch.equal(samples[0, :, :, :16], given["samples"][0, :, :, :16])
    assert torch.equal(samples[1, :, :, 16:], given["samples"][1, :, :, 16:])


def test_the_global_random_generator_is_left_alone(tiny):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    before = torch.random.get_rng_state()
    paint(model, given)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_model_is_not_changed_by_a_run(tiny):
    model, vae = tiny
    before = {key: value.clone() for key, value in model.model.state_dict().items()}
    options = dict(model.model_options["transformer_options"])
    paint(model, latent(vae, mask=right_half()), cfg=2.0)
    assert model.model_options["transformer_options"] == options
    assert all(torch.equal(before[key], value) for key, value in model.model.state_dict().items())


def test_node_and_library_paint_the_same_picture(tiny, models_folder):
    """The host samples in its own coordinates (picture plus sigma times noise), the library in guided-diffusion's."""
    from mask_guidance.sampler import Settings, alphas_cumprod, named_betas
    from mask_guidance.sampler import paint as library_paint
    from mask_guidance.sampler.recognition import load_network

    model, vae = tiny
    given = latent(vae, 2, right_half())
    node, _ = paint(model, given, label=1, seed=5, var_type="learned_range")
    net, _ = load_network(models_folder / "in_process.safetensors")
    schedule = alphas_cumprod(named_betas("cosine", 1000))
    settings = Settings(
        method="repaint", skip_type="uniform", skip_steps=6, resample_j=2, resample_r=2, var_type="learned_range"
    )
    y = torch.ones(2, dtype=torch.long)
    with torch.no_grad():
        *_, last = library_paint(
            lambda x, t: net(x, t, y), schedule, given["samples"], right_half()[None] < 0.5,
            settings, seed=5,
        )  # fmt: skip
    # The cosine schedule starts at sigma 20291, where float32 keeps three digits of the picture.
    torch.testing.assert_close(node, last.x, atol=5e-3, rtol=0)


def test_sampler_node_in_the_hosts_guider_equals_the_ksampler(tiny, host):
    import comfy.samplers
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import ImageNoise

    model, vae = tiny
    given = latent(vae, mask=right_half())
    ours, _ = paint(model, given, seed=9, cfg=2.0, negative=conditioning(2))
    with torch.inference_mode():
        (sampler,) = RePaintSamplerNode.execute(2, 2, 10_000, "auto", cfg_repeats="shared").result
        (sigmas,) = RespacedSigmas.execute(model, "uniform", 6).result
        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(conditioning(0), conditioning(2))
        guider.set_cfg(2.0)
        noise = ImageNoise(9, [0], "start")(given["samples"])
        theirs = guider.sample(noise, given["samples"], sampler, sigmas, given["noise_mask"], seed=9)
    assert torch.equal(ours, theirs)


def test_half_precision_layers_run_natively(tiny, models_folder):
    """What a GPU does with fp16 weights and no casting: convolutions in half, norms and embeddings in float32."""
    model, _ = load("in_process.safetensors", dtype="bf16")
    net = model.model.diffusion_model
    for layer in net.modules():
        if hasattr(layer, "comfy_cast_weights"):
            layer.comfy_cast_weights = False
    assert net.input_blocks[1][0].in_layers[2].weight.dtype == torch.bfloat16
    assert net.input_blocks[1][0].in_layers[0].weight.dtype == torch.float32
    full, _ = load("in_process.safetensors")
    x, t, y = torch.randn(1, 3, 32, 32), torch.tensor([300.0]), torch.tensor([1])
    with torch.inference_mode():
        half = net(x.bfloat16(), t, y=y)
        exact = full.model.diffusion_model(x, t, y=y)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, exact, atol=0.05, rtol=0.05)


def test_a_lora_patches_convolutions_and_attention_and_leaves_no_trace(tiny, host):
    import comfy.lora
    import comfy.utils

    model, vae = tiny
    given = latent(vae, mask=right_half())
    plain, _ = paint(model, given)
    lora = {}
    for layer in ("input_blocks.1.0.in_layers.2", "middle_block.1.qkv"):
        weight = model.model.diffusion_model.get_parameter(f"{layer}.weight")
        lora[f"diffusion_model.{layer}.lora_up.weight"] = torch.full((weight.shape[0], 1), 0.1)
        lora[f"diffusion_model.{layer}.lora_down.weight"] = torch.full((1, weight[0].numel()), 0.1)
    patches = comfy.lora.load_lora(lora, comfy.lora.model_lora_keys_unet(model.model, {}))
    patched = model.clone()
    assert len(patched.add_patches(patches, 1.0)) == 2
    changed, _ = paint(patched, given)
    again, _ = paint(model, given)
    assert not torch.equal(changed, plain)
    assert torch.equal(again, plain)


def test_partial_loading_paints_the_same(tiny, host):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    plain, _ = paint(model, given)
    model.unpatch_model()
    with torch.inference_mode():
        model.patch_model(device_to=torch.device("cpu"), lowvram_model_memory=200_000)
    assert model.model.model_lowvram
    partly, _ = paint(model, given)
    assert torch.equal(partly, plain)


def test_the_host_is_told_a_little_more_memory_than_a_call_needs(tiny):
    model = tiny[0].model
    x, labels = torch.zeros(2, 3, 64, 64), torch.zeros(2, dtype=torch.long)
    there = [*model.parameters(), *model.buffers(), x, labels]
    with torch.inference_mode():
        model.apply_model(x, torch.ones(2), y=labels)  # packs weights, where this is a processor
        with FusedAttention(), LiveBytes(there) as live:
            model.apply_model(x, torch.ones(2), y=labels)
    assert 1.05 < model.memory_required(x.shape) / live.most < 1.25


def test_the_host_can_ask_for_a_classic_copy_of_the_model(tiny, host):
    import comfy.model_patcher

    model, _ = tiny
    make, arguments = model.cached_patcher_init
    copy = make(*arguments, disable_dynamic=True)
    assert type(copy) is comfy.model_patcher.ModelPatcher
    key = "input_blocks.0.0.weight"
    assert torch.equal(copy.model.diffusion_model.state_dict()[key], model.model.diffusion_model.state_dict()[key])


def test_a_classic_copy_seeks_nothing_again_in_a_file_that_did_not_change(tiny, models_folder, monkeypatch):
    from mask_guidance.nodes import load_model

    sought = []
    recognise = load_model.recognise
    monkeypatch.setattr(load_model, "recognise", lambda *a, **k: sought.append(a) or recognise(*a, **k))
    make, arguments = tiny[0].cached_patcher_init
    first, second = (make(*arguments, disable_dynamic=True).model for _ in range(2))
    assert not sought
    assert first.detection == second.detection == tiny[0].model.detection
    weights = [model.diffusion_model.input_blocks[0][0].weight for model in (first, second)]
    assert weights[0].data_ptr() != weights[1].data_ptr()  # the host patches them in place

    save_tiny(models_folder / "in_process.safetensors", num_classes=7)
    assert make(*arguments, disable_dynamic=True).model.detection.num_classes == 7
    assert len(sought) == 1


def test_noise_levels_equal_the_training_schedule(tiny):
    from mask_guidance.sampler import alphas_cumprod, named_betas, sigmas

    model, _ = tiny
    expected = sigmas(alphas_cumprod(named_betas("cosine", 1000))).float()
    sampling = model.get_model_object("model_sampling")
    assert torch.equal(sampling.sigmas, expected)
    assert torch.equal(sampling.timestep(sampling.sigmas), torch.arange(1000))


def test_a_text_model_without_text_is_told_what_to_connect(tiny, host):
    from types import SimpleNamespace

    from mask_guidance.nodes.guidance import completed

    with pytest.raises(ValueError, match="guided by text"):
        completed(SimpleNamespace(model=torch.nn.Identity()), None, None, 1.0)


def test_cfg_without_negative_compares_with_any_class(tiny):
    from mask_guidance.nodes.class_label import conditioning

    model, vae = tiny
    given = latent(vae, mask=right_half())
    left_out, _ = paint(model, given, cfg=3.0)
    any_class, _ = paint(model, given, cfg=3.0, negative=conditioning(-1))
    assert torch.equal(left_out, any_class)


def test_any_class_is_a_label_with_and_without_the_model(tiny):
    from mask_guidance.nodes.class_label import LABEL, ClassLabel

    for model in (None, tiny[0]):
        given, name = ClassLabel.execute(-1, model).result
        assert (given[0][1][LABEL], name) == (-1, "any class")


def test_a_label_outside_the_model_is_refused(tiny):
    model, vae = tiny
    with pytest.raises(ValueError, match="class_label is 4, but this model has classes 0 to 3"):
        paint(model, latent(vae), label=4)


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_of_one_and_four_channels_go_through_the_vae(host, channels):
    from mask_guidance.nodes.pixel_vae import pixel_vae

    vae = pixel_vae(channels)
    grey = torch.randint(0, 256, (1, 8, 8, 1)).expand(-1, -1, -1, 3) / 255
    samples = vae.encode(grey)
    assert samples.shape == (1, channels, 8, 8)
    torch.testing.assert_close(vae.decode(samples), grey, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["EPS", "V_PREDICTION", "EDM", "FLOW", "FLUX"])
def test_ladder_of_every_kind_of_host_model_has_the_marginals_of_its_own_noising(host, kind):
    import comfy.model_base
    from mask_guidance.nodes.ladder import ladder_of

    class Config:
        sampling_settings = {}  # noqa: RUF012

    sampling = comfy.model_base.model_sampling(Config(), comfy.model_base.ModelType[kind])
    sigmas = torch.cat([sampling.sigmas.flip(0)[:: len(sampling.sigmas) // 10], torch.zeros(1)])
    ladder = ladder_of(sampling, sigmas)
    x0, n = torch.randn(64), torch.randn(64)
    for level in range(ladder.steps + 1):
        expected = sampling.noise_scaling(sigmas[-1 - level], n.clone(), x0.clone())
        torch.testing.assert_close(ladder.diffuse(x0, level, n), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("fast", "bound"), [(False, 5e-5), (True, 5e-4)])
def test_a_picture_so_small_that_a_norms_groups_have_one_value_is_painted_alone_as_in_a_batch(
    tiny, monkeypatch, fast, bound
):
    """The CPU's faster form rounds otherwise where the layers as written take one number a group."""
    if not fast:
        monkeypatch.setattr(FastConv, "is_fast", lambda *_: False)
    model, _ = tiny
    samples = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    together, _ = paint(model, {"samples": samples})
    alone, _ = paint(model, {"samples": samples[:1]})
    assert (together[:1] - alone).abs().max() < bound
