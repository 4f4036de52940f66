"""What the file of a classifier tells, and what is refused."""

import json
from dataclasses import replace

import pytest
import torch
from mask_guidance.sampler.adm import UNetConfig
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.checkpoint import CheckpointError, DiffusionConfig
from mask_guidance.sampler.checkpoint.imagenet import imagenet_names
from mask_guidance.sampler.class_guidance import class_gradient
from mask_guidance.sampler.classifiers import (
    build_classifier,
    describe_classifier,
    detect_classifier,
    recognise_classifier,
)
from mask_guidance.sampler.recognition import detect
from safetensors.torch import save_file
from small_nets import SHARED, SMALL, fill_randomly, shapes_of

TINY = UNetConfig(
    out_channels=4,
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_ds=(2,),
    num_head_channels=64,
    resblock_updown=True,
)


def published(size: int, mult: tuple[float, ...], depth: int) -> UNetConfig:
    attention = tuple(size // side for side in (32, 16, 8))
    return UNetConfig(
        out_channels=1000, model_channels=128, channel_mult=mult, num_res_blocks=depth, attention_ds=attention,
        num_head_channels=64, resblock_updown=True,
    )  # fmt: skip


# Parameters in millions, as counted in the published files.
PUBLISHED = {
    64: (published(64, (1, 2, 3, 4), 4), 65.4),
    128: (published(128, (1, 1, 2, 3, 4), 2), 42.6),
    256: (published(256, (1, 1, 2, 2, 4, 4), 2), 54.1),
    512: (published(512, (0.5, 1, 1, 2, 2, 4, 4), 2), 54.4),
}


def shapes(config: UNetConfig, size: int = 16) -> dict[str, torch.Tensor]:
    return EncoderUNet(config, size, SHARED, device="meta").state_dict()


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_published_classifiers_are_read_from_names_and_shapes(size):
    config, millions = PUBLISHED[size]
    tensors = shapes(config, size)
    assert round(sum(value.numel() for value in tensors.values()) / 1e6, 1) == millions
    found = detect_classifier(tensors)
    assert (found.config, found.image_size, found.num_classes) == (config, size, 1000)


@pytest.mark.parametrize("size", PUBLISHED)
def test_so_are_those_of_other_flags(size):
    config = replace(
        PUBLISHED[size][0], resblock_updown=False, use_scale_shift_norm=False, out_channels=7, in_channels=1
    )
    found = detect_classifier(shapes(config, size))
    assert (found.config, found.image_size) == (config, size)


@pytest.mark.parametrize("name", ["num_res_blocks", "classifier_depth"])
def test_a_classifier_that_several_depths_fit_is_refused_until_one_is_told(tmp_path, name):
    config = replace(TINY, model_channels=64, channel_mult=(1, 1, 1, 1), num_res_blocks=2, attention_ds=())
    path = saved(tmp_path / "net.safetensors", config)
    with pytest.raises(CheckpointError, match="blocks fit 1, 2, 3, 5 or 11 a level; write the right number as num_res"):
        recognise_classifier(path)
    path.with_suffix(".json").write_text(json.dumps({name: 2}))
    found = recognise_classifier(path).classifier
    assert (found.config, found.image_size) == (config, 16)
    path.with_suffix(".json").write_text(json.dumps({name: 4}))
    with pytest.raises(CheckpointError, match="num_res_blocks is 4, but this classifier's blocks fit 1, 2,"):
        recognise_classifier(path)


def saved(path, config: UNetConfig = TINY, **told):
    tensors = fill_randomly(EncoderUNet(config, 16)).state_dict()
    save_file(tensors, path, metadata={"guided_diffusion_config": json.dumps(told)} if told else None)
    return path


def test_a_file_becomes_a_network_that_has_its_numbers(tmp_path):
    found = recognise_classifier(saved(tmp_path / "net.safetensors"))
    x, t = torch.zeros(1, 3, 16, 16), torch.tensor([5])
    expected = fill_randomly(EncoderUNet(TINY, 16))(x, t)
    assert torch.equal(build_classifier(found)(x, t), expected)
    half = build_classifier(found, torch.bfloat16)
    torch.testing.assert_close(half(x.bfloat16(), t), expected, rtol=0.1, atol=0.1)
    assert class_gradient(half, x, t, torch.tensor([0])).dtype == torch.float32


def test_what_is_written_in_the_file_is_believed(tmp_path):
    told = {"class_names": ["cat", "dog", "owl", "eel"], "noise_schedule": "cosine", "diffusion_steps": 4000}
    found = recognise_classifier(saved(tmp_path / "net.safetensors", **told))
    assert found.classifier.class_names == ("cat", "dog", "owl", "eel")
    assert found.classifier.diffusion == DiffusionConfig("cosine", 4000)
    assert "cosine, 4000 steps" in describe_classifier(found)
    assert "classes: 4 (cat, dog, owl, eel)" in describe_classifier(found)


def test_a_classifier_of_imagenets_size_has_its_names(tmp_path):
    assert len(set(imagenet_names())) == 1000
    found = recognise_classifier(saved(tmp_path / "net.safetensors", replace(TINY, out_channels=1000)))
    assert "classes: 1000 (tench, goldfish, great white shark" in describe_classifier(found)
    assert imagenet_names().index("golden retriever") == 207


def refusal(tensors: dict[str, torch.Tensor], **told: object) -> str:
    with pytest.raises(CheckpointError) as caught:
        detect_classifier(tensors, [("you", told)])
    return str(caught.value)


def test_a_diffusion_model_is_refused_and_told_where_it_belongs():
    assert refusal(shapes_of(SMALL)) == (
        "This checkpoint is a diffusion model of the guided-diffusion family, not a classifier; load it with Load "
        "Guided-Diffusion Model, and choose a file such as 256x256_classifier.pt here."
    )


def without(*keys: str) -> dict[str, torch.Tensor]:
    return {key: value for key, value in shapes(TINY).items() if not key.startswith(keys)}


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (without("out.2."), "has no attention pool"),
        (without("input_blocks.2."), "has a hole: input_blocks.2"),
        (without("input_blocks.1.0.emb"), "has a hole: input_blocks.1.0.emb_layers.1.weight"),
        ({**shapes(TINY), "out.2.positional_embedding": torch.zeros(64, 8)}, "pools 7 places"),
        ({**shapes(TINY), "out.2.positional_embedding": torch.zeros(64, 1)}, "pools 0 places"),
        ({**shapes(TINY), "input_blocks.1.0.skip_connection.weight": torch.zeros(1)}, "", ),
        ({**shapes(TINY), "input_blocks.3.0.out_layers.3.weight": torch.zeros(48, 1)}, "layers of 48 channels"),
        ({**shapes(TINY), **{f"input_blocks.{i}.x": torch.zeros(1) for i in range(300)}}, "has 300 encoder blocks"),
        (shapes(replace(TINY, in_channels=6)), "takes 6 channels"),
        ({"a": torch.zeros(1)}, "unknown family"),
    ],
    ids=["other pool", "hole", "no embedding", "no square", "no places", "widened", "odd", "long", "six", "stranger"],
)  # fmt: skip
def test_what_is_no_such_classifier_is_refused_in_a_sentence(tensors, words):
    if not words:  # a tensor too many is found when the whole is compared
        assert detect_classifier(tensors).config == TINY
        return
    message = refusal(tensors)
    assert words in message and message.endswith((".", "..."))


