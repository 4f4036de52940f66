"""Every text of every node is in every language."""

import json
import re

import make_locales as locales
import pytest

LANGUAGES = sorted(path.parent.name for path in locales.LOCALES.glob("*/nodeDefs.json"))


@pytest.fixture(scope="module")
def wanted(host):
    return json.loads(json.dumps(locales.all_texts()))


def test_english_is_what_the_nodes_say(wanted):
    assert locales.read("en") == wanted, "run COMFYUI_PATH=... python tests/golden/make.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missing(wanted, language):
    lacking, needless = locales.differences(language, wanted)
    assert not lacking, f"{language} lacks {sorted(lacking)}"
    assert not needless, f"{language} has texts of nothing: {sorted(needless)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_hold_none_of_the_pages_own_signs(language):
    """ComfyUI's page reads { } @ | in a translation as instructions."""
    wrong = {
        place: text for place, text in locales.leaves(locales.read(language)).items() if re.search(r"[{}@|]", text)
    }
    assert not wrong


def test_chinese_numbers_and_names_are_those_of_the_english_text():
    """A translation that lost a number or a file name is an old one."""
    english, chinese = (locales.leaves(locales.read(language)) for language in ("en", "zh"))
    for place, text in english.items():
        numbers = set(re.findall(r"\d+(?:[.,]\d+)*", text))
        missing = numbers - set(re.findall(r"\d+(?:[.,]\d+)*", chinese[place]))
        assert not missing, f"{place}: {missing}"
