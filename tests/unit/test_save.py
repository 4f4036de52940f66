"""Saved checkpoints: everything is said in the header, so that they load again as what they were, without a guess."""

import json
from dataclasses import replace

import pytest
import torch
from diffusers_files import weights as ddpm_weights
from lucid_weights import lucidrains_weights
from mask_guidance.sampler import families
from mask_guidance.sampler.adm.signatures import SIGNATURES
from mask_guidance.sampler.checkpoint import METADATA_KEY, CheckpointError, read_checkpoint
from mask_guidance.sampler.checkpoint import save_checkpoint as save
from mask_guidance.sampler.ddpm import DDPM_FAMILIES
from mask_guidance.sampler.recognition import detect, recognise
from safetensors import safe_open
from small_nets import SMALL, config_of, shapes_of, state_dict_of

TENSORS = state_dict_of(replace(SMALL, num_classes=3))
# Nothing of it is what the family's code would guess.
UNUSUAL = {
    "num_heads": 8, "num_head_channels": -1, "use_new_attention_order": True, "noise_schedule": "cosine",
    "diffusion_steps": 4000, "rescale_timesteps": True, "prediction": "v", "var_type": "fixed_small", "image_size": 48,
    "class_names": ["cat", "dog", "any"], "null_class": 2,
}  # fmt: skip
FOUND = detect(TENSORS, [("you", UNUSUAL)])


def found_in(tensors, family=None, **flags):
    """A network's own tensors, and what they were found to be; `family` is whose file they came from."""
    found = detect(tensors, [("you", flags)])
    return tensors, found if family is None else replace(found, family=family)


# A network of each family, by its name: tensors under the network's own names, and what it was found to be.
NETWORKS = {
    "guided-diffusion": (TENSORS, FOUND),
    "lucidrains": found_in(lucidrains_weights(), noise_schedule="sigmoid"),
}
NETWORKS |= {
    family.name: found_in(ddpm_weights(), family, flip_sin_to_cos=True, norm_eps=0.01, beta_end=0.03, clip_sample=False)
    for family in DDPM_FAMILIES
}


def no_probe():
    raise AssertionError("a pass through the network")


def told(path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()[METADATA_KEY])


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.name)
def test_a_network_of_each_family_comes_back_bit_for_bit_and_with_all_that_was_known(tmp_path, family):
    tensors, found = NETWORKS[family.name]
    save(tensors, found, tmp_path / "net.safetensors")
    again = recognise(tmp_path / "net.safetensors", between=no_probe)
    assert again.checkpoint.tensors.keys() == tensors.keys()
    assert all(torch.equal(again.checkpoint.tensors[key], value) for key, value in tensors.items())
    assert replace(again.detection, sources={}, family=found.family) == replace(found, sources={})
    assert again.detection.family.network is found.family.network
    assert set(again.detection.sources.values()) == {"metadata"}


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.name)
def test_a_family_has_a_field_for_every_word_that_is_told_of_it(family):
    _, found = NETWORKS[family.name]
    fields = {**vars(found.config), **vars(found.diffusion), **vars(found)}
    assert not family.vocabulary.flags.keys() - fields.keys()


@pytest.mark.parametrize("published", SIGNATURES, ids=lambda row: row.name)
def test_what_is_known_of_published_checkpoints_survives_the_header(published):
    shapes = shapes_of(config_of(published))
    found = detect(shapes)
    again = detect(shapes, [("metadata", json.loads(json.dumps(found.flags)))])
    assert replace(again, sources={}) == replace(found, sources={})
    assert set(again.sources.values()) == {"metadata"}


def test_what_nobody_knows_is_not_told():
    unknown = replace(FOUND, image_size=0, class_names=(), null_class=None)
    assert "image_size" not in unknown.flags
    assert "null_class" not in unknown.flags


