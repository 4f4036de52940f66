"""What the page asks while settings are edited: the schedule they mean, before anything runs.

    POST /mask_guidance/schedule    {"preset": "custom", "method": "repaint", "resample_r": 10, ...}

The question holds a node's values by the names of its inputs; those that choose no schedule (a seed) are not read. Besides:
"model", the file that the model is loaded from, where the page sees it; "steps", where other sigmas are used, of which only
the number is known; and what else the page sees of the run, see FACTS.
"""

import asyncio
import itertools
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields

import numpy as np
import torch

from ..sampler import CUSTOM, PRESETS, SKIP_TYPES, Chain, Descent, Settings, karras_sigmas, most_visits, with_preset
from ..sampler.checkpoint import CheckpointError
from ..sampler.respacing import USUAL_LARGEST
from ..sampler.settings import Allowed
from . import routes
from .ladder import usual_noise_to_signal
from .messages import Facts, messages
from .seen_models import Seen, seen

__all__ = ["answer", "decimated", "register"]

PATH = "/mask_guidance/schedule"
LONGEST_QUESTION = 65_536  # bytes
MOST_DRAWN = 200_000  # calls; of longer runs only the numbers are given
COLUMNS = 500  # of the page's plot
TIMESTEPS = 1000  # of a model that is not known

SETTINGS = {f.name for f in fields(Settings)}
OTHERS = {
    "preset": Allowed(str, (*PRESETS, CUSTOM)),
    "largest_sigma": Allowed(float, least=1, most=100_000),
    "start_at_step": Allowed(int, least=0, most=10_000),
    "end_at_step": Allowed(int, least=1, most=10_000),
    "steps": Allowed(int, least=1, most=10_000),
    "model": Allowed(str),
    "cfg": Allowed(float, least=0, most=1000),
}
# Whether the model is guided by text, what is connected, and the size of the picture in pixels.
FACTS = {
    **dict.fromkeys(("by_text", "positive", "negative"), Allowed(bool)),
    **dict.fromkeys(("picture_width", "picture_height"), Allowed(int, least=1, most=10_000_000)),
}

one_at_a_time = ThreadPoolExecutor(1, "mask_guidance_schedule")  # however many pages ask for however long schedules


def register() -> None:
    routes.offer("post", PATH, reply)


async def reply(request):
    from aiohttp import web

    try:
        question = read(await request.read() if (request.content_length or 0) <= LONGEST_QUESTION else b"")
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(await asyncio.get_running_loop().run_in_executor(one_at_a_time, answer, question))


def read(body: bytes) -> dict:
    """Raises ValueError if it is no question."""
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict):
        raise ValueError(
            f"A question is a JSON object of settings, of at most {LONGEST_QUESTION:,} bytes; this one is not."
        )
    return question


def answer(question: dict) -> dict:
    """A node's values to what they mean.

    Returns:
        calls: Model calls.
        steps: Noise levels.
        plain: Calls without resampling.
        points: The curve, model calls against timestep; at most four points for each of COLUMNS columns.
        top: Its first height.
        about: The numbers depend on the model, which is not known.
        needs: So many timesteps the model must have; 0: no more than usual.
        unused: Inputs that do nothing, as the others are.
        passes: Of the model in each call: 2 where cfg compares two predictions.
        messages: What a person should know before the run, see `Message`.
        reads: Which of the values count.

        Or reads and error: a sentence that says why it cannot be done.
    """
    reads = [name for name in question if name in SETTINGS or name in OTHERS]
    try:
        found = meaning({name: question[name] for name in (*reads, *FACTS) if name in question})
        return {**found, "reads": reads}
    except ValueError as error:
        return {"error": str(error), "reads": reads}


def meaning(values: dict) -> dict:
    for name, rule in (OTHERS | FACTS).items():
        if name in values:
            rule.check(name, values[name])
    given = Settings(**{name: value for name, value in values.items() if name in SETTINGS})
    settings = with_preset(values.get("preset", CUSTOM), given)
    found = over_steps(settings, values["steps"]) if "steps" in values else on_model(settings, values)
    facts = facts_of(values, settings, found["steps"])
    compares = facts.cfg not in (None, 1) and (facts.by_text is not False or facts.positive is not False)
    told = [asdict(message) for message in messages(facts)]
    return {**found, "unused": idle(settings, facts.cfg), "passes": 2 if compares else 1, "messages": told}


