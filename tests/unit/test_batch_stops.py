"""Whatever stops a run: a sentence, an exit status, nobody left waiting, and all that is done is kept."""

import errno
import json
import os
import threading
import weakref

import pytest
import torch
from batch_runs import count_fills, prepared, record, results, run, save_masks, save_pictures, words
from mask_guidance.sampler.batch import command, sheet, worker
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.batch.painter import Painter
from mask_guidance.sampler.batch.progress import set_up_log
from mask_guidance.sampler.batch.run import Folder

PICTURES = 5


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path, PICTURES)


@pytest.fixture
def counted(monkeypatch):
    return count_fills(monkeypatch)


class Thread:
    """One of several processes, as a thread; an exchange that one of them misses breaks for all."""

    def __init__(self, rank, count, barrier, board):
        self.rank, self.count, self.barrier, self.board = rank, count, barrier, board
        self.device, self.mixed_precision = torch.device("cpu"), "no"

    def all_say(self, value):
        self.board[self.rank] = value
        self.barrier.wait()
        said = list(self.board)
        self.barrier.wait()
        return said

    def first_says(self, value):
        return self.all_say(value)[0]


def together(folder, count, *more):
    """Exit statuses of a run on several processes."""
    set_up_log(rank=0, count=1)  # as `main` does, which is not run here
    job = read_options(words(folder, "out", *more))
    barrier, board, statuses = threading.Barrier(count, timeout=30), [None] * count, [None] * count

    def process(rank):
        statuses[rank] = command.run(job, Thread(rank, count, barrier, board))

    threads = [threading.Thread(target=process, args=(rank,), name=f"process {rank}") for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def disk_full_from(monkeypatch, saves):
    """Saving results works so many times, and then the disk is full."""
    save, done = worker.save_picture, []

    def saving(path, *rest):
        if len(done) >= saves:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        done.append(path)
        save(path, *rest)

    monkeypatch.setattr(worker, "save_picture", saving)


def test_a_full_disk_stops_the_run_at_once_and_what_is_done_is_kept(folder, monkeypatch, counted, capfd):
    with monkeypatch.context() as patch:
        disk_full_from(patch, 2)
        assert run(folder) == 1
    assert counted == [2, 2]
    said = capfd.readouterr().err
    assert said.count("No space left on device") == 1
    assert "goes on from here" in said
    assert "Traceback" not in said
    assert sorted(results(folder / "out")) == ["p0.png", "p1.png"]
    assert not (folder / "out" / "results.json").exists()
    assert run(folder) == 0
    run(folder, "whole")
    assert results(folder / "out") == results(folder / "whole")


def test_a_disk_that_is_full_from_the_first_result_on_is_nothing_done(folder, monkeypatch, counted, capfd):
    disk_full_from(monkeypatch, 0)
    assert run(folder) == 2
    assert counted == [2]
    assert capfd.readouterr().err.count("No space left on device") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_result_that_the_system_refuses_to_write_leaves_no_part_of_it(folder, capfd):
    import resource

    save_pictures(folder / "in", PICTURES, 64)
    save_masks(folder / "masks", PICTURES, 64)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))  # of 12 kB that a result of noise takes
    try:
        assert run(folder) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capfd.readouterr().err.count("p0.png: File too large") == 1
    assert [path.name for path in (folder / "out").iterdir()] == ["run.json"]


