"""The pretended GPU itself: it must be as strict as one."""

import pytest
import torch
from pretend_cuda import CUDA, Pretend, pretended_cuda


def test_a_tensor_says_that_it_is_on_the_device_and_so_does_what_is_made_of_it():
    with pretended_cuda():
        x = torch.ones(2, 3, device="cuda")
        made = (x.mT @ x)[0].cumsum(0)
        assert isinstance(made, Pretend) and made.is_cuda and made.device == CUDA
        assert made.tolist() == [2, 4, 6]
        with pytest.raises(TypeError, match="numpy"):
            made.numpy()


@pytest.mark.parametrize(
    "mix",
    [
        lambda there, here: there + here,
        lambda there, here: torch.where(there > 0, there, here),
        lambda there, here: torch.cat([there, here]),
        lambda there, here: here[there.long()],
        lambda there, here: here.add_(there),
        lambda there, here: torch.mm(there, here),
    ],
)
def test_tensors_of_both_devices_do_not_meet(mix):
    with pretended_cuda(), pytest.raises(RuntimeError, match="same device"):
        mix(torch.ones(2, 2, device="cuda"), torch.ones(2, 2))


def test_a_number_of_the_cpu_may_meet_the_devices_tensors_without_a_wait():
    with pretended_cuda() as waits:
        x = torch.ones(2, device="cuda")
        x = torch.lerp(x * torch.tensor(3.0), x, torch.tensor(0.5).item())
    assert x.tolist() == [2, 2]
    assert not waits


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: x.cpu(),
        lambda x: torch.zeros(2).to("cuda"),
        # From memory that is not pinned, and from a copy of another type, which is not.
        lambda x: torch.zeros(2).to("cuda", non_blocking=True),
        lambda x: torch.zeros(2, pin_memory=True).to("cuda", torch.float16, non_blocking=True),
        lambda x: x.copy_(torch.zeros(2)),
        lambda x: x[torch.tensor([0])],
    ],
)
def test_what_makes_the_processor_wait_is_counted_at_its_line(wait):
    with pretended_cuda() as waits:
        x = torch.tensor([1.0, 0.0], device="cuda")
        waits.clear()
        wait(x)
    (place,) = waits
    assert waits[place] == 1
    assert f" at {__file__}:{wait.__code__.co_firstlineno}" in place
    assert not waits.ours  # this is no line of the pack


def test_pinned_memory_is_sent_without_a_wait_and_must_not_change_on_its_way():
    with pretended_cuda() as waits:
        pinned = torch.zeros(2, pin_memory=True)
        assert pinned.is_pinned() and not torch.zeros(2).is_pinned()
        there = pinned.to("cuda", non_blocking=True)
        assert not waits
        with pytest.raises(RuntimeError, match="may not be done yet"):
            torch.ones(2, out=pinned)
        there.cpu()  # waits for all
        torch.ones(2, out=pinned)


def test_a_device_without_float64_refuses_it():
    with pretended_cuda(float64=False), pytest.raises(TypeError, match="float64"):
        torch.ones(2, device="cuda").double()


def test_a_modules_parameters_move_with_it():
    layer = torch.nn.Linear(2, 2)
    with pretended_cuda():
        layer.to("cuda")
        assert isinstance(layer(torch.ones(1, 2, device="cuda")), Pretend)
        with pytest.raises(RuntimeError, match="same device"):
            layer(torch.ones(1, 2))
