"""What a person sees of a template at first: the host fits it into the window, so it must be small and clear as it is."""

import json
from itertools import pairwise
from math import hypot
from pathlib import Path

import pytest

TEMPLATES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.json"))
TITLE = 30  # pixels above a node
SLOT = 20  # from one to the next
WIDEST, HIGHEST = 2150, 1250  # three quarters of a window of 1600 x 900 show this much at 52 %
HIDDEN = 40  # pixels of a link, at most


def boxes(workflow: dict) -> dict[int, tuple[float, float, float, float]]:
    """Left, top, right, bottom of each node, its title too."""
    return {
        node["id"]: (x, y - TITLE, x + width, y + height)
        for node in workflow["nodes"]
        for (x, y), (width, height) in [(node["pos"], node["size"])]
    }


def curve(start, end, parts=60):
    """Points of a link, as LiteGraph draws it: its handles lie a quarter of its length to the right and to the left."""
    reach = hypot(end[0] - start[0], end[1] - start[1]) / 4
    handles = start, (start[0] + reach, start[1]), (end[0] - reach, end[1]), end
    for step in range(parts + 1):
        t = step / parts
        weights = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
        yield tuple(sum(w * handle[i] for w, handle in zip(weights, handles, strict=True)) for i in (0, 1))


def hidden(workflow: dict) -> dict[str, float]:
    """By link: how much of it lies behind nodes that it does not belong to."""
    place, found = boxes(workflow), {}
    for _, origin, output, target, slot, *_ in workflow["links"]:
        start = place[origin][2], place[origin][1] + TITLE + (output + 0.7) * SLOT
        end = place[target][0], place[target][1] + TITLE + (slot + 0.7) * SLOT
        others = [box for node, box in place.items() if node not in (origin, target)]
        points = [*curve(start, end)]
        found[f"{origin} to {target}"] = sum(
            hypot(after[0] - before[0], after[1] - before[1])
            for before, after in pairwise(points)
            if any(left < after[0] < right and top < after[1] < bottom for left, top, right, bottom in others)
        )
    return {link: length for link, length in found.items() if length > HIDDEN}


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.stem)
def workflow(request) -> dict:
    return json.loads(request.param.read_text("utf-8"))


def test_no_link_is_hidden_behind_a_node(workflow):
    assert not hidden(workflow)


def test_no_node_lies_over_another(workflow):
    place = [*boxes(workflow).items()]
    over = [
        (one, other)
        for i, (one, a) in enumerate(place)
        for other, b in place[i + 1 :]
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    assert not over


def test_all_of_it_is_seen_at_a_size_that_can_be_read(workflow):
    lefts, tops, rights, bottoms = zip(*boxes(workflow).values(), strict=True)
    assert max(rights) - min(lefts) <= WIDEST
    assert max(bottoms) - min(tops) <= HIGHEST


def test_links_lead_to_the_right_or_down(workflow):
    place = boxes(workflow)
    back = [
        (origin, target)
        for _, origin, _, target, *_ in workflow["links"]
        if place[target][0] < place[origin][2] and place[target][1] < place[origin][1]
    ]
    assert not back
