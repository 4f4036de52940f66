"""What a network makes of a timestep is computed once in a run."""

import pytest
import torch
from lucid_weights import FULL
from mask_guidance.sampler.adm import UNet
from mask_guidance.sampler.ddpm import DDPMConfig, DDPMUNet
from mask_guidance.sampler.embedded import Embeddings
from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
from small_nets import BARE, SMALL, fill_randomly
from torch import nn

NETWORKS = {
    "ADM": lambda: UNet(SMALL, BARE),
    "DDPM": lambda: DDPMUNet(DDPMConfig(channels=32, widths=(32, 64), num_res_blocks=1), BARE),
    "lucidrains": lambda: LucidUNet(LucidConfig(3, 3, 16, (16, 32), (FULL,), FULL), BARE),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_run_that_comes_back_computes_no_embedding_again_and_gives_the_same(make):
    net = fill_randomly(make())
    x, t = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([40, 40])
    expected = net(x, t)
    run, calls = Embeddings(), []
    for module in net.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda *_: calls.append(1))
    counts = []
    for _ in range(3):
        assert torch.equal(net(x, t, embedded=run.at("level 7", lambda: net.embed(t, None))), expected)
        counts.append(len(calls))
    assert counts[0] > 3
    assert counts[1:] == counts[:1] * 2


def test_another_timestep_is_another_embedding():
    net, run = fill_randomly(UNet(SMALL, BARE)), Embeddings()
    x = torch.zeros(1, 3, 16, 16)
    for step in (10, 700, 10):
        t = torch.tensor([step])
        kept = run.at(step, lambda t=t: net.embed(t, None))
        assert torch.equal(net(x, t, embedded=kept), net(x, t))
    assert len(run.kept) == 2


def test_the_oldest_go_when_there_are_many():
    run = Embeddings()
    for level in range(Embeddings.MOST + 1):
        run.at(level, lambda: torch.zeros(1))
    assert next(iter(run.kept)) == 1
    assert len(run.kept) == Embeddings.MOST
