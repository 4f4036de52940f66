"""Numbers that are none end a chain at once, and say where they came from."""

import pytest
import torch
from chains import TABLE, half_known, pictures, toy_model, toy_model_with_variance
from mask_guidance.sampler import PRESETS, paint, sigmas
from mask_guidance.sampler.finite import EVERY, Finite, NotFiniteError

DRAFT = PRESETS["draft"]


def spoilt(from_call: int, model=toy_model, channel: int = 0, number: float = torch.inf):
    """A model whose numbers overflow in one place from some call on, and the list of its calls."""
    calls = []

    def spoil(x, t):
        calls.append(int(t[0]))
        output = model(x, t)
        if len(calls) >= from_call:
            output[-1, channel, 0, 0] = number
        return output

    return spoil, calls


@pytest.mark.parametrize("from_call", [1, 7, 19])
def test_a_chain_ends_at_the_first_call_that_gives_no_number_and_names_it(from_call):
    model, calls = spoilt(from_call)
    running = paint(model, TABLE, pictures(), half_known(), DRAFT, clip=False)
    with pytest.raises(NotFiniteError, match=f"^Call {from_call} of the model") as told:
        list(running)
    assert len(calls) == from_call
    assert f"{float(sigmas(TABLE)[calls[-1]]):.3g}" in str(told.value)


@pytest.mark.parametrize("settings", [PRESETS["paper"], DRAFT], ids=["drawn", "not used"])
@pytest.mark.parametrize("number", [torch.inf, -torch.inf, torch.nan])
def test_variances_that_are_no_numbers_count_as_well(number, settings):
    """Minus infinity would draw no noise, and no state would show it."""
    model, calls = spoilt(3, toy_model_with_variance, channel=4, number=number)
    with pytest.raises(NotFiniteError, match="Call 3"):
        list(paint(model, TABLE, pictures(), half_known(), settings))
    assert len(calls) == 3


def test_a_chain_of_numbers_is_what_the_loop_alone_gives():
    last = list(paint(toy_model, TABLE, pictures(), half_known(), DRAFT))[-1]
    assert last.x.isfinite().all()


def test_away_from_the_processor_several_calls_are_looked_at_together_and_none_is_missed(monkeypatch):
    looks = []
    look = Finite.look
    monkeypatch.setattr(Finite, "look", lambda self: (looks.append(len(self.unseen)), look(self)))
    x = torch.zeros(1, 1, 2, 2, device="meta")
    watched = Finite(lambda x, level: (x, None), None)
    for _ in range(EVERY - 1):
        watched(x, 1)
    assert looks == []
    with pytest.raises(NotImplementedError):  # nothing can be read from "meta", so that a look shows itself
        watched(x, 1)
    assert looks == [EVERY]
