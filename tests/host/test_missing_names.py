"""A ComfyUI that lacks something that the nodes need."""

import importlib
import sys

import pytest


def test_what_a_host_lacks_is_named_in_one_sentence_before_any_node_is_loaded(host, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mask_guidance.nodes")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("comfy.latent_formats.ChromaRadiance")
    with pytest.raises(ImportError, match=r"has no comfy\.latent_formats\.ChromaRadiance, which .* update ComfyUI"):
        importlib.import_module("mask_guidance.nodes")


def test_a_host_that_has_it_all_is_not_complained_of(host):
    from mask_guidance.nodes.needed import check_host

    check_host()
