"""Files made to harm: whatever they hold, the answer is one sentence, soon."""

import itertools
import json
import random
import time
from dataclasses import replace

import pytest
import torch
from mask_guidance.sampler.batch.conf import read_conf
from mask_guidance.sampler.batch.settings import SettingsError
from mask_guidance.sampler.checkpoint import METADATA_KEY, CheckpointError, read_checkpoint
from mask_guidance.sampler.checkpoint.network import check_keys
from mask_guidance.sampler.recognition import detect, flags_in, recognise
from safetensors.torch import save_file
from small_nets import SMALL, shapes_of, state_dict_of

SOON = 30.0  # seconds; on a busy machine, too. What these tests are for took minutes or for ever


@pytest.fixture(autouse=True)
def soon():
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON


def sentence(call, *arguments, error=CheckpointError, **options) -> str:
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert message.endswith(".")
    return message


# --- the weights' own file


@pytest.mark.parametrize("name", ["model", "ema", "state_dict"])
def test_a_dictionary_that_contains_itself_is_refused(tmp_path, name):
    content = {}
    content[name] = content
    torch.save(content, tmp_path / "file.pt")
    assert "without end" in sentence(read_checkpoint, tmp_path / "file.pt")


def test_two_dictionaries_that_contain_each_other_are_refused(tmp_path):
    one, other = {}, {}
    one["model"], other["ema"] = other, one
    torch.save(one, tmp_path / "file.pt")
    assert "without end" in sentence(read_checkpoint, tmp_path / "file.pt")


def test_a_list_that_contains_itself_is_refused(tmp_path):
    content = []
    content.append(content)
    torch.save({"model": content}, tmp_path / "file.pt")
    assert "holds no weights" in sentence(read_checkpoint, tmp_path / "file.pt")


@pytest.mark.parametrize("number", ["1000000000", "9" * 5000, "-1", "x", "1e9", "256", "٣"])
def test_numbers_in_keys_are_not_trusted(number):
    tensors = {**shapes_of(SMALL), f"output_blocks.{number}.0.in_layers.0.weight": torch.empty(32, device="meta")}
    tensors[f"output_blocks.{number}.1.conv.weight"] = torch.empty(32, 32, 3, 3, device="meta")
    with pytest.raises(CheckpointError):
        check_keys(tensors, detect(tensors))


def test_a_network_with_nothing_but_one_far_decoder_block_is_refused():
    tensors = {key: value for key, value in shapes_of(SMALL).items() if not key.startswith("output_blocks.")}
    tensors["output_blocks.1000000000.1.conv.weight"] = torch.empty(32, 32, 3, 3, device="meta")
    assert "output_blocks.0 is missing" in sentence(detect, tensors)


def test_a_network_of_thousands_of_decoder_blocks_is_refused():
    tensors = dict(shapes_of(SMALL))
    tensors |= {f"output_blocks.{i}.0.in_layers.0.weight": torch.empty(32, device="meta") for i in range(900)}
    assert "900 decoder blocks" in sentence(detect, tensors)


def test_a_network_of_more_levels_than_any_is_refused():
    tensors = dict(shapes_of(SMALL))
    tensors |= {f"output_blocks.{i}.0.in_layers.0.weight": torch.empty(32, device="meta") for i in range(40)}
    assert "levels, more than any" in sentence(detect, tensors)


@pytest.mark.parametrize("shape", [(), (0,), (0, 0), (32,), (32, 0), (7, 7, 7, 7, 7)])
def test_a_tensor_of_any_shape_in_any_place_is_told(shape):
    shapes = shapes_of(SMALL)
    for key in shapes:
        told_or_used(detect, {**shapes, key: torch.empty(shape, device="meta")})


@pytest.mark.parametrize("outputs", [1, 2, 4, 5, 7])
def test_an_odd_number_of_outputs_is_refused(outputs):
    tensors = dict(shapes_of(SMALL))
    tensors["out.2.weight"] = torch.empty(outputs, 32, 3, 3, device="meta")
    assert f"takes 3 channels and gives {outputs}" in sentence(detect, tensors)


