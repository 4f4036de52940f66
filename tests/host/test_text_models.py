"""Networks of the host's own architectures, guided by text, under everything that the host hangs on a MODEL."""

import pytest
import torch
from nodes_by_hand import ksampler
from tiny_models import KINDS, Tiny, tiny

METHODS = {
    "kriged": {"method": "kriged", "skip_type": "karras", "skip_steps": 5, "resample_r": 2},
    "repaint": {"method": "repaint", "skip_type": "uniform", "skip_steps": 5, "resample_r": 2, "resample_j": 2},
}
ROUNDING = {"atol": 2e-6, "rtol": 2e-6}  # what the latent format's scaling and its inverse leave

both_methods = pytest.mark.parametrize("method", METHODS)
every_architecture = pytest.mark.parametrize("small", KINDS, indirect=True)
unet_and_transformer = pytest.mark.parametrize("small", ["SD1.5", "Wan"], indirect=True)
unet = pytest.mark.parametrize("small", ["SD1.5"], indirect=True)


@pytest.fixture
def small(host, request) -> Tiny:
    return tiny(request.param)


def painted(small: Tiny, method: str = "repaint", model=None, **options) -> torch.Tensor:
    settings = {"positive": small.positive, "negative": small.negative, "cfg": 2.0, **METHODS[method], **options}
    samples, _ = ksampler(model or small.model, small.latent, **settings)
    assert samples.isfinite().all()
    assert_known(small, samples)
    return samples


def assert_known(small: Tiny, samples: torch.Tensor) -> None:
    known = small.known.expand_as(samples)
    torch.testing.assert_close(samples[known], small.latent["samples"][known], **ROUNDING)
    assert (samples - small.latent["samples"])[~known].abs().mean() > 0.01


