"""The README's code runs as it stands."""

import re
from pathlib import Path

import torch

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_library_example_fills_only_the_unknown_part(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict = {}
    exec(code, names)
    known = names["known"].expand_as(names["picture"])
    assert torch.equal(names["filled"][known], names["picture"][known])
    assert not torch.equal(names["filled"][~known], names["picture"][~known])
    assert "130 of 130" in capsys.readouterr().out
