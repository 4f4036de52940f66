"""One LATENT painted with one MODEL: what Mask-Guided KSampler and Inpaint have in common."""

import time
from dataclasses import dataclass, field

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from ..sampler import Chain, ImageNoise, Settings, largest_sigma
from .guidance import completed, guided
from .host import in_models_channels, result_dtype
from .host_classifier import Guide
from .inputs import BEFORE_CFG_REPEATS
from .ladder import noise_to_signal
from .latent_form import check_form, numbers_of
from .latent_mask import on_latent, painted_share
from .preview import ALONE, Place, callback
from .record import model_name
from .repaint_sampler import RePaintSampler
from .respaced_sigmas import respaced_sigmas
from .seen_models import remember
from .shared_guidance import HOOKS

__all__ = ["Painted", "Wanted", "paint"]


@dataclass(frozen=True)
class Wanted:
    """How a LATENT is to be painted; inputs of the nodes, by their names.

    Attributes:
        settings: With the preset's values.
        preset: For the record.
    """

    settings: Settings
    preset: str
    seed: int
    cfg: float
    soft_mask: str = "binary"
    mask_grid: str = "any touch"
    add_noise: bool = True
    start_at_step: int = 0
    end_at_step: int = 10_000
    cfg_repeats: str = BEFORE_CFG_REPEATS


@dataclass(frozen=True)
class Painted:
    """What came of it.

    Attributes:
        samples: In the model's channels, as large as what was given.
        mask: What was painted, on the latent's grid; (B or 1, 1, ...); None: everything.
        share: Of the latent that was painted, 0 to 1.
        soft_mask: The rule that grey values followed, a key of SOFT_MASKS; the model's own comes as "time-dependent".
        calls: Of the model.
        seconds: They took.
        record: What it takes to repeat this, in lines.
    """

    samples: Tensor
    mask: Tensor | None
    share: float
    soft_mask: str
    calls: int
    seconds: float
    record: list[str] = field(default_factory=list)


def paint(
    model,
    latent: dict,
    positive: list | None,
    negative: list | None,
    wanted: Wanted,
    known_latent: dict | None = None,
    place: Place | None = ALONE,
) -> Painted:
    """Paint the masked part of a LATENT.

    Args:
        model: MODEL.
        latent: The picture, with its "noise_mask", as `check_latent` lets it pass.
        positive: CONDITIONING; None where nothing is connected.
        negative: The same.
        wanted: How.
        known_latent: The clean picture, where `latent` is half-finished.
        place: Of this run among several of one node, for its progress; None: nothing is shown.

    Raises:
        ValueError: Something does not go together, in one sentence.
    """
    settings, soft_mask = wanted.settings, wanted.soft_mask
    samples = in_models_channels(model, latent)
    check_form(model.get_model_object("latent_format"), samples)
    picture = known_picture(model, latent, samples, known_latent, wanted.add_noise)
    own_rule = "denoise_mask_function" in model.model_options
    if own_rule:  # it reads grey values: none may be cut off before
        soft_mask = "time-dependent"
    mask, note = on_latent(latent.get("noise_mask"), samples, soft_mask, wanted.mask_grid)
    positive, negative, cfg = completed(model, positive, negative, wanted.cfg)
    ratios = noise_to_signal(model)
    largest = largest_sigma(samples.shape)
    remember(model, ratios, largest)
    chain = Chain.of(settings, ratios, largest, wanted.start_at_step, wanted.end_at_step)
    indices = numbers_of(latent, len(samples))
    sampler = RePaintSampler(
        settings,
        soft_mask,
        indices,
        from_latent=settings.denoise < 1 or wanted.start_at_step > 0 or not wanted.add_noise,
        below=chain.below,
        above=chain.above,
        picture=picture,
        cfg_repeats=wanted.cfg_repeats,
        most_visits=chain.most_visits,
    )

    painted = painted_share(mask, samples, soft_mask)
    clean = samples if picture is None else picture
    calls, seconds, result = 0, 0.0, clean
    if painted > 0:
        sigmas = respaced_sigmas(model, chain.timesteps, chain.last)
        noise = ImageNoise(wanted.seed, indices, "start")(torch.zeros(samples.shape))
        started = time.monotonic()
        given = noise if wanted.add_noise else noise.zero_()
        guider = guided(model, positive, negative, cfg)
        result, calls = run(guider, sampler, sigmas, samples, given, mask, wanted.seed, place)
        seconds = time.monotonic() - started
        if mask is not None and chain.last is None:  # to the bit, whatever the latent format's scaling rounded
            result = torch.where((mask == 0).to(result.device), clean.to(result), result)

    respacing = settings.timestep_respacing.strip()
    record = [
        f"{calls} model calls, {100 * painted:.1f} % painted",
        f"preset {wanted.preset}, {settings.words}",
        f"{len(chain.timesteps)} of {len(ratios)} timesteps "
        f"({f'timestep_respacing {respacing}' if respacing else settings.skip_type}), "
        f"{chain.timesteps[0]} to {chain.last or 0}",
        f"denoise {settings.denoise:g}, add_noise {wanted.add_noise}, mask_grid {wanted.mask_grid}, "
        + ("soft_mask by the model's own rule" if own_rule else f"soft_mask {soft_mask}"),
        f"cfg {cfg:g}, cfg_repeats {wanted.cfg_repeats}, seed {wanted.seed}, {numbers_in_words(indices)}",
        f"model {model_name(model)}",
        *guides(model),
        *([note] if note else []),
    ]
    return Painted(result, mask, painted, soft_mask, calls, seconds, record)


def guides(model) -> list[str]:
    """What leads a MODEL, a line each."""
    return [hook.words for hook in model.model_options.get(HOOKS, []) if isinstance(hook, Guide)]


def numbers_in_words(indices: tuple[int, ...]) -> str:
    return f"picture number{'s' * (len(indices) > 1)} {', '.join(map(str, indices))}"


def known_picture(model, latent: dict, samples: Tensor, known_latent: dict | None, add_noise: bool) -> Tensor | None:
    """The clean picture where it is not the latent itself.

    Args:
        samples: Of `latent`, in the model's channels.

    Raises:
        ValueError: It is needed and missing, or of another size.
    """
    if known_latent is None:
        if not add_noise and latent.get("noise_mask") is not None:
            raise ValueError(
                "add_noise is off, so latent_image is a half-finished picture, and the part to keep is not in it; connect the "
                "LATENT of the clean picture to 'known_latent'."
            )
        return None
    picture = in_models_channels(model, known_latent)
    if picture.shape[1:] != samples.shape[1:] or len(picture) not in (1, len(samples)):
        raise ValueError(
            f"known_latent is {tuple(picture.shape)} and latent_image {tuple(samples.shape)}; they must be of the same picture."
        )
    return picture.expand_as(samples).clone()


def run(guider, sampler, sigmas, samples, noise, mask, seed, place: Place | None) -> tuple[Tensor, int]:
    """One run of the host's guider; the result and the number of model calls."""
    show = callback(guider.model_patcher, len(sigmas) - 1, mask, place) if place else nothing
    calls = 0

    def count(step, x0, x, total) -> None:
        nonlocal calls
        calls = step + 1
        show(step, x0, x, total)

    quiet = not comfy.utils.PROGRESS_BAR_ENABLED or place is None
    result = guider.sample(noise, samples, sampler, sigmas, mask, count, quiet, seed)
    return result.to(device=comfy.model_management.intermediate_device(), dtype=result_dtype()), calls


def nothing(*_: object) -> None:
    """Shows no progress."""