def test_the_header_names_the_architecture_and_keeps_what_else_is_given(tmp_path):
    save(TENSORS, FOUND, tmp_path / "net.safetensors", metadata={"prompt": "{}"})
    said = told(tmp_path / "net.safetensors")
    assert said["family"] == "guided-diffusion"
    assert (said["architecture"]["model_channels"], said["architecture"]["channel_mult"]) == (32, [1, 2])
    assert read_checkpoint(tmp_path / "net.safetensors").metadata["prompt"] == "{}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_of_the_torso_alone_and_comes_back_to_single(tmp_path, dtype):
    save(TENSORS, FOUND, tmp_path / "half.safetensors", dtype)
    half = recognise(tmp_path / "half.safetensors").checkpoint.tensors
    torso, norm, last = "input_blocks.1.0.in_layers.2.weight", "input_blocks.1.0.in_layers.0.weight", "out.2.weight"
    assert half[torso].dtype == dtype
    assert torch.equal(half[torso], TENSORS[torso].to(dtype))
    assert half[norm].dtype == half[last].dtype == torch.float32
    assert torch.equal(half[norm], TENSORS[norm])
    save(half, FOUND, tmp_path / "full.safetensors", torch.float32)
    full = recognise(tmp_path / "full.safetensors").checkpoint.tensors
    assert all(value.dtype == torch.float32 for value in full.values())


def test_who_may_read_other_files_may_read_this_one(tmp_path):
    save(TENSORS, FOUND, tmp_path / "net.safetensors")
    (tmp_path / "other").touch()
    assert (tmp_path / "net.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_header_that_could_not_be_read_again_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"The header would hold \d+ kB of text, of which 4096 kB can be read"):
        save(TENSORS, FOUND, tmp_path / "net.safetensors", metadata={"workflow": "x" * 5_000_000})
    for text in ("修" * 1_500_000, '"' * 2_200_000):  # as many bytes as are written, not letters
        with pytest.raises(CheckpointError, match="can be read again"):
            save(TENSORS, FOUND, tmp_path / "net.safetensors", metadata={"workflow": text})
    metadata = {"workflow": '"修"' * 500_000 + "x" * 500_000}
    save(TENSORS, FOUND, tmp_path / "net.safetensors", metadata=metadata)
    assert read_checkpoint(tmp_path / "net.safetensors").metadata["workflow"] == metadata["workflow"]


def test_two_names_of_one_tensor_are_saved_as_two(tmp_path):
    one, other = "input_blocks.1.0.in_layers.0.weight", "input_blocks.1.0.in_layers.0.bias"
    save({**TENSORS, other: TENSORS[one]}, FOUND, tmp_path / "net.safetensors")
    again = recognise(tmp_path / "net.safetensors").checkpoint.tensors
    assert torch.equal(again[one], TENSORS[one])
    assert torch.equal(again[other], TENSORS[one])
    recognise(tmp_path / "net.safetensors")


def test_no_file_is_replaced(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"net\.safetensors is there already; choose another name\."):
        save(TENSORS, FOUND, tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").read_bytes() == b"mine"


def test_numbers_that_half_precision_does_not_have_are_refused_and_nothing_is_left(tmp_path):
    large = {**TENSORS, "input_blocks.0.0.bias": TENSORS["input_blocks.0.0.bias"] + 1e5}
    with pytest.raises(
        CheckpointError, match=r"input_blocks\.0\.0\.bias would hold .* as float16; save it as bf16 or fp32\."
    ):
        save(large, FOUND, tmp_path / "net.safetensors", torch.float16)
    assert not [*tmp_path.iterdir()]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"net\.safetensors cannot be written: .*File too large"):
            save(TENSORS, FOUND, tmp_path / "net.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [*tmp_path.iterdir()]


def test_tensors_of_another_network_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="lacks 1 of a guided-diffusion network's tensors"):
        save({key: value for key, value in TENSORS.items() if key != "out.2.bias"}, FOUND, tmp_path / "net.safetensors")