# --- what is written beside it


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(state_dict_of(SMALL), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def billions(levels: int = 9, references: int = 9) -> str:
    """Each line stands for nine of the line before."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels + 1):
        inside = ", ".join(f"k{i}: *a{level - 1}" for i in range(references))
        lines.append(f"a{level}: &a{level} {{{inside}}}")
    return "\n".join(lines)


def merged_billions(levels: int = 9, references: int = 9) -> str:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels + 1):
        inside = ", ".join([f"*a{level - 1}"] * references)
        lines.append(f"a{level}: &a{level}\n  <<: [{inside}]\n  y{level}: 1")
    return "\n".join(lines)


YAMLS = {
    "billions": billions(),
    "merged billions": merged_billions(),
    "holds itself": "&a\nx: *a\ny: *a\nz: *a",
    "holds itself in a list": "&a\nx: [*a, *a]\nnum_heads: *a",
    "deep lists": "[" * 5000,
    "deep sections": "{x: " * 5000,
    "deep lines": "\n".join(" " * i + "x:" for i in range(600)),
    "broken number": "x: !!int ''",
    "broken date": "x: 2001-99-99",
    "broken timestamp": "x: !!timestamp 'no'",
    "python object": "x: !!python/object/apply:os.system ['true']",
    "large": "x: " + "y" * 300_000,
}
JSONS = {
    "deep lists": "[" * 100_000,
    "deep sections": '{"x":' * 100_000,
    "nested sections": '{"x":' * 100 + "1" + "}" * 100,
    "number of many digits": '{"num_heads": ' + "9" * 5000 + "}",
    "large": json.dumps({"x": "y" * 300_000}),
    "not a number": '{"num_heads": NaN}',
    "infinite": '{"diffusion_steps": Infinity}',
}


@pytest.mark.parametrize("name", YAMLS)
def test_a_yaml_file_that_harms_is_told_in_a_sentence(checkpoint, name):
    checkpoint.with_suffix(".yaml").write_text(YAMLS[name])
    sentence(recognise, checkpoint, probe=False)


@pytest.mark.parametrize("name", JSONS)
def test_a_json_file_that_harms_is_told_in_a_sentence(checkpoint, name):
    checkpoint.with_suffix(".json").write_text(JSONS[name])
    sentence(recognise, checkpoint, probe=False)


@pytest.mark.parametrize("name", JSONS)
def test_metadata_that_harms_is_told_in_a_sentence(tmp_path, name):
    save_file(state_dict_of(SMALL), tmp_path / "net.safetensors", metadata={METADATA_KEY: JSONS[name]})
    sentence(recognise, tmp_path / "net.safetensors", probe=False)


@pytest.mark.parametrize("name", ["billions", "merged billions", "deep lists", "deep sections", "large"])
def test_a_configuration_of_the_command_line_that_harms_is_told_in_a_sentence(tmp_path, name):
    (tmp_path / "conf.yml").write_text(YAMLS[name])
    sentence(read_conf, tmp_path / "conf.yml", set(), {}, error=SettingsError)


def test_a_few_references_in_a_yaml_file_are_read(checkpoint):
    text = "base: &base {noise_schedule: cosine}\nmodel: {<<: *base, num_heads: &heads 2}\nagain: *heads"
    checkpoint.with_suffix(".yaml").write_text(text)
    found = recognise(checkpoint, probe=False).detection
    assert (found.diffusion.noise_schedule, found.config.num_heads) == ("cosine", 2)


# --- flags of the wrong kind

SMALL_WITH_CLASSES = replace(SMALL, num_classes=3)

WRONG = [
    ({"num_heads": "4"}, "num_heads is '4' (you), but must be a whole number."),
    ({"num_heads": True}, "num_heads is True (you), but must be a whole number."),
    ({"num_heads": 2.5}, "num_heads is 2.5 (you), but must be a whole number."),
    ({"num_head_channels": [32]}, "num_head_channels is [32] (you), but must be a whole number."),
    ({"prediction": "epsilom"}, "prediction is 'epsilom' (you), but must be one of eps, x0, v."),
    ({"prediction": ["eps"]}, "prediction is ['eps'] (you), but must be one of eps, x0, v."),
    (
        {"noise_schedule": "liner"},
        "noise_schedule is 'liner' (you), but must be one of linear, cosine, quad, const, sigmoid.",
    ),
    ({"noise_schedule": 3}, "noise_schedule is 3 (you), but must be one of linear, cosine, quad, const, sigmoid."),
    ({"rescale_timesteps": "no"}, "rescale_timesteps is 'no' (you), but must be true or false."),
    ({"use_new_attention_order": 2}, "use_new_attention_order is 2 (you), but must be true or false."),
    (
        {"var_type": {}},
        "var_type is {} (you), but must be one of auto, fixed_small, fixed_large, learned_range, learned.",
    ),
    ({"diffusion_steps": 10**8}, "diffusion_steps is 100000000 (you), but must be a whole number from 1 to 100000."),
    ({"diffusion_steps": 0}, "diffusion_steps is 0 (you), but must be a whole number from 1 to 100000."),
    ({"diffusion_steps": "1000"}, "diffusion_steps is '1000' (you), but must be a whole number from 1 to 100000."),
    ({"image_size": -64}, "image_size is -64 (you), but must be a whole number from 1 to 65536."),
    ({"class_names": "cat"}, "class_names is 'cat' (you), but must be a list of names."),
    ({"class_names": [1, 2, 3]}, "class_names is [1, 2, 3] (you), but must be a list of names."),
    ({"class_names": ["cat"]}, "class_names has 1 names, but the network has 3 classes."),
    ({"null_class": "2"}, "null_class is '2' (you), but must be a whole number."),
    ({"null_class": 3}, "null_class is 3, but the network has 3 classes."),
    (
        {"num_heads": int("9" * 4000) ** 2},
        "num_heads is a number of thousands of digits (you), but must be a whole number.",
    ),
]


@pytest.mark.parametrize(
    ("flags", "told"), WRONG, ids=lambda value: next(iter(value)) if isinstance(value, dict) else ""
)
def test_a_flag_of_the_wrong_kind_is_told_with_who_said_it(flags, told):
    assert sentence(detect, shapes_of(SMALL_WITH_CLASSES), [("you", flags)]) == told


@pytest.mark.parametrize("name", ["predict_xstart", "sigma_small"])
def test_a_flag_said_in_other_words_is_checked_too(checkpoint, name):
    checkpoint.with_suffix(".json").write_text(json.dumps({name: "False"}))
    assert sentence(recognise, checkpoint) == f"{name} is 'False', but must be true or false."


def test_heads_of_the_upward_half_must_share_the_channels_too():
    """Such a network used to load, and to fail while painting."""
    flags = {"num_heads": 2, "num_heads_upsample": 3}
    told = "num_heads_upsample is 3, but an attention of this network has 64 channels to share."
    assert sentence(detect, shapes_of(SMALL), [("you", flags)]) == told


def test_a_schedule_too_short_for_its_kind_is_told():
    assert "needs more than 10 steps" in sentence(detect, shapes_of(SMALL), [("you", {"diffusion_steps": 10})])


def test_a_wrong_flag_that_a_greater_authority_corrects_does_no_harm():
    found = detect(shapes_of(SMALL), [("sidecar x.json", {"prediction": "epsilom"}), ("you", {"prediction": "v"})])
    assert found.diffusion.prediction == "v"


FLAGS = (
    "num_heads", "num_head_channels", "num_heads_upsample", "use_new_attention_order", "noise_schedule", "diffusion_steps",
    "rescale_timesteps", "prediction", "var_type", "image_size", "class_names", "null_class", "predict_xstart",
    "sigma_small", "model_mean_type", "total_steps", "something else",
)  # fmt: skip
VALUES = (
    None, True, False, 0, 1, 2, 3, -1, 8, 1000, 10**8, 10**400, -(10**400), 0.5, 2.0, 1e308, float("nan"), float("inf"), "",
    "4", "eps", "cosine", "linear", "learned", "\n", "x" * 1000, [], [1], ["cat"], ["cat", "dog", "any"], [None], {}, {"a": 1},
    {"num_heads": 2}, [[]], "None", "true",
)  # fmt: skip


def test_any_value_of_any_flag_is_used_or_told():
    shapes = shapes_of(SMALL_WITH_CLASSES)
    for flag, value in itertools.product(FLAGS, VALUES):
        told_or_used(lambda content: detect(shapes, [("sidecar x.json", flags_in(content))]), {flag: value})


def test_random_configurations_are_used_or_told():
    shapes, draw = shapes_of(SMALL_WITH_CLASSES), random.Random(0)
    for _ in range(1000):
        content = {draw.choice(FLAGS): draw.choice(VALUES) for _ in range(draw.randint(1, 6))}
        told_or_used(lambda content: detect(shapes, [("sidecar x.yaml", flags_in(content))]), content)


def told_or_used(call, argument):
    """Either is right, and nothing else is."""
    try:
        found = call(argument)
    except CheckpointError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 500
    else:
        assert 1 <= len(found.diffusion.betas()) <= 100_000
