"""Every text of every node is in every language."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]
LANGUAGES = sorted(path.parent.name for path in (PACK / "locales").glob("*/nodeDefs.json"))


@pytest.fixture(scope="module")
def locales():
    spec = importlib.util.spec_from_file_location("make_locales", PACK / "tests" / "golden" / "make_locales.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wanted(locales, host):
    return json.loads(json.dumps(locales.all_texts()))


def test_english_is_what_the_nodes_say(locales, wanted):
    assert locales.read("en") == wanted, "run COMFYUI_PATH=... python tests/golden/make_locales.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_missing(locales, wanted, language):
    lacking, needless = locales.differences(language, wanted)
    assert not lacking, f"{language} lacks {sorted(lacking)}"
    assert not needless, f"{language} has texts of nothing: {sorted(needless)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_hold_none_of_the_pages_own_signs(locales, language):
    """ComfyUI's page reads { } @ | in a translation as instructions."""
    wrong = {
        place: text for place, text in locales.leaves(locales.read(language)).items() if re.search(r"[{}@|]", text)
    }
    assert not wrong


def test_chinese_numbers_and_names_are_those_of_the_english_text(locales):
    """A translation that lost a number or a file name is an old one."""
    english, chinese = (locales.leaves(locales.read(language)) for language in ("en", "zh"))
    for place, text in english.items():
        numbers = set(re.findall(r"\d+(?:[.,]\d+)*", text))
        missing = numbers - set(re.findall(r"\d+(?:[.,]\d+)*", chinese[place]))
        assert not missing, f"{place}: {missing}"
