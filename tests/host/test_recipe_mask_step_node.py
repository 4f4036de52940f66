"""A step of Prepare Mask that is one row in the core is an input of the node, in the page and at work."""

import pytest
import torch


def inverted_stripes(mask: torch.Tensor, every: int) -> torch.Tensor:
    striped = mask.clone()
    striped[:, ::every] = 1 - striped[:, ::every]
    return striped


@pytest.fixture
def node(host, monkeypatch):
    """Prepare Mask with a throw-away step in the middle."""
    from mask_guidance.nodes.prepare_mask import PrepareMask
    from mask_guidance.sampler.mask import preparation
    from mask_guidance.sampler.mask.preparation import Setting, Step

    stripes = Setting("stripes", 0, "Invert every so many rows.", (0, 9), advanced=True)
    row = Step((stripes,), "every {} rows inverted".format, inverted_stripes, since=1)
    monkeypatch.setattr(preparation, "STEPS", (*preparation.STEPS[:3], row, *preparation.STEPS[3:]))
    return PrepareMask


def test_the_step_is_the_nodes_last_input_and_saved_prompts_may_lack_it(node):
    info = node.define_schema().get_v1_info(node)
    assert info.input_order["required"][-1] == "feather_side"
    assert info.input_order["optional"] == ["stripes"]
    kind, options = info.input["optional"]["stripes"]
    assert kind == "INT"
    assert (options["default"], options["min"], options["max"], options["advanced"]) == (0, 0, 9, True)


def test_the_step_does_its_work_through_the_node(node):
    mask = torch.zeros(1, 8, 8)
    prepared, report = node.execute(mask, invert=True, stripes=4, feather=0).result
    assert prepared[0, :, 0].tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
    assert report.startswith("inverted, every 4 rows inverted\n")
    assert torch.equal(node.execute(mask).result[0], mask)


def test_its_linked_values_are_checked_too(node):
    with pytest.raises(ValueError, match="stripes is 10, but must be a whole number from 0 to 9"):
        node.execute(torch.zeros(1, 8, 8), stripes=10)
