"""What nodes tell the page: which sentence belongs to which facts, and that it arrives."""

import json

import pytest
import torch
from mask_guidance.sampler import PRESETS, Settings
from nodes_by_hand import paint


@pytest.fixture
def said(host):
    """The keys of what is said of facts, and the sentences."""
    from mask_guidance.nodes.messages import Facts, messages

    def ask(**facts) -> dict[str, str]:
        return {each.key: each.text for each in messages(Facts(**facts))}

    return ask


def test_of_what_is_not_known_nothing_is_said(said):
    assert said() == {}


@pytest.mark.parametrize(
    ("share", "keys"), [(0.0, ["empty"]), (0.01, []), (0.8, []), (0.81, ["nearly_all"]), (1.0, ["nearly_all"])]
)
def test_an_empty_mask_and_one_that_covers_nearly_all_are_named(said, share, keys):
    assert [*said(share=share)] == keys


def test_the_share_is_in_the_sentence(said):
    assert said(share=0.934)["nearly_all"].startswith("93 % of the picture is masked")


@pytest.mark.parametrize(
    ("size", "side", "keys"),
    [
        ((512, 512), 64, ["too_large"]),
        ((768, 768), 512, []),
        ((512, 512), 512, []),
        ((1024, 512), 512, []),
        ((512, 512), 1024, ["too_small"]),
        ((768, 1024), 1024, []),
        ((512, 512), None, []),
        (None, 64, []),
    ],
)
def test_a_picture_that_the_model_does_not_paint_well_is_named(said, size, side, keys):
    assert [*said(size=size, side=side)] == keys


def test_the_size_sentence_says_how_much_longer_and_what_to_do(said):
    sentence = said(size=(512, 256), side=64)["too_large"]
    assert "512x256" in sentence and "64x64" in sentence and "32 times as long" in sentence
    assert "Crop for Inpainting with width and height 64" in sentence


@pytest.mark.parametrize(
    ("settings", "steps", "keys"),
    [
        (Settings(method="repaint", resample_j=10, resample_r=4), 8, ["no_jump"]),
        (Settings(method="repaint", resample_j=10, resample_r=4), 10, ["no_jump"]),
        (Settings(method="repaint", resample_j=10, resample_r=4), 11, []),
        (Settings(method="repaint", resample_j=10, resample_r=1), 8, []),
        (Settings(method="repaint", resample_j=10, resample_r=1, jumps_every=2), 8, ["no_jump"]),
        (Settings(method="repaint", resample_j=10, resample=False, jumps_every=2), 8, []),
        (Settings(method="feedback", resample_j=10), 8, []),
        (PRESETS["paper"], 250, []),
    ],
    ids=str,
)
def test_jumps_longer_than_the_run_are_named(said, settings, steps, keys):
    assert [*said(settings=settings, steps=steps)] == keys


@pytest.mark.parametrize(
    ("cfg", "by_text", "negative", "keys"),
    [
        (7.0, True, False, ["no_negative"]),
        (7.0, True, True, []),
        (1.0, True, False, []),
        (7.0, False, False, []),
        (7.0, None, False, []),
    ],
)
def test_a_missing_negative_is_named_for_text_models(said, cfg, by_text, negative, keys):
    assert [*said(cfg=cfg, by_text=by_text, positive=True, negative=negative)] == keys


def test_a_missing_text_is_named(said):
    assert [*said(cfg=1.0, by_text=True, positive=False, negative=False)] == ["no_positive"]


def test_the_calls_that_were_made_are_told(said):
    assert said(calls=0, seconds=0.0)["made"] == "The last run made 0 model calls in 0 s."
    assert said(calls=2410, seconds=61.26)["made"] == "The last run made 2,410 model calls in 61.3 s."


def test_every_check_can_apply(said, host):
    from mask_guidance.nodes.messages import CHECKS

    found = {
        **said(share=0.0),
        **said(share=0.9, size=(512, 512), side=64, calls=1, seconds=1.0),
        **said(size=(64, 64), side=512, settings=Settings(method="repaint"), steps=2),
        **said(cfg=3.0, by_text=True, positive=False, negative=False),
        **said(times_usual=5.0, black=0.5),
    }
    assert found.keys() == {check.key for check in CHECKS}


@pytest.fixture
def told(host, monkeypatch):
    """The keys of what nodes tell the page."""
    from mask_guidance.nodes import inpaint, ksampler
    from mask_guidance.nodes.messages import messages

    keys: list[str] = []
    for node in (inpaint, ksampler):
        monkeypatch.setattr(node, "tell", lambda facts: keys.extend(each.key for each in messages(facts)))
    return keys


BLACKENED = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(0)).clamp(min=0.1)
BLACKENED[:, 12:20, 16:24] = 0  # by the Mask Editor
DRAWN = (BLACKENED == 0).all(-1).float()
BRUSHED = DRAWN.clone()
BRUSHED[:, 11] = 0.3  # a brush's soft rim keeps its colours
CALM = {"preset": "custom", "skip_steps": 2, "resample": False}


@pytest.mark.parametrize(
    ("picture", "mask", "settings", "warns"),
    [
        (BLACKENED, DRAWN, {"denoise": 0.6}, True),
        (BLACKENED, BRUSHED, {"denoise": 0.6}, True),
        (BLACKENED, DRAWN, {"denoise": 1.0}, False),  # nothing of it is read
        (BLACKENED.clamp(min=1 / 255), DRAWN, {"denoise": 0.6}, False),
        (BLACKENED, 1 - DRAWN, {"denoise": 0.6}, False),
        (torch.cat([BLACKENED, 1 - DRAWN[..., None]], -1), DRAWN, {"denoise": 1.0}, False),  # transparent is black, too
    ],
)
def test_black_under_the_mask_is_named_where_the_run_builds_on_it(told, tiny, picture, mask, settings, warns):
    from mask_guidance.nodes.inpaint import Inpaint

    model, vae = tiny
    values = {each.id: each.default for each in Inpaint.define_schema().inputs if hasattr(each, "default")}
    values |= CALM | {"grow": 0, "size": 32, "check_model": False} | settings
    with torch.inference_mode():
        Inpaint.execute(picture, mask, model, vae, **values)
    assert ("black" in told) == warns
    told.clear()
    with torch.inference_mode():
        paint(model, {"samples": vae.encode(picture[..., :3]), "noise_mask": mask}, **CALM | settings)
    assert ("black" in told) == warns


def test_a_message_reaches_the_page_with_the_number_of_its_node(host, monkeypatch):
    from comfy_execution.utils import CurrentNodeContext
    from mask_guidance.nodes.messages import Facts, tell
    from server import PromptServer

    sent = []

    class Server:
        client_id = "page"

        def send_sync(self, event, content, client):
            sent.append((event, json.loads(json.dumps(content)), client))

    monkeypatch.setattr(PromptServer, "instance", Server(), raising=False)
    tell(Facts(share=0.0))  # outside a run
    with CurrentNodeContext("prompt", "5:2"):
        tell(Facts())  # nothing to say
        tell(Facts(share=0.0, times_usual=14.02))
    ((event, content, client),) = sent
    assert (event, content["node"], content["prompt_id"], client) == ("mask_guidance.tell", "5:2", "prompt", "page")
    assert [each["key"] for each in content["messages"]] == ["empty", "stranger"]
    assert "its error on what is there is 14 times its usual" in content["messages"][1]["text"]
