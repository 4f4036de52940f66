"""Checkpoints that would take all memory, all time, or paint nothing but noise: told in a sentence, before it happens."""

import io
import json
import os
import pickle
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.batch.settings import SettingsError
from mask_guidance.sampler.checkpoint import CheckpointError, build, read_checkpoint
from mask_guidance.sampler.recognition import recognise
from mask_guidance.sampler.respacing import parse_respacing
from mask_guidance.sampler.sentence import MOST
from safetensors.torch import save_file
from small_nets import SMALL, state_dict_of

KNOWN = {"num_heads": 2, "use_new_attention_order": False, "noise_schedule": "linear"}
MEGABYTES = 500  # that a small file may take beyond what the process has; the sum of these tests' wishes is terabytes


@pytest.fixture(scope="module")
def weights():
    return state_dict_of(SMALL)


def told(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        recognise(path, overrides=KNOWN)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) <= MOST
    return message


def saved(folder: Path, content: object, **options) -> Path:
    torch.save(content, folder / "file.pt", **options)
    return folder / "file.pt"


# --- more than a file is worth

ASKED = """
import json, os, resource, sys, types
pack = types.ModuleType("mask_guidance")
pack.__path__ = [sys.argv[1]]
sys.modules["mask_guidance"] = pack
from pathlib import Path
from mask_guidance.sampler.checkpoint import CheckpointError, build
from mask_guidance.sampler.recognition import recognise
import mask_guidance.sampler.adm

def answer(path):
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = None
    try:
        found = recognise(path, probe=False)
        build(found.checkpoint.tensors, found.detection)
    except CheckpointError as error:
        message = str(error)
    print(json.dumps([message, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]), flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        answer(Path(line.strip()))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("null", flush=True)
"""


