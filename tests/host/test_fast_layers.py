"""The network's faster form on a processor, under the host's management: patches, hooks, casts, unloading, interrupts."""

import pytest
import torch
from checkpoints import save_tiny
from nodes_by_hand import ksampler, load, paint
from test_nodes import latent, right_half

ROUNDING = {"rtol": 0, "atol": 1e-3}  # of pictures in [-1, 1] after some dozen calls
CONV, ATTENTION = "input_blocks.1.0.in_layers.2", "middle_block.1.qkv"


@pytest.fixture
def packs(tiny):
    """What the tiny network keeps for this processor."""
    kept = tiny[0].model.diffusion_model.packs
    kept.clear()
    return kept


def lora(model) -> dict:
    """Of some convolutions."""
    made = {}
    for layer in (CONV, ATTENTION):
        weight = model.model.diffusion_model.get_parameter(f"{layer}.weight")
        made[f"diffusion_model.{layer}.lora_up.weight"] = torch.full((weight.shape[0], 1), 0.1)
        made[f"diffusion_model.{layer}.lora_down.weight"] = torch.full((1, weight[0].numel()), 0.1)
    return made


def patched(model):
    import comfy.lora

    clone = model.clone()
    clone.add_patches(comfy.lora.load_lora(lora(model), comfy.lora.model_lora_keys_unet(model.model, {})), 1.0)
    return clone


def plainly(model, painting):
    """What is painted by layers without a faster way."""
    net = model.model.diffusion_model
    net.train()  # which layers of the fast kind take as a word to run as they are written; nothing is dropped out here
    try:
        return painting()[0]
    finally:
        net.eval()


def test_the_host_runs_the_fast_form_and_paints_the_same(tiny, packs):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    fast, _ = paint(model, given)
    assert len(packs.made) > 20
    torch.testing.assert_close(fast, plainly(model, lambda: paint(model, given)), **ROUNDING)


def test_packs_follow_a_lora_there_and_back(tiny, packs):
    model, vae = tiny
    given = latent(vae, mask=right_half())
    before, _ = paint(model, given)
    with_lora = patched(model)
    changed, _ = paint(with_lora, given)
    again, _ = paint(model, given)
    assert packs.made
    assert (changed - before).abs().max() > 0.05
    torch.testing.assert_close(changed, plainly(with_lora, lambda: paint(with_lora, given)), **ROUNDING)
    assert torch.equal(again, before)


def test_packs_are_not_used_where_a_hook_writes_over_weights(tiny, packs):
    """One conditioning has a LoRA, the other none: weights change twice a step."""
    import comfy.hooks
    from mask_guidance.nodes.class_label import conditioning

    model, vae = tiny
    given, text = latent(vae, mask=right_half()), conditioning(0)
    hooked = comfy.hooks.set_hooks_for_conditioning(text, comfy.hooks.create_hook_lora(lora(model), 1.0, 0.0))

    def painting():
        return ksampler(model, given, positive=hooked, negative=text, cfg=2.0)

    without, _ = ksampler(model, given, positive=text, negative=text, cfg=2.0)
    fast, _ = painting()
    assert (fast - without).abs().max() > 0.05
    assert packs.made
    torch.testing.assert_close(fast, plainly(model, painting), **ROUNDING)


def test_unloading_frees_the_packs(tiny, packs, host):
    import comfy.model_management

    model, vae = tiny
    paint(model, latent(vae, mask=right_half()))
    assert packs.made
    comfy.model_management.unload_all_models()
    assert not packs.made


def test_a_cancelled_run_stops_inside_the_network(tiny, packs, host):
    import comfy.model_management as management

    net = tiny[0].model.diffusion_model
    x, t, y = torch.zeros(1, 3, 16, 16), torch.tensor([300.0]), torch.tensor([1])
    seen = []

    def cancel(*_) -> None:
        seen.append("middle")
        management.interrupt_current_processing()

    net.middle_block.register_forward_hook(cancel)
    net.output_blocks[0].register_forward_hook(lambda *_: seen.append("after"))
    with torch.inference_mode(), pytest.raises(management.InterruptProcessingException):
        net(x, t, y=y)
    assert seen == ["middle"]


