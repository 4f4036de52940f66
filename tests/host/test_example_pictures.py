"""The example pictures in the input folder: offered, never at the cost of a node or of a user's file."""

import os
from pathlib import Path

import pytest

PACK = Path(__file__).resolve().parents[2]
PICTURES = {path.name: path.read_bytes() for path in (PACK / "examples").glob("mask_guidance_*.png")}
BALLOON = "mask_guidance_balloon.png"


@pytest.fixture
def inputs(host, tmp_path, monkeypatch) -> Path:
    """An empty folder where Load Image of this process looks."""
    monkeypatch.setattr(host, "input_directory", str(tmp_path / "input"))
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


@pytest.fixture
def offer(host):
    from mask_guidance.nodes import example_pictures

    return example_pictures.offer


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_empty_folder_gets_every_picture_and_nothing_else(offer, inputs):
    offer()
    assert content(inputs) == PICTURES


def test_a_users_file_of_that_name_stays_as_it_is(offer, inputs):
    (inputs / BALLOON).write_bytes(b"mine")
    offer()
    assert content(inputs) == {**PICTURES, BALLOON: b"mine"}


@pytest.mark.parametrize("length", [0, 1, 4096])
def test_a_copy_that_was_cut_short_is_mended(offer, inputs, length):
    (inputs / BALLOON).write_bytes(PICTURES[BALLOON][:length])
    offer()
    assert content(inputs) == PICTURES


def test_a_longer_file_that_begins_like_ours_stays(offer, inputs):
    (inputs / BALLOON).write_bytes(PICTURES[BALLOON] + b"more")
    offer()
    assert (inputs / BALLOON).read_bytes() == PICTURES[BALLOON] + b"more"


@pytest.mark.parametrize("there", [True, False], ids=["to a short file", "to nothing"])
def test_nothing_is_written_through_a_link(offer, inputs, tmp_path, there):
    target = tmp_path / "elsewhere.png"
    if there:
        target.write_bytes(b"")
    (inputs / BALLOON).symlink_to(target)
    offer()
    assert (inputs / BALLOON).is_symlink()
    assert target.read_bytes() == b"" if there else not target.exists()


def test_a_file_where_the_folder_should_be_gives_one_line_in_the_log(offer, inputs, caplog):
    inputs.rmdir()
    inputs.write_bytes(b"mine")
    offer()
    assert inputs.read_bytes() == b"mine"
    (line,) = (record.getMessage() for record in caplog.records)
    assert str(inputs) in line and all(name in line for name in PICTURES)


def test_a_full_disk_leaves_no_part_of_a_picture(offer, inputs, caplog):
    """A limit on the size of files stands for it: the smaller pictures fit, the larger do not."""
    resource = pytest.importorskip("resource", reason="this system has no limit on the size of files")
    room = sorted(map(len, PICTURES.values()))[2]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        offer()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert content(inputs) == {name: data for name, data in PICTURES.items() if len(data) <= room}
    assert len(caplog.records) == 1


def read_only_folder(place: Path) -> None:
    """A folder in which nothing can be made; the superuser is held off only by a file system of another kind."""
    place.mkdir(mode=0o555)
    if os.access(place, os.W_OK):
        if not Path("/proc/tty").is_dir():
            pytest.skip("nothing is read-only to the superuser here")
        place.rmdir()
        place.symlink_to("/proc/tty")


def test_a_server_with_a_read_only_input_folder_has_every_node(host, tmp_path):
    from comfy_client import Comfy

    read_only_folder(tmp_path / "input")
    server = Comfy(Path(os.environ["COMFYUI_PATH"]), tmp_path)
    try:
        ours = [name for name in server.get("/object_info") if name.startswith("MaskGuidance")]
    finally:
        server.stop()
    assert len(ours) == len(list((PACK / "web" / "docs").glob("*.md")))
    assert server.log.read_text().count("did not take the example pictures") == 1
