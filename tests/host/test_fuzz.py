"""Two hundred random prompts through a real server; `python tests/fuzz/prompts.py --prompts 5000 --seed N` makes more."""

import json
import os
import random
from pathlib import Path

import pytest

SEED, PROMPTS = 11, 200


@pytest.fixture(scope="module")
def fuzzed(host, tmp_path_factory):
    from prompts import Fuzzed

    server = Fuzzed(Path(os.environ["COMFYUI_PATH"]), tmp_path_factory.mktemp("fuzzed"))
    yield server
    server.server.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_prompts_end_with_good_outputs_or_with_one_sentence(fuzzed):
    from prompts import fuzzed as results

    ended = list(results(fuzzed, SEED, range(PROMPTS)))
    assert [json.dumps(each) for each in ended if each["bad"]] == []
    counts = {how: sum(each["ended"] == how for each in ended) for how in ("done", "refused", "interrupted")}
    assert counts["done"] > PROMPTS / 3, counts  # a fuzzer that is always refused finds nothing


def test_a_seed_gives_the_same_prompts_again(fuzzed):
    from graphs import prompt

    assert prompt(fuzzed.described, 5, 17) == prompt(fuzzed.described, 5, 17)
    assert prompt(fuzzed.described, 5, 17) != prompt(fuzzed.described, 6, 17)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fill": "neutral"}, "known values changed"),
        ({"fill": "nan"}, "holds NaN"),
        ({"shape": [1, 8, 9, 3]}, "became"),
    ],
)
def test_the_fuzzer_notices_what_it_looks_for(fuzzed, change, words):
    """A Fill Masked Area that would answer with something else."""
    from graphs import Prompt

    def made(**recipe):
        return {"class_type": "FuzzMake", "inputs": {"recipe": json.dumps({"what": "tensor", **recipe})}}

    shape = {"shape": [1, 8, 8, 3]}
    looks = {
        "4": {"value": ["2", 0], "rule": '{"kind": "IMAGE"}'},
        "5": {"value": ["2", 0], "rule": '{"compare": "kept image"}', "before": ["1", 0], "other": ["3", 0]},
    }
    wrong = {"fill": "grey"} if change == {"fill": "neutral"} else change
    workflow = {"1": made(**shape), "2": made(**shape | wrong), "3": made(shape=[1, 8, 8], fill="half")}
    workflow |= {number: {"class_type": "FuzzLook", "inputs": inputs} for number, inputs in looks.items()}
    ended, bad = fuzzed.run(Prompt(workflow))
    assert ended == "done"
    assert words in bad


def test_the_fuzzer_notices_a_message_that_is_not_ours():
    from verdict import CODE, bad_error

    frame = f'  File "{CODE[0] / "fill.py"}", line 44, in execute\n    {{}}\n'
    torchs = '  File "torch/functional.py", line 1, in stack\n    return _VF.stack(tensors)\n'

    def said(kind, message, *lines):
        return bad_error({"exception_type": kind, "exception_message": message, "traceback": list(lines)})

    assert (
        said("ValueError", "Padding must be 0 or more, not -1; crop instead.\n", frame.format("raise ValueError("))
        is None
    )
    assert said("ValueError", "too many values to unpack", frame.format("a, b = values"))
    assert said("RuntimeError", "stack expects a non-empty list.", frame.format("torch.stack([])"), torchs)
    assert said("RuntimeError", "stack expects a non-empty list.", torchs) is None  # in a node of somebody else's
    assert said("torch.OutOfMemoryError", "CUDA out of memory.", frame.format("net(x)"), torchs) is None


def test_a_killed_server_comes_back_with_every_node_and_paints_the_same(fuzzed):
    from comfy_client import Comfy
    from graphs import Writer

    writer = Writer(fuzzed.described, random.Random(1))
    writer.wrong, writer.height, writer.width, writer.batch, writer.text_model = 0, 16, 16, 1, None
    image = writer.make("tensor", shape=[1, 16, 16, 3])
    mask = writer.make("tensor", shape=[1, 16, 16], fill="half")
    encoded = [writer.prompt.add("VAEEncode", pixels=image, vae=writer.of_vae()), 0]
    latent = [writer.prompt.add("SetLatentNoiseMask", samples=encoded, mask=mask), 0]
    label = [writer.plain("MaskGuidanceClassLabel"), 0]
    given = {"model": writer.of_model(), "latent_image": latent, "positive": label, "preset": "custom", "skip_steps": 4}
    painted = writer.plain("MaskGuidanceKSampler", **given)
    decoded = writer.prompt.add("VAEDecode", samples=[painted, 0], vae=writer.of_vae())
    writer.prompt.add("SaveImage", images=[decoded, 0], filename_prefix="killed")

    def picture():
        run = fuzzed.server.run(writer.prompt.workflow)
        assert run.error is None, run.error
        (saved,) = [image for output in run.outputs.values() for image in output.get("images", ())]
        return fuzzed.server.picture(saved)

    before = picture()
    long = json.loads(json.dumps(writer.prompt.workflow))
    long[painted]["inputs"] |= {"skip_steps": 1000, "seed": 7}
    fuzzed.server.post("/prompt", {"prompt": long})
    fuzzed.server.process.kill()
    fuzzed.server.process.wait()
    fuzzed.server = Comfy(fuzzed.host, fuzzed.server.folder, *fuzzed.flags)
    assert {name for name in fuzzed.described if name.startswith("MaskGuidance")} <= set(
        fuzzed.server.get("/object_info")
    )
    assert picture() == before