def test_bfloat16_computes_in_bfloat16_on_this_processor(models_folder, host):
    from mask_guidance.sampler.fast import bfloat16_is_fast

    if not bfloat16_is_fast():
        pytest.skip("this processor has no bfloat16")
    save_tiny(models_folder / "in_process.safetensors")
    half, vae = load("in_process.safetensors", dtype="bf16")
    exact, _ = load("in_process.safetensors")
    given = latent(vae, mask=right_half())
    painted = paint(half, given)[0]
    assert half.model.get_dtype_inference() == torch.bfloat16
    assert half.model.diffusion_model.packs.made
    assert (painted - paint(exact, given)[0]).abs().mean() < 0.05


def test_float16_is_computed_in_float32_here_and_packs_nothing_of_it(models_folder, host):
    save_tiny(models_folder / "in_process.safetensors")
    model, vae = load("in_process.safetensors", dtype="fp16")
    paint(model, latent(vae, mask=right_half()))
    assert {pack.made.dtype for pack in model.model.diffusion_model.packs.made.values()} <= {torch.float32}
    assert model.model.get_dtype_inference() == torch.float32


def test_the_host_is_told_of_packs_until_they_are_there(tiny, packs):
    model, vae = tiny
    before = model.model.memory_required([1, 3, 32, 32])
    paint(model, latent(vae, mask=right_half()))
    after = model.model.memory_required([1, 3, 32, 32])
    weights = sum(layer.weight.nbytes for layer in packs.made)
    assert weights < before - after < 3 * weights


def test_a_run_computes_each_embedding_once(tiny, packs):
    model, vae = tiny
    calls = []
    model.model.diffusion_model.time_embed.register_forward_hook(lambda *_: calls.append(1))
    _, record = paint(model, latent(vae, mask=right_half()), label=1)
    assert int(record.split()[0]) > 8
    assert len(calls) == 6  # levels; some are visited twice


def test_a_call_with_other_noise_on_the_way_has_its_own_embedding(tiny):
    from comfy.samplers import calc_cond_batch

    model, vae = tiny
    given = latent(vae, mask=right_half())
    curious = model.clone()

    def asks_twice(args):
        model, conds, x, options = (args[name] for name in ("model", "conds", "input", "model_options"))
        calc_cond_batch(model, conds, x, args["sigma"] / 2, options)
        return calc_cond_batch(model, conds, x, args["sigma"], options)

    curious.model_options["sampler_calc_cond_batch_function"] = asks_twice
    together, alone = (paint(each, given, method="feedback")[0] for each in (curious, model))  # which draws no variance
    torch.testing.assert_close(together, alone, **ROUNDING)


@pytest.mark.parametrize("way", ["function", "wrapper"])
def test_noise_that_is_changed_on_the_way_to_the_network_has_its_own_embedding(tiny, way):
    """The host tells of the noise that the sampler asked for, whatever a wrapper makes of it."""
    from comfy.patcher_extension import WrappersMP

    model, vae = tiny
    given = latent(vae, mask=right_half())
    curious = model.clone()

    def by_function(apply_model, args):
        apply_model(args["input"], args["timestep"] / 2, **args["c"])
        return apply_model(args["input"], args["timestep"], **args["c"])

    def by_wrapper(executor, x, timesteps, *rest, **more):
        executor(x, timesteps // 2, *rest, **more)
        return executor(x, timesteps, *rest, **more)

    if way == "function":
        curious.set_model_unet_function_wrapper(by_function)
    else:
        curious.add_wrapper(WrappersMP.DIFFUSION_MODEL, by_wrapper)
    together, alone = (paint(each, given, method="feedback")[0] for each in (curious, model))
    torch.testing.assert_close(together, alone, **ROUNDING)
