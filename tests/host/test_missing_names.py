"""A ComfyUI that lacks something that the nodes need."""

import asyncio
import importlib
import logging
import runpy
import sys
from pathlib import Path

import pytest

FOR_MODELS = runpy.run_path(str(Path(__file__).resolve().parents[2] / "nodes" / "needed.py"))["FOR_MODELS"]
FOR_MASKS = [
    "PrepareMask",
    "MaskFromImage",
    "TestMask",
    "ModelView",
    "Fill",
    "Crop",
    "Stitch",
    "Outpaint",
    "CompositeEdit",
]


@pytest.fixture
def unloaded(host, monkeypatch):
    """As before the host loads the pack; afterwards, other tests go on with the classes that they have."""
    monkeypatch.delattr(sys.modules["mask_guidance"], "nodes")
    before = {name: sys.modules.pop(name) for name in loaded()}
    yield
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(before)


def loaded():
    return [name for name in sys.modules if name.startswith("mask_guidance.nodes")]


def listed():
    nodes = importlib.import_module("mask_guidance.nodes").MaskGuidanceExtension().get_node_list()
    return [node.define_schema().node_id.removeprefix("MaskGuidance") for node in asyncio.run(nodes)]


def test_what_every_node_needs_is_named_before_any_is_loaded(unloaded, monkeypatch):
    monkeypatch.delattr("comfy.utils.ProgressBar")
    with pytest.raises(
        ImportError, match=r"is not loaded: .* has no comfy\.utils\.ProgressBar, which .* update ComfyUI"
    ):
        importlib.import_module("mask_guidance.nodes")


def test_without_what_models_need_the_nodes_for_masks_are_there_and_the_log_says_what_is_lacking(
    unloaded, monkeypatch, caplog
):
    for module in FOR_MODELS:
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
    with caplog.at_level(logging.WARNING):
        nodes = listed()
    assert "only its nodes for masks and pictures here: this ComfyUI" in caplog.text
    assert "comfy.sd.VAE.decode" in caplog.text
    assert nodes == FOR_MASKS


def test_a_host_that_has_it_all_is_not_complained_of(unloaded, caplog):
    assert len(listed()) == 19
    assert not caplog.text