def assert_painted_alike(small: Tiny, ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """To the bit where it is painted; our KSampler also keeps the rest to the bit, which the host's scaling rounds."""
    known = small.known.expand_as(ours)
    assert torch.equal(ours[~known], theirs[~known])
    torch.testing.assert_close(ours, theirs, **ROUNDING)


@torch.inference_mode()
def guided(small: Tiny, guider, method: str = "repaint", seed: int = 3, cfg_repeats: str = "shared") -> torch.Tensor:
    """Our SAMPLER and SIGMAS in a guider of the host."""
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import ImageNoise

    (sampler,) = RePaintSamplerNode.execute(2, 2, 10_000, "auto", method, cfg_repeats=cfg_repeats).result
    (sigmas,) = RespacedSigmas.execute(small.model, "uniform", METHODS[method]["skip_steps"]).result
    samples = small.latent["samples"]
    noise = ImageNoise(seed, range(len(samples)), "start")(samples)
    result = guider.sample(noise, samples, sampler, sigmas, small.latent["noise_mask"], None, True, seed)
    assert_known(small, result.cpu())
    return result.cpu()


def hear_steps(small: Tiny) -> list[float]:
    """The sigma of every call of the model, conditionings counted together."""
    import comfy.patcher_extension

    heard = []

    def listen(executor, x, timestep, *rest, **options):
        heard.append(float(timestep[0]))
        return executor(x, timestep, *rest, **options)

    small.model.add_wrapper(comfy.patcher_extension.WrappersMP.PREDICT_NOISE, listen)
    return heard


@both_methods
@every_architecture
def test_a_run_keeps_the_known_latent_and_repeats_itself(small, method):
    assert torch.equal(painted(small, method), painted(small, method))


@both_methods
@every_architecture
def test_a_run_leaves_no_trace(small, method):
    weights = {key: value.clone() for key, value in small.model.model.state_dict().items()}
    options = str(small.model.model_options)
    given = [small.latent["samples"].clone(), small.latent["noise_mask"].clone(), small.positive[0][0].clone()]
    state = torch.random.get_rng_state()
    painted(small, method)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert str(small.model.model_options) == options
    assert not small.model.object_patches
    assert all(torch.equal(weights[key], value) for key, value in small.model.model.state_dict().items())
    after = [small.latent["samples"], small.latent["noise_mask"], small.positive[0][0]]
    assert all(torch.equal(a, b) for a, b in zip(given, after, strict=True))


@both_methods
@every_architecture
def test_text_and_cfg_reach_the_network(small, method):
    base = painted(small, method, cfg=1.0)
    assert torch.equal(painted(small, method, cfg=1.0, negative=None), base)
    assert not torch.allclose(painted(small, method, cfg=1.0, positive=small.negative), base, atol=1e-3)
    assert not torch.allclose(painted(small, method, cfg=3.0), base, atol=1e-3)


@every_architecture
def test_a_text_model_without_text_is_told_what_to_connect(small):
    with pytest.raises(ValueError, match="guided by text"):
        painted(small, positive=None)
    with pytest.raises(ValueError, match="needs a negative"):
        painted(small, negative=None)


@both_methods
@every_architecture
def test_the_sampler_in_the_hosts_cfg_guider_equals_our_ksampler(small, method):
    from comfy.samplers import CFGGuider

    for cfg in (1.0, 2.0):
        guider = CFGGuider(small.model)
        guider.set_conds(small.positive, small.negative)
        guider.set_cfg(cfg)
        assert_painted_alike(small, guided(small, guider, method), painted(small, method, cfg=cfg, skip_type="uniform"))


@both_methods
@every_architecture
def test_the_sampler_works_in_the_basic_guider(small, method):
    from comfy_extras.nodes_custom_sampler import BasicGuider

    (guider,) = BasicGuider.execute(small.model, small.positive).result
    assert_painted_alike(small, guided(small, guider, method), painted(small, method, cfg=1.0, skip_type="uniform"))


@pytest.mark.parametrize("style", ["regular", "nested"])
@every_architecture
def test_the_sampler_works_in_the_dual_guider(small, style):
    """With the same text twice there is one guidance less."""
    from comfy_extras.nodes_custom_sampler import DualCFGGuider

    (guider,) = DualCFGGuider.execute(
        small.model, small.positive, small.negative, small.negative, 2.0, 1.0, style
    ).result
    theirs, ours = guided(small, guider, cfg_repeats="full"), painted(small, cfg=2.0, cfg_repeats="full")
    torch.testing.assert_close(theirs, ours, atol=2e-2, rtol=2e-3)


@unet_and_transformer
def test_a_text_counts_only_in_its_range_of_steps(small):
    from node_helpers import conditioning_set_values

    def ranged(start, end):
        return conditioning_set_values(small.negative, {"start_percent": start, "end_percent": end})

    first = conditioning_set_values(small.positive, {"start_percent": 0.0, "end_percent": 0.5})
    only, switched = painted(small), painted(small, positive=first + ranged(0.5, 1.0))
    assert not torch.allclose(only, switched, atol=1e-3)
    assert torch.equal(painted(small, positive=small.positive + ranged(1.0, 1.0)), only)


@unet_and_transformer
def test_texts_for_parts_of_the_picture_work(small):
    from node_helpers import conditioning_set_values

    area = conditioning_set_values(small.negative, {"area": ("percentage", 1, 0.5, 0, 0.5), "strength": 1.0})
    if small.latent["samples"].ndim == 5:
        area = conditioning_set_values(small.negative, {"area": ("percentage", 1, 1, 0.5, 0, 0, 0.5), "strength": 1.0})
    masked = conditioning_set_values(
        small.negative, {"mask": small.latent["noise_mask"][0], "set_area_to_bounds": False, "mask_strength": 1.0}
    )
    whole = painted(small)
    for part in (area, masked):
        both = painted(small, positive=small.positive + part)
        assert not torch.allclose(both, whole, atol=1e-3)
        assert torch.equal(both, painted(small, positive=small.positive + part))


def lora(small: Tiny) -> dict:
    """A LoRA on two layers, in the host's generic keys."""
    layers = {
        "SD1.5": ("input_blocks.1.0.in_layers.2", "middle_block.1.transformer_blocks.0.attn2.to_k"),
        "Wan": ("blocks.0.self_attn.q", "blocks.1.cross_attn.k"),
    }
    file = {}
    for layer in layers["Wan" if small.latent["samples"].ndim == 5 else "SD1.5"]:
        weight = small.model.model.diffusion_model.get_parameter(f"{layer}.weight")
        file[f"diffusion_model.{layer}.lora_up.weight"] = torch.full((weight.shape[0], 1), 0.2)
        file[f"diffusion_model.{layer}.lora_down.weight"] = torch.full((1, weight[0].numel()), 0.2)
    return file


@both_methods
@unet_and_transformer
def test_a_lora_changes_the_result_and_leaves_no_trace(small, method):
    import comfy.lora

    plain = painted(small, method)
    patches = comfy.lora.load_lora(lora(small), comfy.lora.model_lora_keys_unet(small.model.model, {}))
    patched = small.model.clone()
    assert len(patched.add_patches(patches, 1.0)) == 2
    assert not torch.allclose(painted(small, method, patched), plain, atol=1e-3)
    assert torch.equal(painted(small, method), plain)


@both_methods
@unet_and_transformer
def test_a_lora_hooked_to_a_text_equals_the_lora_on_the_model(small, method):
    import comfy.hooks
    import comfy.lora

    plain = painted(small, method, cfg=1.0)
    patches = comfy.lora.load_lora(lora(small), comfy.lora.model_lora_keys_unet(small.model.model, {}))
    patched = small.model.clone()
    patched.add_patches(patches, 1.0)
    hooks = comfy.hooks.create_hook_lora(lora(small), 1.0, 0.0)
    hooked = comfy.hooks.set_hooks_for_conditioning(small.positive, hooks)
    on_text = painted(small, method, cfg=1.0, positive=hooked)
    torch.testing.assert_close(on_text, painted(small, method, patched, cfg=1.0), atol=1e-4, rtol=1e-4)
    assert torch.equal(painted(small, method, cfg=1.0), plain)


@both_methods
@unet
def test_a_controlnet_is_asked_once_a_call_with_the_sigma_of_the_call(small, method):
    import comfy.controlnet
    from node_helpers import conditioning_set_values

    class Control(comfy.controlnet.ControlBase):
        asked: list[float] = []  # noqa: RUF012
        ended = 0

        def get_control(self, x_noisy, t, cond, batched_number, transformer_options):
            self.asked.append(float(t[0]))
            return {"input": [], "middle": [torch.ones_like(x_noisy[:, :1, ::2, ::2]) / 10], "output": []}

        def cleanup(self):
            super().cleanup()
            type(self).ended += 1

    heard = hear_steps(small)
    plain = painted(small, method)
    calls = len(heard)
    heard.clear()
    steered = {"control": Control(), "control_apply_to_uncond": True}
    controlled = painted(small, method, positive=conditioning_set_values(small.positive, steered))
    assert Control.asked == heard
    assert len(heard) == calls > 6
    assert Control.ended >= 1
    assert not torch.allclose(controlled, plain, atol=1e-3)


@unet
def test_a_controlnet_of_the_host_steers_the_result(small):
    import comfy.cldm.cldm
    import comfy.controlnet
    import comfy.ops
    from node_helpers import conditioning_set_values
    from tiny_models import UNET, drawn

    sizes = {key: value for key, value in UNET.items() if key not in ("out_channels", "transformer_depth_output")}
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        network = comfy.cldm.cldm.ControlNet(
            **sizes, hint_channels=3, num_heads=4, dtype=torch.float32, operations=comfy.ops.disable_weight_init
        )
        for key, value in network.state_dict().items():
            value.copy_(drawn(key, value.shape, generator))
        control = comfy.controlnet.ControlNet(network, load_device=small.model.load_device)
    hint = torch.rand(1, 3, 64, 64, generator=generator)
    plain, results = painted(small), []
    for strength in (0.0, 0.5, 0.5):
        applied = {"control": control.copy().set_cond_hint(hint, strength), "control_apply_to_uncond": True}
        results.append(painted(small, positive=conditioning_set_values(small.positive, applied)))
    assert torch.equal(results[0], plain)
    assert not torch.allclose(results[1], plain, atol=1e-3)
    assert torch.equal(results[1], results[2])


@pytest.mark.parametrize("name", KINDS)
def test_small_networks_have_their_weights_where_layers_are_made_without_any(host, monkeypatch, name):
    """As under dynamic VRAM."""
    import comfy.memory_management

    usual = tiny(name).model.model.diffusion_model.state_dict()
    monkeypatch.setattr(comfy.memory_management, "aimdo_enabled", True)
    later = tiny(name).model.model.diffusion_model.state_dict()
    assert all(value is not None and torch.equal(value, later[key]) for key, value in usual.items())
    assert usual.keys() == later.keys()


@both_methods
@unet_and_transformer
def test_progress_counts_every_call(small, method, monkeypatch):
    """The page may be told less often than there are calls; the numbers are of calls all the same."""
    import comfy.utils

    told = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", lambda value, total, *_, **__: told.append((value, total)))
    heard = hear_steps(small)
    painted(small, method)
    assert told[0] == (1, len(heard))
    assert told[-1] == (len(heard), len(heard))
    assert told == sorted(set(told))


@both_methods
@unet_and_transformer
def test_an_interrupt_stops_in_the_middle_and_the_next_run_is_whole(small, method):
    import comfy.model_management
    import comfy.patcher_extension

    whole = painted(small, method)
    calls = []

    def interrupt(executor, *arguments, **options):
        result = executor(*arguments, **options)
        calls.append(1)
        if len(calls) == 3:
            comfy.model_management.interrupt_current_processing()
        return result

    stopped = small.model.clone()
    stopped.add_wrapper(comfy.patcher_extension.WrappersMP.PREDICT_NOISE, interrupt)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        painted(small, method, stopped)
    assert len(calls) == 3
    assert torch.equal(painted(small, method), whole)


@both_methods
@pytest.mark.parametrize("name", KINDS)
def test_networks_in_half_precision_keep_the_known_latent(host, name, method):
    painted(tiny(name, dtype=torch.float16), method)


@unet_and_transformer
def test_partial_loading_paints_the_same(small):
    whole = painted(small)
    small.model.unpatch_model()
    with torch.inference_mode():
        small.model.patch_model(device_to=small.model.load_device, lowvram_model_memory=50_000)
    assert small.model.model.model_lowvram
    torch.testing.assert_close(painted(small), whole, atol=1e-3, rtol=1e-3)


@both_methods
@pytest.mark.parametrize("small", ["Wan 2.2 5B"], indirect=True)
def test_a_model_that_takes_known_frames_for_clean_is_told_that_they_are_not(small, method):
    """Its host class scales each frame's timestep by the frame's mask; ours are noised to the level like the rest."""
    small.latent["noise_mask"] = torch.ones(3, 1, 8, 12)
    small.latent["noise_mask"][0] = 0
    small.latent["noise_mask"][1, ..., :6] = 0
    told = []
    network = small.model.model.diffusion_model
    listener = network.register_forward_pre_hook(lambda module, args: told.append(args[1].clone()))
    samples, _ = ksampler(small.model, small.latent, positive=small.positive, **METHODS[method])
    listener.remove()
    torch.testing.assert_close(samples[:, :, 0], small.latent["samples"][:, :, 0], **ROUNDING)
    assert len(told) >= 6
    for timesteps in told:
        assert (timesteps == timesteps.flatten()[0]).all()