def facts_of(values: dict, settings: Settings, steps: int) -> Facts:
    seen_by_page = {name: values.get(name) for name in ("cfg", "by_text", "positive", "negative")}
    width, height = values.get("picture_width"), values.get("picture_height")
    size = (width, height) if width and height else None
    side = side_of(values["model"]) if "model" in values else None
    return Facts(settings=settings, steps=steps, side=side, size=size, **seen_by_page)


def side_of(model: str) -> int | None:
    """Of the pictures that the model of a file was trained on; of one that has not run, as its file tells."""
    from .model_files import detection_of  # here: the rest of this file needs no host

    if known := seen(model):
        return known.side
    try:
        found = detection_of(model)
    except (CheckpointError, OSError):  # which is said when it is loaded
        return None
    return found.image_size if found else None


def idle(settings: Settings, cfg: float | None) -> list[str]:
    """Inputs that do nothing beside these settings."""
    jumps = () if settings.jumps else ("resample_j", "start_resampling")
    repeats = () if settings.resample else ("resample_r", "jumps_every")
    timesteps = ("skip_type", "skip_steps") if settings.timestep_respacing.strip() else ()
    sharing = ("cfg_repeats",) if cfg is not None and cfg <= 1 else ()
    return [*dict.fromkeys((*settings.unused, *jumps, *repeats, *timesteps, *sharing))]


def over_steps(settings: Settings, steps: int) -> dict:
    """The chain over so many levels, of noise that is not known; nearly the usual one."""
    usual = karras_sigmas(steps, USUAL_LARGEST, float(usual_noise_to_signal()[0]))
    levels = settings.levels(Descent(usual, USUAL_LARGEST))
    chain = Chain(
        timesteps=[*range(steps, 0, -1)],
        last=None,
        below=0,
        above=0,
        levels=levels,
        most_visits=most_visits(levels),
        dip=1.0,
    )
    return numbers(settings, chain, torch.arange(steps + 1.0)) | {"about": True, "needs": 0}


def on_model(settings: Settings, values: dict) -> dict:
    by_text, counted = bool(settings.timestep_respacing.strip()), SKIP_TYPES[settings.skip_type].counted
    known = seen(values.get("model", ""))
    needs = settings.skip_steps if counted and not (known or by_text) and settings.skip_steps > TIMESTEPS else 0
    model = known or Seen(usual_noise_to_signal(needs or TIMESTEPS))
    largest = values.get("largest_sigma", model.largest)
    part = values.get("start_at_step", 0), values.get("end_at_step")
    chain = Chain.of(settings, model.noise_to_signal, largest, *part, drowning=model.largest)
    about = not (known or by_text or counted)
    return numbers(settings, chain, model.noise_to_signal) | {"about": about, "needs": needs}


def numbers(settings: Settings, chain: Chain, noise_to_signal: torch.Tensor) -> dict:
    steps, calls = len(chain.timesteps), chain.calls
    return {
        "calls": calls,
        "steps": steps,
        "plain": steps,
        "points": decimated(chain.curve(noise_to_signal)) if calls <= MOST_DRAWN else [],
        "top": chain.timesteps[0],
    }


def decimated(points: Sequence[tuple[int, int]], columns: int = COLUMNS) -> list[tuple[int, int]]:
    """A curve for a plot so many columns wide: of each column the first, lowest, highest and last point."""
    calls, heights = np.fromiter(itertools.chain.from_iterable(points), np.int64).reshape(-1, 2).T
    column = (calls / (max(1, calls[-1]) / columns)).astype(int)
    first = np.flatnonzero(np.diff(column, prepend=-1))
    last = np.append(first[1:], len(points)) - 1
    # What is compared has the place as its last digit, in numbers of that many digits.
    count, places = len(points), np.arange(len(points))
    low, high = (np.minimum.reduceat(sign * count * heights + places, first) % count for sign in (1, -1))
    return [points[place] for place in np.unique([first, low, high, last])]
