"""Recognising the network from keys and shapes alone."""

import itertools
import random
from dataclasses import replace

import pytest
import torch
from golden_cases import CLASSIFIER, flag_combinations
from mask_guidance.sampler.adm import UNetConfig
from mask_guidance.sampler.adm.architecture import read_architecture
from mask_guidance.sampler.adm.encoder import EncoderUNet
from mask_guidance.sampler.adm.signatures import SIGNATURES
from mask_guidance.sampler.checkpoint import CheckpointError, DiffusionConfig
from mask_guidance.sampler.checkpoint.imagenet import imagenet_names, names_of
from mask_guidance.sampler.recognition import detect
from small_nets import BARE, SMALL, shapes_of

M64, M128, M256, M512 = (1, 2, 3, 4), (1, 1, 2, 3, 4), (1, 1, 2, 2, 4, 4), (0.5, 1, 1, 2, 2, 4, 4)
HC64 = {"num_head_channels": 64}
HEADS4 = {"num_heads": 4, "num_head_channels": -1}
NEW = {"use_new_attention_order": True}
LINEAR = DiffusionConfig("linear", 1000, False, "eps", "learned_range")
COSINE = replace(LINEAR, noise_schedule="cosine")
IMPROVED = DiffusionConfig("cosine", 4000, True, "eps", "learned_range")


def adm(channels, blocks, mult, ds, updown=True, ssn=True, outputs=6, classes=None, **heads) -> UNetConfig:
    return UNetConfig(
        out_channels=outputs,
        model_channels=channels,
        channel_mult=mult,
        num_res_blocks=blocks,
        attention_ds=ds,
        num_classes=classes,
        use_scale_shift_norm=ssn,
        resblock_updown=updown,
        **heads,
    )


# What is published: network, training, side in pixels. From the model cards, READMEs and configuration files of each.
PUBLISHED = {
    "guided-diffusion 64x64_diffusion": (adm(192, 3, M64, (2, 4, 8), classes=1000, **HC64, **NEW), COSINE, 64),
    "guided-diffusion 128x128_diffusion": (adm(256, 2, M128, (4, 8, 16), classes=1000, **HEADS4), LINEAR, 128),
    "guided-diffusion 256x256_diffusion": (adm(256, 2, M256, (8, 16, 32), classes=1000, **HC64), LINEAR, 256),
    "256x256_diffusion_uncond, LSUN, RePaint": (adm(256, 2, M256, (8, 16, 32), **HC64), LINEAR, 256),
    "guided-diffusion 512x512_diffusion": (adm(256, 2, M512, (16, 32, 64), classes=1000, **HC64), LINEAR, 512),
    "512x512 uncond finetunes (Disco, FeiArt)": (adm(256, 2, M512, (16, 32, 64), **HC64), LINEAR, 512),
    "portrait generator": (adm(128, 2, M512, (16, 32, 64), **HEADS4), LINEAR, 512),
    "Ukiyo-e, deepspace 256": (adm(128, 2, M256, (8, 16, 32), **HEADS4), LINEAR, 256),
    "P2, ILVR, DPS ffhq_10m": (adm(128, 1, M256, (16,), **HC64), LINEAR, 256),
    "KaliYuga and improved-diffusion LSUN": (
        adm(128, 2, M256, (16,), False, False, num_heads=1, num_head_channels=-1),
        LINEAR,
        256,
    ),
    "improved-diffusion imagenet64_uncond": (adm(128, 3, M64, (4, 8), False, **HEADS4), IMPROVED, 64),
    "improved-diffusion imagenet64_cond_270M": (
        adm(192, 3, M64, (4, 8), False, classes=1000, **HEADS4),
        replace(IMPROVED, rescale_timesteps=False),
        64,
    ),
    "improved-diffusion cifar10_uncond": (adm(128, 3, (1, 2, 2, 2), (2, 4), False, **HEADS4), IMPROVED, 32),
    "improved-diffusion README template": (
        adm(128, 3, M64, (4, 8), False, outputs=3, **HEADS4),
        DiffusionConfig("linear", 4000, True, "eps", "fixed_large"),
        64,
    ),
}
HEAD_FLAGS = ("num_heads", "num_head_channels", "use_new_attention_order")


