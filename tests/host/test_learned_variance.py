"""The variance that a pixel model has learned reaches the sampler, and no other answer of the network in its place."""

import pytest
import torch
from nodes_by_hand import latent, paint, right_half


def test_learned_variance_reaches_the_sampler_through_the_host(tiny, host):
    """With cfg the host batches both completed; the sink must hold the positive one's variance, unmixed."""
    from mask_guidance.nodes.variance import SINK, VarianceSink

    model, _ = tiny
    net, sampling = model.model.diffusion_model, model.model.model_sampling
    x, t = torch.randn(2, 3, 32, 32), torch.tensor([700, 700])
    sink, sigma = VarianceSink(), sampling.sigmas[t]
    with torch.inference_mode():
        batch, labels = torch.cat([x, x]), torch.tensor([2, 2, 1, 1])
        options = {SINK: sink, "cond_or_uncond": [1, 0]}
        model.model.apply_model(batch, torch.cat([sigma, sigma]), transformer_options=options, y=labels)
        both = super(type(net), net).forward(sampling.calculate_input(sigma, x), t.float(), torch.tensor([1, 1]))
    torch.testing.assert_close(sink.take(x), both[:, 3:], atol=1e-5, rtol=1e-4)


def test_variance_from_areas_is_not_used(tiny):
    from mask_guidance.nodes.variance import VarianceSink

    sink, x = VarianceSink(), torch.randn(1, 3, 8, 8)
    sink.put(torch.randn(1, 3, 8, 4), [0], ["left"])
    sink.put(torch.randn(1, 3, 8, 4), [0], ["right"])
    assert sink.take(x) is None


def test_variance_of_two_conditionings_is_not_used(tiny):
    from mask_guidance.nodes.variance import VarianceSink

    sink, x = VarianceSink(), torch.randn(1, 3, 8, 8)
    sink.put(torch.randn(2, 3, 8, 8), [0, 0], ["a cat", "a dog"])
    assert sink.take(x) is None


@pytest.mark.parametrize("asked", ["cond", "uncond"])
def test_a_hook_that_asks_the_network_again_within_a_step_leaves_the_learned_variance(tiny, host, asked):
    """As perturbed attention does with the positive conditioning; others ask for the negative, or one of their own."""
    import comfy.samplers

    def asks_again(args):
        disturbed = args["input"] + 1
        comfy.samplers.calc_cond_batch(args["model"], [args[asked]], disturbed, args["sigma"], args["model_options"])
        return args["denoised"]

    model, vae = tiny
    hooked = model.clone()
    hooked.set_model_sampler_post_cfg_function(asks_again)
    given = latent(vae, mask=right_half())
    theirs, ours = (paint(one, given, var_type="learned_range", cfg=2.0)[0] for one in (hooked, model))
    assert torch.equal(theirs, ours)


def test_a_wrapper_that_asks_for_one_conditioning_after_the_other_leaves_the_learned_variance(tiny):
    """Such wrappers say which one it is, and leave the names of all."""

    def one_by_one(apply_model, args):
        kinds, conditions = args["cond_or_uncond"], dict(args["c"])
        options = conditions.pop("transformer_options")
        parts = [t.chunk(len(kinds)) for t in (args["input"], args["timestep"], conditions["y"])]
        answers = [
            apply_model(x, t, y=y, transformer_options={**options, "cond_or_uncond": [kind]})
            for kind, x, t, y in zip(kinds, *parts, strict=True)
        ]
        return torch.cat(answers)

    model, vae = tiny
    wrapped = model.clone()
    wrapped.set_model_unet_function_wrapper(one_by_one)
    given = latent(vae, mask=right_half())
    theirs, ours = (paint(one, given, var_type="learned_range", cfg=2.0)[0] for one in (wrapped, model))
    torch.testing.assert_close(theirs, ours, atol=1e-3, rtol=0)


def test_the_positive_conditioning_is_known_by_name_where_a_guider_asks_for_another_first(tiny, host):
    """The host numbers what a guider asks for, and Dual CFG Guider begins with the negative."""
    from comfy_extras.nodes_custom_sampler import Guider_DualCFG
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.repaint_sampler import RePaintSamplerNode
    from mask_guidance.nodes.respaced_sigmas import RespacedSigmas
    from mask_guidance.sampler import ImageNoise

    model, vae = tiny
    given = latent(vae, mask=right_half())
    expected, _ = paint(model, given, seed=9, var_type="learned_range")
    dual = Guider_DualCFG(model)
    dual.set_conds(conditioning(0), conditioning(1), conditioning(2))
    dual.set_cfg(1.0, 1.0, nested=True)  # which gives the positive answer, but for rounding
    with torch.inference_mode():
        (sampler,) = RePaintSamplerNode.execute(2, 2, 10_000, "learned_range").result
        (sigmas,) = RespacedSigmas.execute(model, "uniform", 6).result
        noise = ImageNoise(9, [0], "start")(given["samples"])
        actual = dual.sample(noise, given["samples"], sampler, sigmas, given["noise_mask"], seed=9)
    torch.testing.assert_close(actual, expected, atol=1e-3, rtol=0)


def test_positive_conditionings_that_cannot_be_named_are_told_by_their_kind(host):
    from mask_guidance.nodes.variance import VarianceSink

    sink, v = VarianceSink(), torch.randn(2, 3, 8, 8)
    sink.put(v, [1, 0])
    assert torch.equal(sink.take(v[:1]), v[1:])
    for part in v.split(1):
        sink.put(part, [0])
    assert sink.take(v[:1]) is None
