"""What pip installs: built, checked, and used without the host and without the checkout."""

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from urllib.parse import unquote

import pytest
from batch_runs import results, run, save_checkpoint, save_masks, save_pictures, words

for tool in ("build", "hatchling", "twine"):
    pytest.importorskip(tool, reason=f"{tool} is missing: pip install -r requirements-dev.txt")

pytestmark = pytest.mark.slow

PACK = Path(__file__).resolve().parents[2]


def python(*arguments: str, path: Path | None = None, cwd: Path | None = None) -> str:
    """What a new Python says, both streams; it must end well."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(path or "")}
    told = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", str(folder), str(PACK), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def site(dist, tmp_path_factory):
    """The wheel's content in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_twine_finds_nothing_wrong_with_wheel_and_sdist(dist):
    files = sorted(str(path) for path in dist.iterdir())
    assert len(files) == 2
    assert python("-m", "twine", "--no-color", "check", "--strict", *files).count("PASSED") == 2


def test_the_wheel_holds_the_whole_library_and_nothing_of_the_node_pack(dist):
    (wheel,) = dist.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = [path for path in (PACK / "sampler").rglob("*.*") if path.suffix in (".py", ".txt")]
    library = {f"mask_guidance/{path.relative_to(PACK).as_posix()}" for path in files}
    assert names == {*library, "mask_guidance/__init__.py", "mask_guidance/__main__.py", "mask_guidance/py.typed"}


def test_the_long_description_has_the_readmes_links_as_addresses_of_files_that_are_there(dist):
    """A package index shows the text and has no file beside it."""
    (wheel,) = dist.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    told = message_from_bytes(archive.read(name))
    link = re.compile(r"!?\[[^]]*\]\((.*?)\)(?=\W)")
    links = link.findall(told.get_payload())
    assert len(links) == len(link.findall((PACK / "README.md").read_text("utf-8")))
    repository = told.get("Project-URL").removeprefix("Repository, ")
    inside = [re.fullmatch(rf"{repository}/(?:raw|blob)/v{told.get('Version')}/(.+)", each) for each in links]
    assert all(each.startswith("https://") for each in links)
    assert sum(map(bool, inside)) > 20
    assert all((PACK / unquote(each[1])).exists() for each in inside if each)


@pytest.mark.parametrize(("word", "usage"), [("mask-guidance", "mask-guidance"), ("-m", "python -m mask_guidance")])
def test_help_shows_the_command_as_it_was_started(site, tmp_path, word, usage):
    script = tmp_path / "mask-guidance"  # what pip makes of [project.scripts]
    script.write_text("from mask_guidance.sampler.batch import main\nmain()", encoding="utf-8")
    started = [str(script)] if word == script.name else [word, "mask_guidance"]
    told = python(*started, "--help", path=site, cwd=tmp_path)
    assert told.startswith(f"usage: {usage} [")
    assert f"\n  {usage} --weights" in told


def test_the_library_needs_neither_the_host_nor_anything_beyond_its_dependencies(site, tmp_path):
    code = (
        "import sys; import torch, numpy, PIL.Image, safetensors; before = set(sys.modules)\n"
        "import mask_guidance.sampler, mask_guidance.sampler.recognition, mask_guidance.sampler.batch\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "new -= set(sys.stdlib_module_names) | {'mask_guidance', 'torch', 'numpy', 'PIL', 'safetensors'}\n"
        "print('FOREIGN', sorted(new)); print('FROM', mask_guidance.__file__)"
    )
    told = python("-c", code, path=site, cwd=tmp_path)
    assert "FOREIGN []" in told
    assert f"FROM {site}" in told


@pytest.mark.parametrize("way", ["installed", "checkout", "accelerate"])
def test_every_way_to_start_the_command_paints_the_same_files(site, tmp_path, way):
    save_checkpoint(tmp_path / "net.safetensors")
    save_pictures(tmp_path / "in", 1)
    save_masks(tmp_path / "masks", 1)
    run(tmp_path, "here")
    arguments = words(tmp_path, "there")
    if way == "installed":
        python("-m", "mask_guidance", *arguments, path=site, cwd=tmp_path)
    elif way == "checkout":
        python(str(PACK), *arguments, cwd=tmp_path)
    else:
        pytest.importorskip("accelerate")
        launch = ["-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "1"]
        launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        python(*launch, "-m", "mask_guidance", *arguments, path=site, cwd=tmp_path)
    assert results(tmp_path / "there") == results(tmp_path / "here")
    assert len(results(tmp_path / "here")) == 1