UNWRITABLE = {
    "a file": lambda place: place.write_bytes(b"mine"),
    "a dangling link": lambda place: place.symlink_to("nowhere/at/all"),
    "a link to itself": lambda place: place.symlink_to(place.name),
    "read-only": lambda place: place.mkdir(mode=0o500),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", UNWRITABLE)
@pytest.mark.parametrize("below", ["", "deeper"])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_save_dir_that_cannot_be_written_is_one_sentence_to_all_processes(folder, kind, below, processes, capfd):
    if kind == "read-only" and os.geteuid() == 0:
        pytest.skip("nothing is read-only to root")
    UNWRITABLE[kind](folder / "out")
    assert together(folder, processes, "--save_dir", str(folder / "out" / below)) == [2] * processes
    said = capfd.readouterr().err
    assert said.count("choose another") == 1
    assert "Traceback" not in said


def test_any_mistake_of_the_preparation_reaches_all_processes(folder, monkeypatch, capfd):
    def surprising(self, *arguments):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Folder, "plan", surprising)
    assert together(folder, 3) == [2, 2, 2]
    assert capfd.readouterr().err.count("a mistake of ours") == 1


@pytest.mark.parametrize("dying", [0, 1, 2])
def test_a_process_that_dies_is_waited_for_by_nobody_and_the_others_paint_their_share(
    folder, monkeypatch, dying, capfd
):
    build = Painter.__init__

    def building(self, *arguments):
        if threading.current_thread().name == f"process {dying}":
            raise RuntimeError("CUDA out of memory")
        build(self, *arguments)

    monkeypatch.setattr(Painter, "__init__", building)
    assert together(folder, 3) == [1, 0, 0]
    shares = [{"p0.png", "p1.png"}, {"p2.png", "p3.png"}, {"p4.png"}]
    assert set(results(folder / "out")) == set().union(*shares) - shares[dying]
    said = capfd.readouterr().err
    assert said.count("CUDA out of memory") == (1 if dying == 0 else 2)  # at once, and at the end
    assert "Traceback" not in said


def test_a_full_disk_is_told_of_by_every_process_and_waited_for_by_none(folder, monkeypatch, capfd):
    disk_full_from(monkeypatch, 0)
    assert together(folder, 2) == [2, 0]
    said = capfd.readouterr().err
    assert said.count("p2.png: No space left on device") == 2  # at once, and at the end
    assert said.count("p0.png: No space left on device") == 1
    assert "Traceback" not in said


def test_results_json_that_cannot_be_written_is_a_sentence_and_a_status(folder, monkeypatch, capfd):
    fill = Painter.fill

    def meanwhile(self, *arguments):
        (folder / "out" / "results.json").mkdir(exist_ok=True)  # in the way only after the run has begun
        return fill(self, *arguments)

    monkeypatch.setattr(Painter, "fill", meanwhile)
    assert together(folder, 2) == [1, 0]
    said = capfd.readouterr().err
    assert said.count("results.json") == 1
    assert "Traceback" not in said
    assert len(results(folder / "out")) == PICTURES
    assert not list((folder / "out").glob(".*"))


def test_a_contact_sheet_that_cannot_be_made_costs_no_result(folder, monkeypatch, capfd):
    def failing(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sheet, "sheet", failing)
    assert run(folder) == 1
    said = capfd.readouterr().err
    assert said.count("No space left on device") == 1
    assert len(json.loads((folder / "out" / "results.json").read_text())["results"]) == PICTURES


def test_a_picture_that_goes_while_it_is_being_painted_costs_only_itself(folder, monkeypatch):
    load = worker.Worker.load

    def losing(self, item):
        if item.name == "p3.png":
            item.picture.unlink(missing_ok=True)
        return load(self, item)

    monkeypatch.setattr(worker.Worker, "load", losing)
    assert run(folder) == 1
    assert sorted(results(folder / "out")) == ["p0.png", "p1.png", "p2.png", "p4.png"]
    assert record(folder / "out" / "p2.png")["batch"] == 1


def test_memory_is_given_back_once_nothing_of_a_failed_batch_is_held(folder, monkeypatch):
    made, held = [], []

    def fill(self, pictures, *rest):
        activations = torch.zeros(8)
        made.append(weakref.ref(activations))
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Painter, "fill", fill)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: held.append(made[-1]() is not None))
    assert run(folder) == 1
    assert len(held) == len(made) > PICTURES
    assert not any(held)
