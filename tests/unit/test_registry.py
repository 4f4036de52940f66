"""What the registry is told of the pack and gets of it."""

import re

import pytest
from PIL import Image
from published import PACK, published
from test_layers import imports

# What its scanner looks for in the text, as publishers have reported it; one find of any kind keeps a version from users.
FLAGGED = {
    "processes": r"\bsubprocess\b|\bos\.(system|popen|spawn\w*|exec\w*)\b|\bpty\.",
    "the environment": r"\bos\.(environ|getenv|putenv)\b",
    "the network": r"\burllib\b|\brequests\.|\bhttpx?\.|\bsocket\.\w|ClientSession|\.(connect|bind)\(|XMLHttpRequest|WebSocket",
    "code from texts": r"(?<!re\.)\b(eval|exec|compile)\(|__import__|\bimportlib\b|\bmarshal\b|\bctypes\b|new Function",
    "objects from files": r"\b(pickle|yaml)\.(loads?|load_all)\(|weights_only=False",
}


def field(name: str) -> str:
    """Of pyproject.toml; Python 3.10 has no reader for it."""
    (value,) = re.findall(rf'^{name} = "(.*)"$', (PACK / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    return value


def sources() -> list[str]:
    return [name for name in published() if name.endswith((".py", ".js"))]


@pytest.mark.parametrize("kind", FLAGGED)
def test_nothing_published_has_what_the_registrys_scanner_flags(kind):
    found = {
        f"{name}: {find[0]}"
        for name in sources()
        for find in re.finditer(FLAGGED[kind], (PACK / name).read_text("utf-8"))
    }
    assert not found


def test_nothing_published_imports_what_is_not():
    wanted = {
        place
        for name in sources()
        if name.startswith(("nodes/", "sampler/"))
        for each, _ in imports((PACK / name).read_text("utf-8"), name.rpartition("/")[0])
        for place in (each, each.rpartition(".")[0])  # a name may be a module, or what is in one
        if place.startswith(".")
    }
    files = {f"{place[1:].replace('.', '/')}{end}" for place in wanted for end in (".py", "/__init__.py")}
    there = {name for name in files if (PACK / name).is_file()}
    assert len(there) > 100
    assert not there - set(published())


def test_what_is_for_developers_is_not_published():
    """The registry keeps every version for ever, and every user loads it."""
    names = published()
    assert {name.split("/")[0] for name in names} == {
        *("__init__.py", "nodes", "sampler", "web", "locales", "subgraphs", "examples"),
        *("pyproject.toml", "requirements.txt", "README.md", "CHANGELOG.md", "LICENSE"),
    }
    models = {f"examples/models/eight_styles_64{end}.safetensors" for end in ("", "_classifier")}
    assert sum((PACK / name).stat().st_size for name in {*names} - models) < 2_500_000


@pytest.mark.parametrize(("name", "width", "height"), [("Icon", 400, 400), ("Banner", 1260, 540)])
def test_the_registrys_pictures_are_where_their_addresses_say_and_of_its_sizes(name, width, height):
    """A square of at most 400 pixels; 21:9."""
    path = field(name).removeprefix(f"{field('Repository')}/raw/main/")
    with Image.open(PACK / path) as picture:
        assert (picture.format, picture.size) == ("PNG", (width, height))
    assert (PACK / path).stat().st_size < 100_000
