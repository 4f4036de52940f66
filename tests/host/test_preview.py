"""Previews while a node samples: each makes a GPU wait, and nobody sees more than ten a second."""

from itertools import count

import pytest
import torch


@pytest.fixture
def shown(tiny, monkeypatch):
    """Numbers of the calls that bring a preview, if the clock shows what `seconds` gives, and of the last one counted."""
    import comfy.utils
    import latent_preview
    from mask_guidance.nodes.preview import callback

    told = []
    monkeypatch.setattr(
        comfy.utils, "PROGRESS_BAR_HOOK", lambda done, total, preview, **_: told.append((done, preview))
    )
    latent_preview.set_preview_method("auto")

    def run(calls, seconds):
        show = callback(tiny[0], calls, torch.ones(1, 1, 8, 8), clock=seconds)
        for step in range(calls):
            show(step, torch.zeros(1, 3, 8, 8), None, calls)
        return [done for done, preview in told if preview is not None], told[-1][0]

    yield run
    latent_preview.set_preview_method()


def test_a_fast_model_is_seen_ten_times_a_second_at_most_and_at_its_end(shown):
    time = count(step=0.02)  # each look at the clock takes a fiftieth of a second
    seen, last = shown(100, lambda: next(time))
    assert seen[0] == 1 and seen[-1] == last == 100
    assert 10 <= len(seen) <= 10 * next(time) + 1


def test_a_slow_model_is_seen_at_every_call(shown):
    time = count()
    assert shown(5, lambda: next(time))[0] == [1, 2, 3, 4, 5]


def test_where_no_time_passes_the_first_and_the_last_are_seen(shown):
    assert shown(5, lambda: 0.0)[0] == [1, 5]
