"""The command line under a real `accelerate launch`, on several processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_runs import SHORT, prepared, record, results, run, save_masks, save_pictures, words

pytest.importorskip("accelerate")
psutil = pytest.importorskip("psutil")

pytestmark = pytest.mark.slow

PACK = Path(__file__).resolve().parents[2]
PICTURES = 7  # three batches of two and one alone
LONG = ["--skip_steps", "24", "--resample_r", "4", "--micro_batch", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = prepared(tmp_path_factory.mktemp("batch"), PICTURES)
    assert run(folder, "alone") == 0
    return folder


def launch(processes: int, arguments: list[str], *more: str, **options) -> subprocess.Popen:
    """`accelerate launch` of the checkout's own folder."""
    words = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--num_machines", "1"]
    words += ["--num_processes", str(processes), "--dynamo_backend", "no", "--main_process_port", "0"]
    words += [*(["--multi_gpu"] if processes > 1 else ["--cpu"]), *more]  # so named, and right without a GPU too
    if "--mixed_precision" not in more:
        words += ["--mixed_precision", "no"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ACCELERATE_")}
    environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TQDM_DISABLE": "1"}
    command = [*words, str(PACK / "__main__.py"), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process: subprocess.Popen) -> str:
    """What a launch has said; its exit status is in `returncode`. None of its processes is left: each holds the pipe open."""
    try:
        return process.communicate(timeout=250)[0]
    except subprocess.TimeoutExpired:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        raise


def test_results_are_the_same_files_from_three_processes_as_from_one(folder):
    """Two are in the tests below, and one is in test_packaging.py."""
    at_random = ["--mask_pairing", "random"]
    assert run(folder, "drawn_alone", *at_random) == 0
    process = launch(3, words(folder, "by_three", *at_random))
    said = finished(process)
    assert process.returncode == 0, said
    assert "3 processes" in said
    assert said.count("results are in") == 1
    assert results(folder / "by_three") == results(folder / "drawn_alone") != results(folder / "alone")
    assert len(results(folder / "by_three")) == PICTURES


def test_accelerates_precision_is_used_and_counts_as_if_it_were_chosen(folder):
    process = launch(2, words(folder, "launched"), "--mixed_precision", "bf16")
    said = finished(process)
    assert process.returncode == 0, said
    assert record(folder / "launched" / "p0.png")["settings"]["dtype"] == "bf16"
    finished(launch(1, [*words(folder, "chosen"), "--dtype", "bf16"]))  # half precision rounds by number of threads
    assert results(folder / "launched") == results(folder / "chosen"), said
    assert results(folder / "launched") != results(folder / "alone")


def test_a_bad_picture_gives_a_list_and_a_failing_status_from_two_processes(folder, tmp_path):
    save_pictures(tmp_path / "in", 3)
    save_masks(tmp_path / "masks", 3)
    (tmp_path / "in" / "p1.png").write_bytes((tmp_path / "in" / "p1.png").read_bytes()[:300])
    places = ["--weights", folder / "net.safetensors", "--input_dir", tmp_path / "in", "--mask_dir", tmp_path / "masks"]
    process = launch(2, [str(word) for word in [*places, "--save_dir", tmp_path / "out", *SHORT, "--micro_batch", "1"]])
    said = finished(process)
    assert process.returncode != 0
    assert "1 picture not painted" in said
    assert "p1.png" in said.rpartition("not painted")[2]
    assert sorted(results(tmp_path / "out")) == ["p0.png", "p2.png"]
    assert (tmp_path / "out" / "contact_sheet.jpg").exists()


def test_a_refusal_reaches_all_processes_and_is_said_once(folder):
    process = launch(2, [*words(folder, "alone"), "--seed", "77"])
    said = finished(process)
    assert process.returncode != 0
    assert said.count("seed 0 -> 77") == 1


def test_a_save_dir_that_cannot_be_written_reaches_all_processes_and_is_said_once(folder, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    process = launch(2, [*words(folder), "--save_dir", str(tmp_path / "file" / "out")])
    said = finished(process)
    assert process.returncode != 0
    assert said.count("Nothing can be saved") == 1
    assert "NotADirectoryError" not in said
    assert "exitcode  : 2" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_after_a_killed_process_the_same_command_goes_on_and_nothing_is_lost_or_written_twice(folder):
    assert run(folder, "long_alone", *LONG) == 0
    out = folder / "killed"
    arguments = words(folder, "killed", *LONG)
    process = launch(2, arguments)
    worker = wait_for_results(process, out, 2)
    os.kill(worker.pid, signal.SIGKILL)
    said = finished(process)
    assert process.returncode != 0, said
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.glob("*.png")}
    assert 0 < len(before) < PICTURES, "the process was to be killed in the middle; make the run longer"
    assert not (out / "results.json").exists()

    process = launch(2, arguments)
    said = finished(process)
    assert process.returncode == 0, said
    assert f"{len(before)} are there" in said
    assert results(out) == results(folder / "long_alone")
    for name, (written, content) in before.items():
        assert (out / name).stat().st_mtime_ns == written
        assert (out / name).read_bytes() == content
    assert not list(out.glob(".*"))


def wait_for_results(process: subprocess.Popen, out: Path, count: int):
    """The second worker, as soon as there are some results."""
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.png"))) < count:
        assert process.poll() is None, finished(process)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    return next(child for child in children if child.environ().get("RANK") == "1")
