"""Every node has a help page in every language, with a picture, today's inputs and, before these, the mistakes people make."""

import re

import make_help
import pytest
from host_nodes import infos
from make_help import DOCS, WORDS, file_of
from make_locales import read

PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
EVERY = [(node, language) for node in PAGES for language in WORDS]


def text_of(node: str, language: str) -> str:
    return file_of(node, language).read_text("utf-8")


def pictures(text: str) -> list[str]:
    return re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)


def test_every_node_has_a_page_and_every_page_a_node(host):
    assert set(PAGES) == set(infos())


@pytest.mark.parametrize(("node", "language"), EVERY)
def test_page_is_up_to_date(host, node, language):
    text = text_of(node, language)
    today = make_help.page(text, infos()[node], read(language)[node], WORDS[language])
    assert text == today, "run COMFYUI_PATH=... python tests/golden/make.py"


@pytest.mark.parametrize(("node", "language"), EVERY)
def test_page_has_its_parts_the_mistakes_first(node, language):
    text, words = text_of(node, language), WORDS[language]
    places = [text.index(f"## {part}\n") for part in (words.mistakes, words.inputs, words.outputs)]
    assert places == sorted(places)
    assert text.index("\n## ") + 1 == places[0]
    assert pictures(text)
    assert all((DOCS / picture).is_file() for picture in pictures(text))


@pytest.mark.parametrize(("node", "language"), EVERY)
def test_page_has_no_tables_which_the_panel_is_too_narrow_for(node, language):
    assert not re.search(r"^\|", text_of(node, language), re.MULTILINE)


@pytest.mark.parametrize(("node", "language"), [each for each in EVERY if each[1] != "en"])
def test_a_translation_has_the_pictures_links_points_and_numbers_of_the_english_page(node, language):
    """One that lost a point of a list, or a number, is an old one."""
    english, other = text_of(node, "en"), text_of(node, language)
    assert pictures(english) == pictures(other)
    links, number = r"\]\((https:[^)]+)\)", r"\d+(?:[.,]\d+)*"
    assert re.findall(links, english) == re.findall(links, other)
    assert english.count("\n- ") == other.count("\n- ")
    assert not set(re.findall(number, english)) - set(re.findall(number, other))


def test_no_page_is_kept_twice():
    """ComfyUI asks for ID/LANGUAGE.md first and then, in every language, for ID.md."""
    assert not list(DOCS.glob("*/en.md"))


@pytest.mark.parametrize("node", PAGES)
def test_server_sends_the_page_and_its_pictures(comfy, node):
    pack = next(name for name in comfy.get("/api/workflow_templates") if "mask" in name.lower())
    pages = [file_of(node, language).relative_to(DOCS).as_posix() for language in WORDS]
    for path in (*pages, *pictures(text_of(node, "en"))):
        assert comfy.status(f"/extensions/{pack}/docs/{path}") == 200
