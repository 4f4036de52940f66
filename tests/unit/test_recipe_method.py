"""The recipe "a sampling method": its file and its row, and the rest of the pack knows it."""

import pytest
from copied_pack import change, copy_pack, told

METHOD = '''
"""Each level r times, and down by noising the guess anew."""

from itertools import pairwise

from ..known import keep, known_at, pasted
from .method import Method, Step, ended


def levels_of(settings, descent):
    return [*(level for level in range(descent.steps, 0, -1) for _ in range(settings.repeats)), 0]


def run(settings, denoise, ladder, levels, x, x0, known, noise):
    calls = len(levels) - 1
    for call, (level, target) in enumerate(pairwise(levels), start=1):
        weight = known_at(known, level, x)
        x = pasted(weight, x0, x, ladder, level, noise(x))
        predicted, _ = denoise(x, level)
        x = ladder.diffuse(predicted, target, noise(x))
        if call == calls:
            x = ended(weight, x0, x, ladder, target, noise)
        yield Step(call, calls, target, x, predicted, weight, x0)


ANEW = Method(name="anew", words="the guess is noised anew", uses=("resample_r",), levels=levels_of, run=run)
'''

ASKED = """
import torch
from mask_guidance.nodes.schedule_route import answer
from mask_guidance.sampler import Settings, alphas_cumprod, named_betas, paint
from mask_guidance.sampler.batch.options import read_options
from mask_guidance.sampler.settings import allowed

picture = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
known = torch.arange(8) < 4
settings = Settings(method="anew", skip_steps=5, resample_r=3)
steps = list(paint(lambda x, t: 0.1 * x, alphas_cumprod(named_betas("linear", 1000)), picture, known, settings))
words = ["--weights", "w", "--input_dir", "i", "--save_dir", "s", "--method", "anew"]
print(json.dumps({
    "choices": [*allowed(Settings, "method").choices],
    "words": settings.words,
    "calls": [step.call for step in steps],
    "known is kept": torch.equal(steps[-1].x[..., :4], picture[..., :4]),
    "hole is filled": bool(steps[-1].x.isfinite().all()) and not torch.equal(steps[-1].x, picture),
    "page": answer({"preset": "custom", "method": "anew", "skip_steps": 5, "resample_r": 3, "resample_j": 7}),
    "page, repaint": answer({"method": "repaint"})["unused"],
    "command line": read_options(words).settings.method,
}))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    pack = copy_pack(tmp_path_factory.mktemp("pack"))
    (pack / "sampler" / "methods" / "anew.py").write_text(METHOD, encoding="utf-8")
    listed = pack / "sampler" / "methods" / "__init__.py"
    change(listed, "from .distilled import", "from .anew import ANEW\nfrom .distilled import")
    change(listed, "DISTILLED)", "DISTILLED, ANEW)")
    return told(pack, ASKED)


def test_it_samples(said):
    assert said["calls"] == [*range(1, 16)]
    assert said["known is kept"]
    assert said["hole is filled"]


def test_it_is_offered(said):
    assert said["choices"] == ["feedback", "kriged", "repaint", "distilled", "anew"]
    assert said["command line"] == "anew"
    assert said["words"] == "method anew, resample_r 3"


def test_the_page_counts_its_calls_and_greys_out_what_it_does_not_use(said):
    assert (said["page"]["calls"], said["page"]["steps"], said["page"]["plain"]) == (15, 5, 5)
    assert set(said["page"]["unused"]) == {"feedback", "resample_j", "start_resampling", "var_type", "jumps_every"}
    assert said["page, repaint"] == ["feedback"]
