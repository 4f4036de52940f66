"""The recipe "a skip type": one row, and the rest of the pack knows it."""

import pytest
from copied_pack import change, copy_pack, told

ROW = 'SKIP_TYPES = {\n    "odd": SkipType(lambda total, count, *_: [*range(1, 2 * count, 2)], "odd ones"),\n'

ASKED = """
import torch
from mask_guidance.nodes.schedule_route import answer
from mask_guidance.sampler import Chain, Settings, alphas_cumprod, named_betas, paint, sigmas
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.settings import allowed

kept = alphas_cumprod(named_betas("linear", 1000))
settings = Settings(skip_type="odd", skip_steps=4, resample_r=1)
seen = []


def model(x, t):
    seen.append(int(t[0]))
    return 0.1 * x


list(paint(model, kept, torch.zeros(1, 3, 8, 8), torch.arange(8) < 4, settings))
words = ["--weights", "w", "--input_dir", "i", "--save_dir", "s", "--skip_type", "odd", "--skip_steps", "4"]
job = read_options(words).settings
print(json.dumps({
    "choices": [*allowed(Settings, "skip_type").choices],
    "chain": Chain.of(settings, sigmas(kept)).timesteps,
    "painted": seen,
    "page": answer({"skip_type": "odd", "skip_steps": 4, "resample_r": 1}),
    "command line": [job.skip_type, job.skip_steps],
}))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    pack = copy_pack(tmp_path_factory.mktemp("pack"))
    change(pack / "sampler" / "respacing.py", "SKIP_TYPES = {\n", ROW)
    return told(pack, ASKED)


def test_its_timesteps_are_visited(said):
    assert said["chain"] == said["painted"] == [7, 5, 3, 1]


def test_it_is_offered(said):
    assert said["choices"][0] == "odd"
    assert said["command line"] == ["odd", 4]


def test_the_page_draws_it(said):
    assert (said["page"]["calls"], said["page"]["top"], said["page"]["about"]) == (4, 7, False)
