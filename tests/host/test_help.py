"""Every node has a help page, with a picture, today's inputs and the mistakes that people make."""

import importlib.util
import re
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]
DOCS = PACK / "web" / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def help_pages():
    spec = importlib.util.spec_from_file_location("make_help", PACK / "tests" / "golden" / "make_help.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_node_has_a_page_and_every_page_a_node(help_pages, host):
    assert set(PAGES) == set(help_pages.infos())


@pytest.mark.parametrize("node", PAGES)
def test_page_is_up_to_date_and_equals_its_english_copy(help_pages, host, node):
    text = (DOCS / f"{node}.md").read_text("utf-8")
    assert text == help_pages.page(text, help_pages.infos()[node]), "run python tests/golden/make_help.py"
    assert text == (DOCS / node / "en.md").read_text("utf-8")


@pytest.mark.parametrize("node", PAGES)
def test_page_has_its_parts(node):
    text = (DOCS / f"{node}.md").read_text("utf-8")
    for part in ("## Inputs", "## Outputs", "## Common mistakes"):
        assert part in text
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert pictures
    assert all((DOCS / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("node", PAGES)
def test_server_sends_the_page_and_its_pictures(comfy, node):
    pack = next(name for name in comfy.get("/api/workflow_templates") if "mask" in name.lower())
    text = (DOCS / f"{node}.md").read_text("utf-8")
    for path in (f"{node}.md", f"{node}/en.md", *re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)):
        assert comfy.status(f"/extensions/{pack}/docs/{path}") == 200