def structure(config: UNetConfig) -> UNetConfig:
    """The config with the flags that no shape tells set to the defaults."""
    return replace(config, **{flag: getattr(UNetConfig(), flag) for flag in (*HEAD_FLAGS, "num_heads_upsample")})


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_network_is_recognised_exactly(name):
    config, diffusion, image_size = PUBLISHED[name]
    found = detect(shapes_of(config))
    if config.num_head_channels != -1:  # num_heads is not used then
        found = replace(found, config=replace(found.config, num_heads=config.num_heads))
    assert found.config == config
    assert found.diffusion == diffusion
    assert found.image_size == image_size


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_network_is_not_left_to_guessing(name):
    found = detect(shapes_of(PUBLISHED[name][0]))
    assert not found.guessed((*HEAD_FLAGS[1:], "noise_schedule", "diffusion_steps", "rescale_timesteps"))


@pytest.mark.parametrize("row", SIGNATURES, ids=lambda row: row.name)
def test_row_of_the_table_recognises_its_own_network(row):
    shape = {key: value for key, value in row.shape.items() if key != "learn_sigma"}
    config = UNetConfig(out_channels=6 if row.shape.get("learn_sigma", True) else 3, **shape)
    found = detect(shapes_of(config))
    assert found.sources["noise_schedule"] == f"signature ({row.name})"
    known = {**vars(found.config), **vars(found.diffusion), "image_size": found.image_size}
    assert {flag: known[flag] for flag in row.hidden} == row.hidden


@pytest.mark.parametrize("classes", [2, 37])
def test_class_conditional_fine_tune_keeps_its_signature(classes):
    config = replace(PUBLISHED["256x256_diffusion_uncond, LSUN, RePaint"][0], num_classes=classes)
    found = detect(shapes_of(config))
    assert found.config.num_classes == classes
    assert found.sources["num_head_channels"] == "signature (OpenAI 256 / LSUN / RePaint)"


@pytest.mark.parametrize("name", flag_combinations())
def test_structure_of_every_flag_combination_is_read_back(name):
    config = flag_combinations()[name]
    assert read_architecture(shapes_of(config)) == structure(config)


def test_structure_of_random_networks_is_read_back():
    draw = random.Random(0)
    for _ in range(1000):
        in_channels = draw.choice((1, 2, 3, 4))
        levels = draw.choice((2, 2, 2, 3, 4))
        updown = draw.random() < 0.5
        config = UNetConfig(
            in_channels=in_channels,
            out_channels=in_channels * draw.choice((1, 2)),
            model_channels=draw.choice((32, 64, 96)),
            channel_mult=tuple(draw.choice((1, 2, 3, 4)) for _ in range(levels)),
            num_res_blocks=draw.choice((1, 1, 1, 2, 3)),
            attention_ds=tuple(2**level for level in range(levels) if draw.random() < 0.4),
            num_classes=draw.choice((None, 8, 1000)),
            use_scale_shift_norm=draw.random() < 0.5,
            resblock_updown=updown,
            conv_resample=True,
        )
        assert read_architecture(shapes_of(config)) == config


@pytest.mark.parametrize("mult", [(0.5, 1), (0.5, 1, 1.5), (1.5, 2)])
def test_fractional_multiples_of_the_width_are_read_back(mult):
    config = UNetConfig(model_channels=64, channel_mult=mult, num_res_blocks=1, attention_ds=(2,), resblock_updown=True)
    assert read_architecture(shapes_of(config)).channel_mult == mult


@pytest.mark.parametrize(
    ("channels", "ssn", "updown", "levels", "by_channels"),
    [(64, True, True, 2, True), (96, True, True, 2, False), (64, True, False, 2, False)],
)
def test_heads_of_an_unknown_network_are_guessed_by_the_defaults_of_guided_diffusion(
    channels, ssn, updown, levels, by_channels
):
    # 64 channels a head where the widths allow it in a network of the later kind (with resblock_updown), else 4 heads
    config = adm(channels, 1, (1,) * levels, (2,), updown, ssn)
    found = detect(shapes_of(config))
    assert found.config.num_head_channels == (64 if by_channels else -1)
    assert found.guessed(("num_head_channels",))
    if not by_channels:
        assert found.config.num_heads == 4


def test_unknown_network_is_guessed_to_be_of_guided_diffusions_default_training():
    found = detect(shapes_of(SMALL))
    assert found.diffusion == LINEAR
    assert set(found.sources.values()) == {"guess"}


def test_network_without_variance_channels_is_guessed_to_have_the_large_one():
    # guided-diffusion's default for learn_sigma False
    assert detect(shapes_of(replace(SMALL, out_channels=3))).diffusion.var_type == "fixed_large"


# --- what is refused


def refusal(tensors) -> str:
    with pytest.raises(CheckpointError) as caught:
        detect(tensors)
    return str(caught.value)


def keys(*names: str) -> dict[str, torch.Tensor]:
    return {name: torch.empty(4, 4, device="meta") for name in names}


