"""Composite Edit on the host's own classes, and its example on the real server."""

import numpy as np
import pytest
import torch
import workflows
from known_edits import edit, photograph
from mask_guidance.sampler.mask.resample import resize_picture
from PIL import Image
from scipy import ndimage
from test_mask_nodes import run

SIZE = (192, 256)


@pytest.fixture(scope="module")
def given():
    astronaut, coffee = (resize_picture(photograph(name), *SIZE) for name in ("astronaut", "coffee"))
    return edit((astronaut * 255).round() / 255, "pasted", "gamma, scale, jpeg", 0.06, 3, coffee)


def composite(original, edited, **settings):
    return run("composite_edit", "CompositeEdit", original.movedim(1, -1), edited.movedim(1, -1), **settings)


def test_only_the_change_comes_into_the_original_and_the_report_says_how(host, given):
    picture, mask, report = composite(given.original, given.edited)
    assert mask[0][given.truth].mean() > 0.9
    far = ndimage.distance_transform_edt(mask[0].numpy() == 0) > 8
    assert (picture[0].numpy()[far] == given.original[0].movedim(0, -1).numpy()[far]).all()
    assert "moved by (+0." in report and "scaled by 1.00" in report
    assert "colours: off by +" in report
    assert "changed: " in report and "0 beyond it" in report


def test_the_same_picture_comes_back_to_the_bit_and_the_report_says_so(host, given):
    picture, mask, report = composite(given.original, given.original)
    assert torch.equal(picture, given.original.movedim(1, -1))
    assert not mask.any()
    assert "nothing was changed: the original is given back as it came" in report


def test_one_original_takes_many_edits_and_each_is_what_it_is_alone(host, given):
    edits = torch.cat([given.edited, given.original, given.edited.flip(1)])
    pictures, masks, report = composite(given.original, edits)
    for number in range(3):
        alone, mask, said = composite(given.original, edits[number : number + 1])
        assert torch.equal(pictures[number], alone[0])
        assert torch.equal(masks[number], mask[0])
        assert f"picture {number}: {said}" in report


def test_other_numbers_of_pictures_are_refused(host, given):
    with pytest.raises(ValueError, match="2 originals for 3 edited pictures; use one original, or one for each"):
        composite(given.original.expand(2, -1, -1, -1), given.edited.expand(3, -1, -1, -1))


def test_pictures_that_hold_no_numbers_are_refused(host, given):
    broken = given.edited.clone()
    broken[0, 0, 5, 5] = float("nan")
    with pytest.raises(ValueError, match="edited picture holds values that are no numbers"):
        composite(given.original, broken)


def test_an_edit_outside_the_mask_stays_out_and_is_reported(host, given):
    elsewhere = torch.zeros(1, *SIZE)
    elsewhere[:, :12, :12] = 1
    picture, mask, report = composite(given.original, given.edited, mask=elsewhere)
    assert torch.equal(picture, given.original.movedim(1, -1))
    assert not mask.any()
    assert "of the picture was changed outside the mask, and stays as it was" in report


def test_an_empty_mask_is_named(host, given):
    _, mask, report = composite(given.original, given.edited, mask=torch.zeros(1, 64, 64))
    assert not mask.any()
    assert "Load Image gives 64x64 zeros" in report


def test_alpha_of_the_original_stays(host, given):
    alpha = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(2))
    picture, _, report = composite(torch.cat([given.original, alpha], 1), given.edited)
    assert torch.equal(picture[..., 3], alpha[:, 0])
    assert "alpha stays the original's" in report


def test_nearly_everything_changed_is_said(host, given):
    other = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    _, mask, report = composite(given.original, other)
    assert mask.mean() > 0.9
    assert "not aligned: too little of the pictures agrees" in report
    assert "nearly everything was changed" in report


def test_the_example_brings_in_the_balloon_and_no_byte_beyond(comfy):
    workflow = workflows.example("composite_edit")
    before, after = (
        np.asarray(Image.open(workflows.EXAMPLES / workflow[node]["inputs"]["image"]).convert("RGB")) for node in "12"
    )
    ((result,),) = workflows.saved(comfy, workflow).values()
    changed = (result != before).any(-1)
    y, x = np.nonzero(changed)
    assert x.min() > 150 and x.max() < 290 and y.max() < 180  # the balloon, and nothing elsewhere
    assert np.abs(result[60:100, 200:240].astype(int) - after[60:100, 200:240]).mean() < 20
    assert (after != before).any(-1).mean() > 0.9
