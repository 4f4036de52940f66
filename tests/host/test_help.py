"""Every node has a help page, with a picture, today's inputs and the mistakes that people make."""

import re

import make_help
import pytest
from host_nodes import infos
from make_help import DOCS

PAGES = sorted(path.stem for path in DOCS.glob("*.md"))


def test_every_node_has_a_page_and_every_page_a_node(host):
    assert set(PAGES) == set(infos())


@pytest.mark.parametrize("node", PAGES)
def test_page_is_up_to_date(host, node):
    text = (DOCS / f"{node}.md").read_text("utf-8")
    assert text == make_help.page(text, infos()[node]), "run COMFYUI_PATH=... python tests/golden/make.py"


@pytest.mark.parametrize("node", PAGES)
def test_page_has_its_parts(node):
    text = (DOCS / f"{node}.md").read_text("utf-8")
    for part in ("## Inputs", "## Outputs", "## Common mistakes"):
        assert part in text
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert pictures
    assert all((DOCS / picture).is_file() for picture in pictures)


def test_no_page_is_kept_twice():
    """ComfyUI asks for ID/LANGUAGE.md first and then, in every language, for ID.md."""
    assert not list(DOCS.glob("*/en.md"))


@pytest.mark.parametrize("node", PAGES)
def test_server_sends_the_page_and_its_pictures(comfy, node):
    pack = next(name for name in comfy.get("/api/workflow_templates") if "mask" in name.lower())
    text = (DOCS / f"{node}.md").read_text("utf-8")
    for path in (f"{node}.md", *re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)):
        assert comfy.status(f"/extensions/{pack}/docs/{path}") == 200