@pytest.fixture(scope="module")
def told_with_little_memory():
    """The sentence about a file of a process of its own, which may take little more than it starts with.

    Each is forked from one that has PyTorch already.
    """
    command = [sys.executable, "-W", "ignore", "-c", ASKED, str(Path(__file__).resolve().parents[2])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as asked:

        def told(path: Path) -> str:
            asked.stdin.write(f"{path}\n")
            asked.stdin.flush()
            message, kilobytes = json.loads(asked.stdout.readline())
            assert kilobytes < MEGABYTES * 1024
            return message

        yield told


def test_a_network_made_of_one_number_is_refused(tmp_path, weights, told_with_little_memory):
    """41 kB that became 6 GB."""
    huge = {key: torch.zeros(1, dtype=torch.half).expand(value.shape) for key, value in weights.items()}
    huge |= {f"x{i}": torch.zeros(1, dtype=torch.half).expand(1024, 1024, 1024) for i in range(3)}
    assert "more numbers than it holds" in told_with_little_memory(saved(tmp_path, huge))


def test_a_thousand_names_for_the_same_numbers_are_refused(tmp_path, told_with_little_memory):
    shared = torch.zeros(1024, 1024, dtype=torch.half)
    assert "more numbers than it holds" in told_with_little_memory(
        saved(tmp_path, {f"output_blocks.{i}.0.weight": shared for i in range(1000)})
    )


def zipped(path: Path, members: dict[str, bytes], method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("method", "name"), [(zipfile.ZIP_DEFLATED, "archive/data.pkl"), (zipfile.ZIP_BZIP2, "archive/data/0")]
)
def test_a_compressed_archive_is_refused(tmp_path, method, name, told_with_little_memory):
    members = {"archive/data.pkl": b"\x80\x02}.", "archive/version": b"3", name: b"\0" * 300_000_000}
    assert "compressed archive" in told_with_little_memory(zipped(tmp_path / "file.pt", members, method))


def called(*words: bytes) -> bytes:
    return b"\x80\x02" + b"".join(words) + b"."


ROOM = called(b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR")
SLOW = "".join(map(chr, range(0x4E00, 0x9000))).encode()
PUNYCODE = called(b"c_codecs\nencode\n(X", len(SLOW).to_bytes(4, "little"), SLOW, b"X\x08\x00\x00\x00punycodetR")
MANY = called(b"ccollections\nOrderedDict\nq\x00]", b"h\x00)Ra" * 1_500_000)
LONG = called(b"]", b"}a" * 5_000_000)


@pytest.mark.parametrize("content", [ROOM, PUNYCODE, MANY, LONG], ids=["room", "punycode", "many", "long"])
@pytest.mark.parametrize("kind", ["bare", "zip"])
def test_a_list_of_tensors_that_asks_for_endless_things_is_refused(tmp_path, content, kind, told_with_little_memory):
    path = tmp_path / "file.pt"
    if kind == "bare":
        path.write_bytes(content)
    else:
        zipped(path, {"archive/data.pkl": content, "archive/version": b"3"}, zipfile.ZIP_STORED)
    assert told_with_little_memory(path).endswith(("as .safetensors.", "save the weights alone again."))


def test_the_index_of_a_large_training_file_is_well_within_the_bounds(tmp_path, weights):
    tensors = {f"input_blocks.{i}.0.in_layers.0.weight": torch.zeros(1) for i in range(8000)}
    read_checkpoint(saved(tmp_path, {"model": weights, "optimizer": tensors, "ema": weights}))


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_weights_that_two_sets_share_are_read(tmp_path, weights, new_format):
    content = {"model": weights, "ema": weights}
    assert recognise(saved(tmp_path, content, _use_new_zipfile_serialization=new_format), probe=False)


def test_half_weights_may_become_twice_as_many_bytes(tmp_path, weights):
    path = saved(tmp_path, {key: value.half() for key, value in weights.items()})
    found = recognise(path, probe=False)
    assert build(found.checkpoint.tensors, found.detection).dtype == torch.float32


# --- programs in old clothes


def test_a_file_of_the_tar_format_is_refused_before_torch_sees_it(tmp_path):
    """Torch up to 2.5 opened these with an ordinary unpickler."""
    trace = tmp_path / "was here"
    code = pickle.dumps(Burglar(trace), 2)
    with tarfile.open(tmp_path / "file.pt", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = len(code)
            archive.addfile(member, io.BytesIO(code))
    assert "tar format" in told(tmp_path / "file.pt")
    assert not trace.exists()


class Burglar:
    def __init__(self, target: Path):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, "w")


def test_a_torchscript_program_is_refused(tmp_path):
    members = {"net/data.pkl": b"\x80\x02}.", "net/constants.pkl": b"\x80\x02).", "net/version": b"3"}
    assert "TorchScript" in told(zipped(tmp_path / "file.pt", members, zipfile.ZIP_STORED))


# --- numbers of no use


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_first_weight_that_is_no_finite_number_is_named(tmp_path, weights, number, dtype):
    spoilt = {key: value.to(dtype, copy=True) for key, value in weights.items()}
    spoilt["out.0.bias"][7] = number
    message = told(saved(tmp_path, spoilt))
    assert "Tensor out.0.bias holds numbers that are infinite or not numbers" in message
    assert "choose an earlier checkpoint" in message


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_of_another_kind_of_number_are_named(tmp_path, weights, dtype, suffix):
    strange = {**weights, "out.2.bias": weights["out.2.bias"].to(dtype)}
    path = tmp_path / f"file{suffix}"
    save_file(strange, path) if suffix == ".safetensors" else torch.save(strange, path)
    kind = str(dtype).removeprefix("torch.")
    assert f"Tensor out.2.bias holds {kind} numbers, expected float32, float16 or bfloat16" in told(path)


STRANGE = {
    "meta": lambda value: value.to("meta"),
    "sparse": lambda value: value.to_sparse(),
    "quantized": lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
    "nested": lambda value: torch.nested.nested_tensor([value, value[:1]]),
}


@pytest.mark.filterwarnings("ignore")  # torch's, about these kinds
@pytest.mark.parametrize("kind", STRANGE)
def test_a_tensor_that_is_no_plain_array_is_named(tmp_path, weights, kind):
    path = saved(tmp_path, {**weights, "out.0.bias": STRANGE[kind](weights["out.0.bias"])})
    message = told(path)
    refused_by_torch = "damaged", "Python objects besides tensors"  # the latter since 2.15, where it is nested
    assert any(words in message for words in ("Tensor out.0.bias is sparse, nested, quantized", *refused_by_torch))


def test_a_number_alone_is_no_weight(tmp_path, weights):
    message = told(saved(tmp_path, {**weights, "out.0.bias": torch.tensor(1.0)}))
    assert message == "Tensor out.0.bias has shape (), expected (32,); the checkpoint is damaged."


# --- names


@pytest.mark.parametrize("key", [5, 2.5, None, (1, "a"), b"bytes", True])
def test_a_tensor_without_a_text_for_a_name_is_no_weight(tmp_path, weights, key):
    content = {(key if name == "out.0.bias" else name): value for name, value in weights.items()}
    assert "lacks 1 of a guided-diffusion network's tensors" in told(saved(tmp_path, content))
    assert "holds no weights" in told(saved(tmp_path, {key: torch.zeros(3)}))


@pytest.mark.parametrize(
    "key", ["a\nb", "x" * 50_000, "\x1b[2J", "\u202etxt.exe", "a\r\nTraceback:", "module." * 50_000]
)
def test_a_name_from_a_file_can_neither_end_the_line_nor_fill_the_screen(tmp_path, weights, key):
    told(saved(tmp_path, {key: torch.zeros(3)}))
    told(saved(tmp_path, {**weights, key: torch.zeros(3)}))


def test_an_error_of_yaml_is_one_line(tmp_path, weights):
    path = saved(tmp_path, weights)
    path.with_suffix(".yaml").write_text("a: [1,\n  b: {2\nc: '")
    assert told(path).startswith("file.yaml cannot be read: while ")


# --- no files


def test_a_folder_is_told(tmp_path):
    (tmp_path / "file.pt").mkdir()
    assert told(tmp_path / "file.pt").startswith("This folder holds no model; expected diffusion_pytorch_model")


def test_a_pipe_is_waited_for_by_nobody(tmp_path):
    os.mkfifo(tmp_path / "file.pt")
    assert "not a file" in told(tmp_path / "file.pt")


def test_a_file_that_is_gone_is_told(tmp_path):
    assert told(tmp_path / "file.pt") == "This file cannot be read: No such file or directory."


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(b"x" * 100)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read all; then the system's answer is put in its place

        def denied(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", denied)
    assert told(path) == "This file cannot be read: Permission denied."
    assert stat.S_IMODE(path.stat().st_mode) == 0


def test_no_sentence_about_a_file_names_it_for_a_second_time(tmp_path):
    """Nodes and the command line put its name before."""
    for content in (b"", b"version https://git-lfs", b"<html>", b"\0" * 100, b"PK\x03\x04"):
        for name in ("file.pt", "file.safetensors"):
            (tmp_path / name).write_bytes(content)
            assert "file." not in told(tmp_path / name)


# --- numbers in text


@pytest.mark.parametrize("text", ["9" * 4300, "9" * 4301, "ddim" + "9" * 5000, "9" * 5000 + ",1", "\u00b2", "1e3"])
def test_a_respacing_of_thousands_of_digits_is_a_sentence(text):
    with pytest.raises(ValueError, match=r"^timestep_respacing is '") as caught:
        parse_respacing(1000, text)
    assert len(str(caught.value)) < MOST


def test_a_probe_calls_back_before_each_pass_and_ends_with_what_that_raises(tmp_path, weights):
    calls = []

    class Cancelled(BaseException):
        pass

    def cancel():
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    path = saved(tmp_path, weights)
    path.with_suffix(".json").write_text(json.dumps({"num_heads": 2, "use_new_attention_order": False}))
    with pytest.raises(Cancelled):
        recognise(path, between=cancel)
    assert len(calls) == 3


# --- what a configuration of the command line may say

HUGE = "0x" + "f" * 5000  # YAML reads it, and Python neither writes it nor makes a float of it
CONFS = {
    "a wrong flag": "schedule_jump_params: {}\nsigma_small: 5",
    "a wrong flag of xyfJASON's": "model: {params: {sigma_small: x}}",
    "huge preset": f"preset: {HUGE}",
    "huge method": f"method: {HUGE}",
    "huge label": f"class_label: {HUGE}",
    "huge path": f"schedule_jump_params: {{}}\nmodel_path: {HUGE}",
    "huge steps": f"diffusion: {{total_steps: {HUGE}, beta_start: 1}}",
    "huge beta": f"diffusion: {{beta_start: 1{'0' * 400}}}",
    "beta that is no number": "diffusion: {beta_start: .nan}",
    "a date": "flags: {num_heads: 2001-01-01}",
    "names of two kinds": "flags: {1: 2, a: 3}",
    "flags within themselves": "flags: &a {x: *a}",
    "long text": f"seed: '{'x' * 5000}'",
}


@pytest.mark.parametrize("name", CONFS)
def test_a_configuration_that_says_nonsense_is_a_sentence(tmp_path, name):
    (tmp_path / "conf.yaml").write_text(CONFS[name])
    places = ["--weights", "w.pt", "--input_dir", "in", "--save_dir", "out"]
    with pytest.raises(SettingsError) as caught:
        read_options(["--config", str(tmp_path / "conf.yaml"), *places])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= MOST