def pair(classifier: dict[str, object], model: dict[str, object]):
    """A classifier and a diffusion model of whom this is told."""
    judge = detect_classifier(shapes(TINY), [("metadata", classifier)])
    return judge, detect(shapes_of(SMALL), [("metadata", model)])


COSINE = {"noise_schedule": "cosine", "diffusion_steps": 4000}


@pytest.mark.parametrize(
    ("classifier", "model", "scales"),
    [
        ({}, COSINE, (1.0, 1.0)),
        ({}, {**COSINE, "rescale_timesteps": True}, (0.25, 0.25)),
        (COSINE, {**COSINE, "rescale_timesteps": True}, (0.25, 0.25)),
        ({**COSINE, "rescale_timesteps": True}, COSINE, (0.25, 1.0)),
        ({**COSINE, "rescale_timesteps": False}, {**COSINE, "rescale_timesteps": True}, (1.0, 0.25)),
        ({"noise_schedule": "linear", "beta_start": 1e-4}, {"noise_schedule": "linear"}, (1.0, 1.0)),
    ],
)
def test_a_classifier_of_the_same_noise_is_given_the_timesteps_in_its_own_scale(classifier, model, scales):
    judge, found = pair(classifier, model)
    judge.check_pair(found)
    assert (judge.timestep_scale(found), found.diffusion.timestep_scale) == scales


@pytest.mark.parametrize(
    ("classifier", "words"),
    [
        (
            {"noise_schedule": "linear", "diffusion_steps": 4000},
            "linear, 4000 steps, and the model on that of cosine, 4000",
        ),
        (
            {**COSINE, "diffusion_steps": 1000},
            "cosine, 1000 steps, and the model on that of cosine, 4000 steps; choose",
        ),
    ],
)
def test_a_classifier_of_another_noise_is_refused_with_what_differs(classifier, words):
    judge, found = pair(classifier, COSINE)
    with pytest.raises(ValueError, match=words):
        judge.check_pair(found)


def test_so_is_one_of_other_betas():
    judge, found = pair({"noise_schedule": "linear", "beta_end": 0.03}, {"noise_schedule": "linear"})
    words = (
        "linear, 1000 steps, betas 0.0001 to 0.03, and the model on that of linear, 1000 steps, betas 0.0001 to 0.02;"
    )
    with pytest.raises(ValueError, match=words):
        judge.check_pair(found)


def test_heads_that_do_not_fit_are_refused():
    assert refusal(shapes(TINY), num_head_channels=48) == (
        "num_head_channels is 48, but an attention of this network has 64 channels to share."
    )


def test_a_tensor_that_is_missing_or_not_finite_is_refused(tmp_path):
    tensors = fill_randomly(EncoderUNet(TINY, 16)).state_dict()
    save_file({k: v for k, v in tensors.items() if k != "out.2.qkv_proj.bias"}, tmp_path / "short.safetensors")
    with pytest.raises(
        CheckpointError, match=r"lacks 1 of a guided-diffusion classifier's tensors, e.g. out.2.qkv_proj"
    ):
        recognise_classifier(tmp_path / "short.safetensors")
    save_file({**tensors, "out.0.bias": torch.full((64,), torch.nan)}, tmp_path / "nan.safetensors")
    with pytest.raises(CheckpointError, match="infinite or not numbers"):
        recognise_classifier(tmp_path / "nan.safetensors")


@pytest.mark.parametrize("size", [4, 2])
def test_room_for_the_gradient_is_about_what_it_takes(size):
    config = replace(TINY, channel_mult=(1, 2, 2), attention_ds=(2, 4), num_res_blocks=2)
    net = fill_randomly(EncoderUNet(config, 32, dtype={4: torch.float32, 2: torch.bfloat16}[size]))
    weights, kept = {p.data_ptr() for p in net.parameters()}, {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        class_gradient(net, torch.zeros(2, 3, 32, 32), torch.tensor([5, 5]), torch.tensor([3, 1]))
    measured = sum(count for count, _ in kept.values()) / (2 * 32 * 32)
    assert 0.6 < config.gradient(size) / measured < 1.6