@pytest.mark.parametrize(
    "config",
    [
        # OpenAI's consistency_models: edm_imagenet64 and cd_imagenet64; the LSUN-256 ones, without scale-shift norm
        adm(192, 3, M64, (2, 4, 8), outputs=3, classes=1000),
        adm(256, 2, M256, (8, 16, 32), ssn=False, outputs=3),
    ],
    ids=["imagenet64", "lsun256"],
)
def test_look_alikes_that_do_not_predict_noise_are_refused(config):
    assert "consistency or EDM models" in refusal(shapes_of(config))


def test_look_alike_is_accepted_when_its_prediction_is_chosen():
    config = adm(192, 3, M64, (2, 4, 8), outputs=3)
    found = detect(shapes_of(config), [("you", {"prediction": "eps"})])
    assert found.diffusion.prediction == "eps"


@pytest.mark.parametrize(
    "config",
    [
        replace(adm(192, 2, M256, (8, 16, 32), classes=1000), in_channels=6),
        replace(SMALL, in_channels=5),
    ],
    ids=["64_256_upsampler", "concatenated condition"],
)
def test_networks_that_take_more_than_a_picture_are_refused(config):
    assert f"takes {config.in_channels} channels: it is an upsampler" in refusal(shapes_of(config))


def test_classifier_is_refused():
    message = refusal(EncoderUNet(CLASSIFIER, 16, BARE, device="meta").state_dict())
    assert message == (
        "This checkpoint is a guided-diffusion classifier, not a diffusion model; choose the diffusion file, and load this one "
        "with Load Classifier."
    )


