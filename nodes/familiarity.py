"""Whether a MODEL knows the kind of picture that it is given: sampler/familiarity.py, asked in the host."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import comfy.model_patcher
import comfy.samplers
import torch
from torch import Tensor

from ..sampler import METHODS, ImageNoise, Settings
from ..sampler.familiarity import BELIEF, NOISE, Errors, Familiarity, errors, guess_error
from .guidance import completed, guided
from .ladder import amplitudes, noise_to_signal
from .own_run import RUN, OwnRun
from .painting import Painted, Wanted, paint
from .pixel_model import Clip, PixelModel
from .record import model_name
from .repaint_sampler import labels_by_number
from .respaced_sigmas import respaced_sigmas

__all__ = ["asked", "disbelief"]

OWN = 2  # pictures that a model paints from nothing, once for each prompt and size
SEED = 0  # of these, and of the noise that is guessed away
OWN_STEPS = Settings(method="feedback", skip_steps=7, resample=False)
CLIPS = "sampler_post_cfg_function"  # of the model options; the loader's own clipping is no change
MOST = 64  # answers kept; the longest unused is forgotten first

usual: OrderedDict[Hashable, Errors] = OrderedDict()


def asked(model, positive, negative, wanted: Wanted, painted: Painted) -> Familiarity | None:
    """What a model makes of a picture whose hole it has filled; None where it cannot be asked.

    Models distilled to a few steps guess no means, which is what the errors are compared by.

    Args:
        model: MODEL.
        positive: CONDITIONING or None.
        negative: The same.
        wanted: How the hole was filled.
        painted: With the picture as it is now.
    """
    samples, mask = painted.samples, painted.mask
    if mask is None or samples.is_nested or not METHODS[wanted.settings.method].guesses_means:
        return None
    conds = completed(model, positive, negative, wanted.cfg)
    here = errors_of(model, conds, samples, 1 - (mask > 0).float(), painted.numbers)
    key = name_of(model, conds, wanted.cfg, samples)
    own = usual.get(key) if key else None
    if own is None:
        own = own_errors(model, positive, negative, conds, wanted, samples)
    if key:
        remember(key, own)
    found = Familiarity.of(here, own)
    return found if found.times_usual == found.times_usual else None  # NaN: too little is known


def own_errors(model, positive, negative, conds, wanted: Wanted, samples: Tensor) -> Errors:
    """On pictures that the model paints from nothing, at the same cfg and size."""
    empty = {"samples": torch.zeros(OWN, *samples.shape[1:])}
    own = replace(wanted, settings=OWN_STEPS, seed=SEED)
    return errors_of(model, conds, paint(model, empty, positive, negative, own, place=None).samples, torch.ones(1))


def errors_of(model, conds, samples: Tensor, known: Tensor, numbers: Sequence[int] = ()) -> Errors:
    def ask(denoise, picture, signal, noise, draw) -> Errors:
        found = errors(denoise, picture, known.to(picture.device), signal, noise, draw)
        return Errors(found.measured.cpu(), found.expected.cpu())

    return answer(model, conds, samples, numbers, NOISE, ask)


def disbelief(model, positive, negative, wanted: Wanted, painted: Painted) -> Tensor:
    """How little the model believes filled pictures: the log of its guesses' errors; smaller is better; (B,).

    Only to compare fills of the same pictures with: each gets the same noise. Arguments as for `asked`.
    """
    conds = completed(model, positive, negative, wanted.cfg)

    def ask(*given) -> Tensor:
        return guess_error(*given).log().cpu()

    return torch.stack([answer(model, conds, painted.samples, painted.numbers, noise, ask) for noise in BELIEF]).sum(0)


def answer(model, conds, samples: Tensor, numbers: Sequence[int], noise: float, ask: Callable[..., Any]) -> Any:
    """What is to be known of a MODEL's guesses at a level of noise over signal, at cfg 1."""
    timestep = int((noise_to_signal(model) - noise).abs().argmin())
    probe = Probe(ask, numbers or range(len(samples)))
    positive, negative, _ = conds
    guider = guided(model, positive, negative, 1.0)
    guider.sample(
        torch.zeros_like(samples), samples, probe, respaced_sigmas(model, [timestep]), disable_pbar=True, seed=SEED
    )
    (found,) = probe.found
    return found


@dataclass(frozen=True)
class Probe(comfy.samplers.Sampler):
    """Asks once, at the first sigma, and leaves the latent as it was.

    Attributes:
        ask: Called with what `errors` is called with, but for `known`.
        numbers: Of the pictures in their batch, by which labels are given out.
        found: The answer is put here.
    """

    ask: Callable[..., Any]
    numbers: Sequence[int]
    found: list[Any] = field(default_factory=list)

    def sample(
        self, model_wrap, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, disable_pbar=False
    ) -> Tensor:
        """Called by the host's guider; see comfy.samplers.Sampler."""
        signal, amplitude = (float(part[0]) for part in amplitudes(model_wrap.inner_model.model_sampling, sigmas[:1]))
        options = comfy.model_patcher.create_model_options_clone(extra_args.get("model_options", {}))
        options.setdefault("transformer_options", {})[RUN] = OwnRun(self.numbers, draws_variance=False)
        if isinstance(model_wrap.inner_model, PixelModel):
            labels_by_number(model_wrap, self.numbers)

        def denoise(x: Tensor) -> Tensor:
            return model_wrap(x, sigmas[0].expand(len(x)), **{**extra_args, "seed": SEED, "model_options": options})

        draw = ImageNoise(SEED, range(len(latent_image)), "familiarity")
        self.found.append(self.ask(denoise, latent_image, signal, amplitude, draw))
        return latent_image


def remember(key: Hashable, own: Errors) -> None:
    usual[key] = own
    usual.move_to_end(key)
    while len(usual) > MOST:
        usual.popitem(last=False)


def name_of(model, conds, cfg: float, samples: Tensor) -> Hashable | None:
    """The same for the same answer; None where that cannot be told: other nodes have changed the MODEL or the CONDITIONING."""
    options = {name: value for name, value in model.model_options.items() if value}
    clips = all(isinstance(hook, Clip) for hook in options.get(CLIPS, []))
    changed = model.object_patches or options.keys() - {CLIPS} or not clips
    content = [digest(cond) for cond in conds[:2]]
    if changed or None in content:
        return None
    return model_name(model), str(model.patches_uuid), CLIPS in options, tuple(samples.shape[1:]), cfg, *content


def digest(cond: list) -> str | None:
    """The same for the same CONDITIONING; None where it holds more than tensors, numbers and names."""
    told = hashlib.sha256()
    for text, options in cond:
        for name, value in (("", text), *sorted(options.items())):
            if not isinstance(value, (Tensor, int, float, str, type(None))):
                return None
            content = (
                value.detach().cpu().float().numpy().tobytes() if isinstance(value, Tensor) else repr(value).encode()
            )
            told.update(name.encode() + b"=" + content)
    return told.hexdigest()
