"""The host's TorchCompileModel: what is compiled in one run serves the next, whichever sampler that has."""

import pytest
import torch
from nodes_by_hand import paint
from test_text_models import ROUNDING

LATENT = {"samples": torch.zeros(1, 3, 16, 16), "noise_mask": torch.ones(1, 1, 16, 16)}
SHORT = {"label": 0, "skip_steps": 3}


@pytest.fixture
def compiled(tiny):
    """The tiny network compiled as the node does it, by a backend that needs no compiler; and as it was."""
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    model, _ = tiny
    torch.compiler.reset()
    (model_compiled,) = TorchCompileModel.execute(model, "eager").result
    yield model_compiled, model
    torch.compiler.reset()


@torch.inference_mode()
def stock(model) -> torch.Tensor:
    from mask_guidance.nodes.class_label import conditioning

    from nodes import common_ksampler

    text = conditioning(0)
    return common_ksampler(model, 3, 2, 1.0, "euler", "normal", text, text, LATENT)[0]["samples"]


def test_the_variance_reaches_our_sampler_before_and_after_a_stock_one(compiled):
    ours, own = (paint(model, LATENT, var_type="learned_range", **SHORT)[0] for model in compiled)
    torch.testing.assert_close(ours, own, **ROUNDING)
    theirs, their_own = (stock(model) for model in compiled)
    torch.testing.assert_close(theirs, their_own, **ROUNDING)
    torch.testing.assert_close(paint(compiled[0], LATENT, var_type="learned_range", **SHORT)[0], own, **ROUNDING)


def test_the_variance_reaches_our_sampler_where_a_stock_one_ran_first(compiled):
    stock(compiled[0])
    ours, own = (paint(model, LATENT, var_type="learned_range", **SHORT)[0] for model in compiled)
    torch.testing.assert_close(ours, own, **ROUNDING)


def test_the_variance_is_kept_though_a_compiled_network_writes_its_next_answer_into_the_same_memory(host):
    from mask_guidance.nodes.variance import VarianceSink

    sink, memory = VarianceSink(), torch.ones(2, 3, 4, 4)
    sink.put(memory, [0, 1])
    memory.zero_()
    assert bool((sink.take(torch.empty(1, 3, 4, 4)) == 1).all())
