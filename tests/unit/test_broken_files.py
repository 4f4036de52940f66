"""Three hundred broken files, other ones than in the other tests, through the loader and --config; see tests/fuzz/files.py."""

import file_child
import pytest
from files import Child, cases
from mask_guidance.sampler.checkpoint import CheckpointError

SEED, CASES = 1, 300


def test_no_file_of_three_hundred_does_harm(tmp_path):
    ran = list(cases(SEED, range(CASES), tmp_path))
    assert [f"{case.maker}: {case.bad} ({case.again})" for case in ran if case.bad] == []
    outcomes = [case.outcome for case in ran]
    assert len(outcomes) == CASES
    assert outcomes.count("refused") > CASES / 2
    assert outcomes.count("built") > CASES / 20  # some are sound, or broken where it does no harm
    assert "read" in outcomes
    assert len({case.maker for case in ran}) > 14


def test_a_case_is_the_same_whenever_it_is_drawn(tmp_path):
    def drawn(number):
        draw = file_child.Draw(f"{SEED}:{number}")
        draw.folder = tmp_path
        return file_child.made(draw)[1]

    for number in range(40):
        first, second = drawn(number), drawn(number)
        assert (first.name, first.beside) == (second.name, second.beside)
        addresses = b"Storage\n" in first.content and not first.content.startswith(
            b"PK"
        )  # which torch's older format keeps
        assert first.content == second.content or addresses


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TypeError("unhashable type: 'list'"), "TypeError: unhashable type: 'list'"),
        (CheckpointError("No end"), "no sentence"),
        (SystemExit(2), "SystemExit"),
        (RecursionError("too deep"), "RecursionError"),
    ],
)
def test_what_is_no_sentence_is_found(tmp_path, monkeypatch, error, words):
    def broken(path, draw):
        raise error

    monkeypatch.setattr(file_child, "call", broken)
    assert words in file_child.judged(tmp_path / "net.pt", file_child.Draw(0))[1]


def test_code_that_runs_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(file_child, "call", lambda path, draw: (path.parent / file_child.CANARY).touch())
    assert file_child.run(SEED, 0, tmp_path).bad == "code from the file was run"


def test_a_changed_file_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case").mkdir()
    monkeypatch.setattr(file_child, "call", lambda path, draw: path.write_bytes(b"x"))
    assert file_child.run(SEED, 0, tmp_path / "case").bad == "files were left or changed"


def test_memory_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(file_child, "call", lambda path, draw: len(bytes(range(256)) * (file_child.PEAK // 128)))
    (tmp_path / "case").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert " MB for " in file_child.run(SEED, 0, tmp_path / "case").bad


def test_a_process_that_dies_is_found_and_the_next_case_has_another(tmp_path, monkeypatch):
    ask = Child.ask

    def dying(self, seed, number):
        if number == 1:
            self.process.kill()
            self.process.wait()
        return ask(self, seed, number)

    monkeypatch.setattr(Child, "ask", dying)
    assert [case.outcome == "died" for case in cases(SEED, range(3), tmp_path)] == [False, True, False]
