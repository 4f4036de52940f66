"""Files as people have them: every wrapper opened, every impostor and every danger refused with one sentence."""

import argparse
import pickle
import random
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from mask_guidance.sampler.adm import UNet
from mask_guidance.sampler.checkpoint import CheckpointError, read_checkpoint
from mask_guidance.sampler.checkpoint.network import check_keys
from mask_guidance.sampler.recognition import detect, load_network, recognise
from safetensors.torch import save_file
from small_nets import SMALL, shapes_of, state_dict_of

# With these given nothing is left to the probe.
KNOWN = {"num_heads": 2, "use_new_attention_order": False, "noise_schedule": "linear"}


@cache
def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    return state_dict_of(SMALL, seed)


MODEL, EMA = 0, 1  # seeds of two sets of weights in one file


def under(prefix: str, tensors: dict) -> dict:
    return {prefix + key: value for key, value in tensors.items()}


def saved(folder: Path, content: object, name: str = "file.pt", **options) -> Path:
    torch.save(content, folder / name, **options)
    return folder / name


def assert_same(actual, expected):
    torch.testing.assert_close(dict(actual), dict(expected), rtol=0, atol=0)


def refusal(path: Path, call=read_checkpoint) -> str:
    with pytest.raises(CheckpointError) as caught:
        call(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- what is read


@pytest.mark.parametrize("name", ["file.pt", "file.pth", "file.ckpt"])
def test_plain_state_dict_is_read(tmp_path, name):
    found = read_checkpoint(saved(tmp_path, weights(), name))
    assert_same(found.tensors, weights())
    assert (found.metadata, found.origin) == ({}, "")


def test_file_of_the_format_before_pytorch_1_6_is_read(tmp_path):
    found = read_checkpoint(saved(tmp_path, weights(), _use_new_zipfile_serialization=False))
    assert_same(found.tensors, weights())


def test_safetensors_are_read_with_their_metadata(tmp_path):
    save_file(weights(), tmp_path / "file.safetensors", {"guided_diffusion_config": "{}"})
    found = read_checkpoint(tmp_path / "file.safetensors")
    assert_same(found.tensors, weights())
    assert found.metadata == {"guided_diffusion_config": "{}"}


@pytest.mark.parametrize(
    ("wrap", "origin"),
    [
        (lambda m, e: {"state_dict": m}, "state_dict"),
        (lambda m, e: {"model": m, "optimizer": {"lr": 0.1}, "step": 7}, "model"),
        (lambda m, e: {"model": {"state_dict": m}}, "model.state_dict"),
        (lambda m, e: under("module.", m), "module"),
        (lambda m, e: {"state_dict": under("module.", m), "epoch": 3}, "state_dict.module"),
        (lambda m, e: under("model.diffusion_model.", m), "model.diffusion_model"),
        (lambda m, e: under("unet.", m), "unet"),
        (lambda m, e: under("module.model.", m), "module.model"),
        (lambda m, e: {"weights of mine": m, "note": "hello"}, "weights of mine"),
        (lambda m, e: {**m, "global_step": 7}, ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrapped_weights_are_found(tmp_path, wrap, origin):
    found = read_checkpoint(saved(tmp_path, wrap(weights(), None)))
    assert_same(found.tensors, weights())
    assert found.origin == origin


BOTH = {
    "trainer's dictionary": lambda m, e: {
        "step": 5,
        "model": m,
        "ema": e,
        "opt": {"state": {0: {"x": m["out.0.bias"]}}},
    },
    "EMA inside a dictionary": lambda m, e: {"model": m, "ema": {"shadow": e, "decay": 0.9}},
    "DDIM's list": lambda m, e: [m, {"state": {}, "param_groups": []}, 1, 2, e],
    "DDIM's list with module.": lambda m, e: [under("module.", m), {"state": {}}, 1, 2, under("module.", e)],
    "prefixes beside each other": lambda m, e: {**under("model.", m), **under("ema_model.", e)},
    "lucidrains' prefixes": lambda m, e: {**under("online_model.model.", m), **under("ema_model.model.", e)},
    "EMA with counters": lambda m, e: {"model": m, "ema": {**under("ema_model.", e), "initted": torch.tensor(True)}},
    "state dict beside ema_model": lambda m, e: {"state_dict": m, "ema_model": e},
}


@pytest.mark.parametrize("weights_name", ["ema", "model"])
@pytest.mark.parametrize("wrap", BOTH.values(), ids=BOTH)
def test_averaged_or_plain_weights_are_taken_as_asked(tmp_path, wrap, weights_name):
    path = saved(tmp_path, wrap(weights(MODEL), weights(EMA)))
    found = read_checkpoint(path, weights_name)
    assert_same(found.tensors, weights(EMA if weights_name == "ema" else MODEL))


@pytest.mark.parametrize(("asked", "held"), [("ema", "model"), ("model", "ema")])
def test_only_weights_of_a_file_are_taken_whatever_was_asked(tmp_path, asked, held):
    found = read_checkpoint(saved(tmp_path, {held: weights(), "step": 3}), asked)
    assert_same(found.tensors, weights())
    assert found.origin == held


def test_half_tensors_stay_half_until_the_network_is_built(tmp_path):
    halves = {key: value.half() for key, value in weights().items()}
    found = read_checkpoint(saved(tmp_path, halves))
    assert {value.dtype for value in found.tensors.values()} == {torch.float16}
    net, _ = load_network(tmp_path / "file.pt", overrides=KNOWN)
    assert_same(net.state_dict(), {key: value.float() for key, value in halves.items()})


def test_network_of_a_file_computes_what_was_saved(tmp_path):
    expected = UNet(SMALL)
    expected.load_state_dict(weights())
    net, detection = load_network(saved(tmp_path, {"ema": weights()}), overrides=KNOWN)
    assert detection.config == replace(SMALL, num_head_channels=-1)
    x, t = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([50])
    torch.testing.assert_close(net(x, t), expected.eval().requires_grad_(False)(x, t), rtol=0, atol=0)
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())


# --- what is refused


def test_git_lfs_pointer_is_told(tmp_path):
    path = tmp_path / "file.pt"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 2211383297\n")
    assert refusal(path) == (
        "This file is a git-lfs pointer, not the weights; run `git lfs pull` or download the file itself."
    )


@pytest.mark.parametrize("name", ["file.pt", "file.safetensors"])
def test_web_page_is_told(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>")
    assert "This file is a web page" in refusal(path)


@pytest.mark.parametrize("name", ["file.pt", "file.safetensors"])
def test_empty_file_is_told(tmp_path, name):
    path = tmp_path / name
    path.touch()
    assert refusal(path) == "This file is empty; download it again."


@pytest.mark.parametrize("kept", [100, 0.5, 0.99])
@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_download_cut_short_is_told(tmp_path, kept, new_format):
    path = saved(tmp_path, weights(), _use_new_zipfile_serialization=new_format)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if kept >= 1 else int(len(whole) * kept)])
    message = refusal(path)
    assert "damaged" in message
    assert message.endswith("download it again.")


@pytest.mark.parametrize("kept", [6, 100, 0.5, 0.99])
def test_safetensors_cut_short_are_told(tmp_path, kept):
    path = tmp_path / "file.safetensors"
    save_file(weights(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if kept >= 1 else int(len(whole) * kept)])
    assert refusal(path).startswith("This file is damaged or cut short")


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\x1f\x8b\x08", b"\xff\xd8\xff\xe0", b"\0"])
def test_file_of_something_else_is_told(tmp_path, head):
    path = tmp_path / "file.pt"
    path.write_bytes(head * 50)
    assert refusal(path) == "This file is not a PyTorch checkpoint, or is damaged; download it again."


def test_zip_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "file.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "damaged" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_damage_of_any_kind_is_told_or_does_no_harm(tmp_path, new_format):
    whole = saved(tmp_path, {"out.0.bias": torch.zeros(3)}, _use_new_zipfile_serialization=new_format).read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        path = tmp_path / "damaged.pt"
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except CheckpointError:
            refused += 1
    assert refused > 50


class Burglar:
    """Writes a file when unpickled."""

    def __init__(self, target: Path):
        self.target = str(target)

    def __reduce__(self):
        return (open, (self.target, "w"))


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path, new_format):
    trace = tmp_path / "was here"
    path = saved(tmp_path, {"model": weights(), "x": Burglar(trace)}, _use_new_zipfile_serialization=new_format)
    assert "holds Python objects besides tensors" in refusal(path)
    assert not trace.exists()


def test_code_in_a_bare_pickle_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "was here"
    path = tmp_path / "file.pt"
    path.write_bytes(pickle.dumps(Burglar(trace), protocol=2))
    assert "holds Python objects besides tensors" in refusal(path)
    assert not trace.exists()


def test_a_pickle_of_nvlabs_is_named(tmp_path):
    """As EDM's and StyleGAN's are: the network is an object of a class that the pickle brings with it."""
    path = tmp_path / "edm-ffhq.pkl"
    path.write_bytes(b"\x80\x02}X\x03\x00\x00\x00emactorch_utils.persistence\n_reconstruct_persistent_obj\n}\x85Rs.")
    assert refusal(path).startswith("This file is a pickle of NVlabs' (EDM, StyleGAN)")


def test_burglar_of_the_tests_above_does_work_where_code_is_run(tmp_path):
    trace = tmp_path / "was here"
    pickle.loads(pickle.dumps(Burglar(trace))).close()
    assert trace.exists()


def test_training_options_saved_as_an_object_are_told(tmp_path):
    path = saved(tmp_path, {"model": weights(), "args": argparse.Namespace(lr=1e-4)})
    message = refusal(path)
    assert "holds Python objects besides tensors" in message
    assert "torch.save(model.state_dict(), ...)" in message


@pytest.mark.parametrize("name", ["shadow", "shadow_params"])
def test_averaged_weights_without_names_are_told(tmp_path, name):
    path = saved(tmp_path, {"ema": {name: list(weights().values()), "decay": 0.9999}})
    message = refusal(path)
    assert "without names" in message
    assert "ema_model.pt" in message


def test_plain_weights_are_taken_where_the_averaged_ones_have_no_names(tmp_path):
    path = saved(tmp_path, {"ema": {"shadow_params": list(weights().values())}, "model": weights()})
    assert read_checkpoint(path, "ema").origin == "model"


@pytest.mark.parametrize("content", [{}, [], {"epoch": 3}, {"optimizer": {"lr": 0.1}}, [1, 2], 5, torch.zeros(3)])
def test_file_without_weights_is_told(tmp_path, content):
    assert "holds no weights of a network" in refusal(saved(tmp_path, content))


def assert_refused(tensors: dict):
    with pytest.raises(CheckpointError):
        check_keys(tensors, detect(tensors))


def test_no_tensor_can_be_missing():
    shapes = shapes_of(SMALL)
    for missing in shapes:
        assert_refused({key: value for key, value in shapes.items() if key != missing})


def test_no_tensor_can_have_another_shape():
    shapes = shapes_of(SMALL)
    for key, value in shapes.items():
        assert_refused({**shapes, key: torch.cat([value, value[:1]])})  # one row more


def test_missing_tensor_is_named(tmp_path):
    tensors = {k: v for k, v in weights().items() if k != "middle_block.1.proj_out.bias"}
    message = refusal(saved(tmp_path, tensors), recognise)
    assert "lacks 1 of a guided-diffusion network's tensors, e.g. middle_block.1.proj_out.bias" in message


def test_unknown_tensor_is_named(tmp_path):
    message = refusal(saved(tmp_path, {**weights(), "betas": torch.zeros(5)}), recognise)
    assert "has the unknown 1 of a guided-diffusion network's tensors, e.g. betas" in message


def test_tensor_of_the_wrong_shape_is_named(tmp_path):
    tensors = {**weights(), "out.0.bias": torch.zeros(31)}
    message = refusal(saved(tmp_path, tensors), recognise)
    assert message == "Tensor out.0.bias has shape (31,), expected (32,); the checkpoint is damaged."
