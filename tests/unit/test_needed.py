"""nodes/needed.py names all of ComfyUI that nodes/ uses."""

import ast
import runpy
from collections.abc import Iterable, Iterator
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]
HOST = {"comfy", "comfy_api", "comfy_execution", "execution", "folder_paths", "latent_preview", "nodes", "server"}
TABLE = runpy.run_path(str(PACK / "nodes" / "needed.py"))
NEEDED = {f"{module}.{name}" for module, names in TABLE["NEEDED"].items() for name in names.split()}


def used(source: str) -> set[str]:
    """The host's names that a file uses, as far as they are dotted: comfy.sd.VAE, io.Int.Input, also by another name."""
    tree = ast.parse(source)
    known = dict(imported(tree))

    def dotted(node: ast.AST) -> str | None:
        if isinstance(node, ast.Name):
            return known.get(node.id)
        before = dotted(node.value) if isinstance(node, ast.Attribute) else None
        return before and f"{before}.{node.attr}"

    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Attribute)
        ):
            name = dotted(node.value)
            if name:
                known[node.targets[0].id] = name
    return longest(filter(None, map(dotted, ast.walk(tree))))


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What the host's modules and names are called in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops = (alias.name.split(".")[0] for alias in node.names)
            yield from ((top, top) for top in tops if top in HOST)
        elif isinstance(node, ast.ImportFrom) and not node.level and str(node.module).split(".")[0] in HOST:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def longest(names: Iterable[str]) -> set[str]:
    """Without those that others go on from."""
    names = set(names)
    return {name for name in names if not any(other.startswith(name + ".") for other in names)}


SOURCES = [file.read_text("utf-8") for file in sorted((PACK / "nodes").glob("*.py"))]
USED = longest(name for source in SOURCES for name in used(source))


def test_a_name_of_the_host_is_found_however_it_is_reached():
    source = "import comfy.sd\nfrom comfy_api.latest import io\nsd = comfy.sd\nsd.VAE(1).x\nio.Int.Input()"
    assert used(source) == {"comfy.sd.VAE", "comfy_api.latest.io.Int.Input"}


def test_every_name_of_the_host_that_the_nodes_use_is_needed():
    assert not {name for name in USED if not any((need + ".").startswith(name + ".") for need in NEEDED)}


def test_nothing_is_needed_that_the_nodes_do_not_use():
    """A method that is called on an object of the host cannot be traced to it; its name at least is there."""
    untraced = {need for need in NEEDED if not any((name + ".").startswith(need + ".") for name in USED)}
    assert not {need for need in untraced if not any(f".{need.split('.')[-1]}(" in source for source in SOURCES)}


def test_the_tested_versions_are_those_that_run_py_fetches_and_that_all_others_are_told():
    hosts = runpy.run_path(str(PACK / "run.py"))["HOSTS"]
    oldest, *_, newest = sorted(hosts, key=lambda text: [int(part) for part in text.split(".")])
    assert TABLE["TESTED"] == (oldest, newest)
    for file, words in {
        "pyproject.toml": f'requires-comfyui = ">={oldest}"\n',
        "README.md": f"For ComfyUI {oldest} and newer; tested up to {newest}.",
        ".ci/run": f" run.py --host-version {oldest} ",
    }.items():
        assert words in (PACK / file).read_text("utf-8"), file
