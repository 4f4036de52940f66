"""Who may import whom: nodes/ uses sampler/, never the other way round, and sampler/ knows no host."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]
LIBRARY = {*sys.stdlib_module_names, "torch", "numpy", "PIL", "safetensors"} - {"importlib", "imp", "runpy"}
# What the command line and the reading of a model's flags use where it is installed, so never on being imported.
OPTIONAL = {"sampler/batch": {"accelerate", "tqdm", "yaml"}, "sampler/checkpoint": {"yaml"}}


def imports(source: str, package: str) -> Iterator[tuple[str, bool]]:
    """What a module imports, each with whether only a call imports it. Of the pack's own modules, the name is that
    from the pack's folder on, with a dot before it; it is ".." where the dots lead out of the folder."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inside = {inner for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{origin(node, package)}.{alias.name}", node in inside) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node in inside) for alias in node.names)
        elif isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            yield node.id, node in inside


def origin(node: ast.ImportFrom, package: str) -> str:
    folders = package.split("/")
    if not node.level:
        return str(node.module)
    if node.level > len(folders) + 1:
        return ".."
    return ".".join(["", *folders[: len(folders) + 1 - node.level], *filter(None, [node.module])])


def may_import(name: str, lazy: bool, package: str) -> bool:
    if package.startswith("nodes"):
        own = name.startswith((".nodes.", ".sampler."))
        return own if name.startswith(".") else name.split(".")[0] not in ("nodes", "sampler", "mask_guidance")
    top = name.split(".")[0]
    return name.startswith(".sampler.") or top in LIBRARY or (lazy and top in OPTIONAL.get(package, ()))


def breaches(source: str, package: str) -> list[str]:
    return [name for name, lazy in imports(source, package) if not may_import(name, lazy, package)]


@pytest.mark.parametrize("layer", ["sampler", "nodes"])
def test_every_module_imports_only_what_its_layer_may(layer):
    files = sorted((PACK / layer).rglob("*.py"))
    assert files
    found = {
        f"{file.relative_to(PACK)} imports {name}"
        for file in files
        for name in breaches(file.read_text("utf-8"), file.parent.relative_to(PACK).as_posix())
    }
    assert not found


@pytest.mark.parametrize(
    ("package", "source", "name"),
    [
        ("sampler/adm", "from ...nodes import x", ".nodes.x"),
        ("sampler/adm", "from ....other import x", "...x"),
        ("sampler", "from ..nodes import x", ".nodes.x"),
        ("sampler", "from .. import nodes", ".nodes"),
        ("sampler", "from ...nodes import x", "...x"),
        ("sampler", "import server", "server"),
        ("sampler", "from latent_preview import y", "latent_preview.y"),
        ("sampler", "import torch, comfy.utils as u", "comfy.utils"),
        ("sampler", "from folder_paths import z", "folder_paths.z"),
        ("sampler", "def f():\n    import execution", "execution"),
        ("sampler", "if TYPE_CHECKING:\n    from app import logger", "app.logger"),
        ("sampler", "import importlib; importlib.import_module('comfy')", "importlib"),
        ("sampler", "comfy = __import__('comfy')", "__import__"),
        ("sampler", "from sampler.noise import generator", "sampler.noise.generator"),
        ("sampler", "def f():\n    import yaml", "yaml"),
        ("sampler/batch", "import yaml", "yaml"),
        ("nodes", "from sampler.mask import crop", "sampler.mask.crop"),
        ("nodes", "import mask_guidance.sampler", "mask_guidance.sampler"),
        ("nodes", "from ..tests import x", ".tests.x"),
    ],
)
def test_an_import_across_the_layers_is_found(package, source, name):
    assert breaches(source, package) == [name]


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("sampler", "import math, torch.nn.functional as F; from PIL import Image; from .noise import generator"),
        ("sampler", "from . import noise; from .adm import load"),
        ("sampler/mask", "from ..noise import generator; from .crop import Crop; from .. import noise"),
        ("sampler/batch", "def f():\n    from tqdm import tqdm\n    import accelerate, yaml"),
        ("nodes", "import comfy.utils; from ..sampler.mask import crop; from . import record; import server"),
    ],
)
def test_an_import_within_the_layers_is_not(package, source):
    assert breaches(source, package) == []


@pytest.mark.parametrize("init", [*PACK.glob("sampler/**/__init__.py"), *PACK.glob("nodes/**/__init__.py")])
def test_no_module_is_hidden_by_a_name_of_its_package(init):
    """`import mask_guidance.sampler.crop` would give the function instead."""
    modules = {path.stem for path in init.parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    tree = ast.parse(init.read_text("utf-8"))
    named = {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert not {name for name, module in named.items() if name in modules and module is not None}


def test_reading_a_checkpoint_does_not_import_torchs_compiler():
    """It takes a second, and the first draw of an embedding's weights did it, even where it draws nothing."""
    script = """
import sys, conftest, torch
before = "torch._dynamo" in sys.modules
from mask_guidance.sampler.recognition import load_network
net, _ = load_network(sys.argv[1])
print(any(isinstance(layer, torch.nn.Embedding) for layer in net.modules()), "torch._dynamo" in sys.modules, before)
"""
    example = PACK / "examples" / "models" / "eight_styles_64.safetensors"
    words = [sys.executable, "-W", "ignore", "-c", script, str(example)]
    said = subprocess.run(words, check=True, capture_output=True, text=True, cwd=PACK / "tests").stdout
    has_embedding, after, before = said.split()
    assert (has_embedding, before, after) == ("True", "False", "False")