def test_classifier_with_another_pooling_is_refused():
    tensors = EncoderUNet(CLASSIFIER, 16, BARE, device="meta").state_dict()
    tensors = {key: value for key, value in tensors.items() if not key.startswith("out.2")}
    tensors |= keys("out.3.weight", "out.3.bias")  # pool="adaptive"
    assert "guided-diffusion classifier" in refusal(tensors)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            [
                "input_blocks.0.0.weight",
                "time_embed.0.weight",
                "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
            ],
            "Load Checkpoint",
        ),
        (["first_stage_model.encoder.conv_in.weight", "cond_stage_model.x"], "Load Checkpoint"),
        (["conditioner.embedders.0.transformer.text_model.x"], "Load Checkpoint"),
        (["encoder.mid.block_1.norm1.weight", "decoder.up.0.block.0.norm1.weight"], "Load VAE"),
        (["encoder.mid_block.resnets.0.norm1.weight", "decoder.up_blocks.0.resnets.0.norm1.weight"], "Load VAE"),
        (["x_embedder.proj.weight", "final_layer.linear.weight"], "Load Diffusion Model"),
        (["double_blocks.0.img_attn.qkv.weight"], "Load Diffusion Model"),
        (["joint_blocks.0.x_block.attn.qkv.weight"], "Load Diffusion Model"),
        (["all_modules.0.weight", "sigmas"], "score_sde"),
        (["timestep_embed.weight", "net.0.weight"], "v-diffusion"),
        (["mapping_timestep_embed.weight", "net.0.weight"], "v-diffusion"),
        (["denoise_fn.input_blocks.0.0.weight"], "Palette"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_other_families_are_named(names, told):
    message = refusal(keys(*names))
    assert message.startswith("This checkpoint is ")
    assert told in message
    assert message.count(".") == 1  # one sentence


def test_unknown_family_is_told_with_keys_expected_and_found():
    message = refusal(keys("layers.1.weight", "layers.0.weight", "layers.0.bias", "zeta"))
    assert "unknown family" in message
    assert "input_blocks.0.0.weight" in message
    assert message.endswith("found layers.0.bias, layers.0.weight, layers.1.weight ...")


def test_network_that_never_doubles_its_resolution_is_refused():
    config = replace(SMALL, channel_mult=(1,), attention_ds=())
    assert "never doubles its resolution" in refusal(shapes_of(config))


@pytest.mark.parametrize("channels", [16, 48])
def test_widths_that_the_norms_cannot_divide_are_refused(channels):
    tensors = dict(shapes_of(SMALL))
    tensors["time_embed.0.weight"] = torch.empty(4 * channels, channels, device="meta")
    assert f"layers of {channels} channels" in refusal(tensors)


def test_every_refusal_is_a_checkpoint_error_whatever_tensor_is_missing():
    """Whatever `detect` makes of a network with a hole, nothing but a CheckpointError may come out of it."""
    whole = shapes_of(SMALL)
    refused = 0
    for key in whole:
        try:
            detect({k: v for k, v in whole.items() if k != key})
        except CheckpointError:
            refused += 1
    assert refused > 0


def test_wrong_null_class_is_refused():
    tensors = shapes_of(replace(SMALL, num_classes=8))
    assert detect(tensors, [("you", {"null_class": 7})]).null_class == 7
    for wrong in (8, -1):
        with pytest.raises(CheckpointError, match=f"null_class is {wrong}, but the network has 8 classes"):
            detect(tensors, [("you", {"null_class": wrong})])


def with_any_class(classes: int, **told):
    return detect(shapes_of(replace(SMALL, num_classes=classes)), [("you", {"null_class": classes - 1, **told})])


def test_the_label_of_any_class_needs_no_name_where_it_is_the_last():
    found = with_any_class(3, class_names=["cat", "dog"])
    assert found.class_names == names_of(found) == ("cat", "dog", "any class")
    assert with_any_class(3, class_names=["cat", "dog", "all"]).class_names == ("cat", "dog", "all")
    for told in ({"class_names": ["cat"]}, {"class_names": ["cat", "dog"], "null_class": 0}):
        with pytest.raises(CheckpointError, match="but the network has 3 classes"):
            with_any_class(3, **told)


def test_imagenets_names_are_those_of_a_network_with_any_class_besides():
    assert names_of(with_any_class(1001)) == (*imagenet_names(), "any class")
    assert names_of(with_any_class(1001, null_class=0)) == names_of(with_any_class(1000 + 2)) == ()
    assert names_of(with_any_class(1000)) == imagenet_names()


def test_null_class_of_a_network_without_classes_is_refused():
    with pytest.raises(CheckpointError, match="null_class is 0, but the network has None classes"):
        detect(shapes_of(SMALL), [("you", {"null_class": 0})])


@pytest.mark.parametrize(
    "flags", [{"num_heads": 3}, {"num_heads": 0}, {"num_head_channels": 48}, {"num_head_channels": 128}]
)
def test_heads_that_cannot_share_the_channels_are_refused(flags):
    flag, value = next(iter(flags.items()))
    with pytest.raises(CheckpointError, match=f"{flag} is {value}, but an attention of this network has 64 channels"):
        detect(shapes_of(SMALL), [("you", flags)])


# --- who is believed

AUTHORITIES = ("metadata", "sidecar x.yaml", "you")


@pytest.mark.parametrize(("lesser", "greater"), list(itertools.combinations(range(3), 2)))
def test_later_authority_is_believed(lesser, greater):
    layers = [(AUTHORITIES[lesser], {"diffusion_steps": 100}), (AUTHORITIES[greater], {"diffusion_steps": 200})]
    found = detect(shapes_of(SMALL), layers)
    assert (found.diffusion.diffusion_steps, found.sources["diffusion_steps"]) == (200, AUTHORITIES[greater])


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_every_authority_is_believed_over_the_table_of_published_networks(authority):
    config = PUBLISHED["guided-diffusion 64x64_diffusion"][0]
    found = detect(shapes_of(config), [(authority, {"use_new_attention_order": False})])
    assert found.config.use_new_attention_order is False
    assert found.sources["use_new_attention_order"] == authority
    assert found.sources["noise_schedule"] == "signature (OpenAI ImageNet 64)"


def test_table_of_published_networks_is_believed_over_the_guess():
    # Guess: 64 channels a head, as the widths allow it. Published: 4 heads.
    found = detect(shapes_of(PUBLISHED["guided-diffusion 128x128_diffusion"][0]))
    assert (found.config.num_heads, found.config.num_head_channels) == (4, -1)


def test_number_of_heads_replaces_a_guessed_number_of_channels_a_head():
    """num_head_channels, where set, wins over num_heads; one that was only guessed must not win over what is told."""
    config = adm(64, 1, (1, 2), (2,))
    assert detect(shapes_of(config)).config.num_head_channels == 64
    found = detect(shapes_of(config), [("sidecar x.json", {"num_heads": 2})])
    assert (found.config.num_heads, found.config.num_head_channels) == (2, -1)


def test_number_of_channels_a_head_wins_where_one_authority_tells_both():
    # RePaint's files: num_heads: 4, num_head_channels: 64
    found = detect(shapes_of(SMALL), [("sidecar x.yml", {"num_heads": 4, "num_head_channels": 32})])
    assert found.config.heads(64) == 2


def test_shape_is_not_taken_from_any_authority():
    found = detect(shapes_of(SMALL), [("you", {"model_channels": 999, "num_classes": 5})])
    assert found.config.model_channels == 32
    assert found.config.num_classes is None
