"""Boxes that lie close become one: against the definition, and for masks of many specks."""

import time

import pytest
import torch
from mask_guidance.sampler.mask import Frame, crop, label, region_boxes
from mask_guidance.sampler.mask.merging import merged
from random_masks import random_mask

Boxes = list[tuple[int, list[int]]]  # the first member of each, and picture, top, left, bottom, right


def apart(a: list[int], b: list[int]) -> float:
    """Pixels between two boxes along the axis where they are farther apart."""
    if a[0] != b[0]:
        return float("inf")
    return max(a[1] - b[3], b[1] - a[3], a[2] - b[4], b[2] - a[4])


def by_definition(boxes: list[list[int]], gap: int) -> Boxes:
    """One pair after the other, until no two are close."""
    left = list(enumerate(boxes))
    while True:
        pair = next(((a, b) for a in left for b in left if a[0] < b[0] and apart(a[1], b[1]) <= gap), None)
        if pair is None:
            return sorted(left)
        (i, a), (j, b) = pair
        left.remove((j, b))
        left[left.index((i, a))] = (i, [a[0], *map(min, a[1:3], b[1:3]), *map(max, a[3:], b[3:])])


def masks() -> list[torch.Tensor]:
    """Specks, sparse and dense, and long thin strokes whose boxes lie across each other."""
    found = [random_mask((2, 30, 50), share, soft=False, seed=seed) for seed in range(4) for share in (0.01, 0.05)]
    strokes = torch.zeros(1, 60, 60)
    for k in range(20):
        strokes[0, k + 10, range(k % 2, 60, 3)] = 1
        strokes[0, 35 + k, [k, k + 9, 58 - k]] = 1
    return [*found, strokes]


@pytest.mark.parametrize("gap", [0, 1, 2, 5, 33, 16384])
def test_no_two_are_close_and_none_is_joined_without_need(gap):
    for mask in masks():
        boxes = region_boxes(*label(mask > 0))
        group, together = merged(boxes, gap)
        wanted = by_definition(boxes.tolist(), gap)
        assert together.tolist() == [box for _, box in wanted]
        firsts = [int((group == number).nonzero()[0]) for number in range(len(together))]
        assert firsts == [first for first, _ in wanted]


def test_no_boxes_are_no_groups():
    group, boxes = merged(torch.zeros(0, 5, dtype=torch.int64), 3)
    assert len(group) == len(boxes) == 0


def test_a_mask_full_of_specks_takes_no_longer_than_its_pixels():
    """A quadratic search took 103 seconds."""
    mask = random_mask((1, 1024, 1024), 0.1, soft=False)
    before = time.process_time()
    crops = crop(torch.zeros(1, 3, 1024, 1024), mask, Frame(size=(64, 64)))
    assert time.process_time() - before < 10
    assert len(crops.regions) == 1


def test_more_regions_than_anybody_paints_are_refused_at_once():
    mask = torch.zeros(1, 512, 512)
    mask[:, ::2, ::2] = 1
    before = time.process_time()
    with pytest.raises(ValueError, match="65536 separate regions, more than 4096"):
        crop(torch.zeros(1, 3, 512, 512), mask, Frame(size=(512, 512)), merge=0)
    assert time.process_time() - before < 10


def test_crops_that_would_fill_the_memory_are_refused_and_one_a_picture_is_not():
    mask = torch.zeros(1, 512, 512)
    mask[:, ::8, ::8] = 1
    with pytest.raises(
        ValueError, match="4096 separate regions, and crops of 512x512 for all of them are 1074 megapixels"
    ):
        crop(torch.zeros(1, 3, 512, 512), mask, Frame(size=(512, 512)), merge=0)
    assert len(crop(torch.zeros(1, 3, 512, 512), mask, Frame(size=(8, 8)), merge=0).regions) == 4096


def test_a_context_mask_full_of_specks_takes_no_longer_than_its_pixels():
    mask = torch.zeros(1, 512, 512)
    mask[:, ::8, ::8] = 1
    context = random_mask((1, 512, 512), 0.1, soft=False)
    before = time.process_time()
    crops = crop(torch.zeros(1, 3, 512, 512), mask, Frame(size=(8, 8)), merge=0, context=context)
    assert time.process_time() - before < 20
    assert len(crops.regions) == 4096
