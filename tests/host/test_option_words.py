"""Every choice that a word can be found for has one in every language of the page."""

import json
import re
import subprocess
from shutil import which

import pytest
from host_nodes import PACK, infos

# Names of things, the same in every language.
NAMES = {"fp32", "fp16", "bf16", "karras", "v"}
SCRIPT = (
    "import { optionWordsOf } from './option_words.js';"
    "console.log(JSON.stringify(%s.map((name) => [name, optionWordsOf('zh', name)])))"
)


@pytest.mark.skipif(not which("node"), reason="needs Node 20 or newer on the path")
def test_every_choice_has_a_chinese_word(host):
    choices: dict[str, set[str]] = {}
    for info in infos().values():
        for section in info["input"].values():
            for name, (kind, *options) in section.items():
                listed = kind if isinstance(kind, list) else (options[0].get("options", []) if options else [])
                choices.setdefault(name, set()).update(map(str, listed))
    asked = SCRIPT % json.dumps([name for name, listed in choices.items() if listed])
    words = ("node", "--input-type=module", "-e", asked)
    said = subprocess.run(words, cwd=PACK / "web" / "js", capture_output=True, text=True, check=True)
    chinese = {name: found or {} for name, found in json.loads(said.stdout)}
    lacking = {name: choices[name] - set(found) - NAMES for name, found in chinese.items()}
    for files in ("model_name", "classifier_name"):  # of the user's own
        lacking.pop(files)
    assert not {name: values for name, values in lacking.items() if values}
    assert all(re.search(r"[\u4e00-\u9fff]", word) for found in chinese.values() for word in found.values())
