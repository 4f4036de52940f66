"""The whole method in one call, for any noise-predicting model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .chain import Chain
from .class_guidance import class_guided
from .known import Known
from .ladder import Ladder
from .methods import Denoise, Step
from .noise import ImageNoise
from .posterior import predict_x0
from .presets import PRESETS
from .respacing import largest_sigma
from .schedule import sigmas
from .settings import Settings

__all__ = ["denoiser", "paint"]

Model = Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]


def denoiser(
    model: Model, ladder: Ladder, timesteps: Sequence[int], prediction: str = "eps", clip: bool | float = True
) -> Denoise:
    """Turn a network's output into the predicted clean picture.

    Args:
        model: Called as model(x_t, t) with t int64 (B,); returns the prediction, or prediction and variance channels as
            a pair or in one tensor of twice the channels.
        ladder: Variance-preserving ladder over `timesteps`.
        timesteps: Training steps, strictly falling.
        prediction: "eps", "x0" or "v".
        clip: Keep the predicted picture in [-clip, clip]; True is 1, as nearly every published pixel-space model expects;
            0 and False do not.
    """

    def denoise(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
        t = torch.full((len(x),), timesteps[-level], dtype=torch.long, device=x.device)
        output, v = split(model(x, t), x.shape[1])
        x0 = predict_x0(prediction, x, output, *ladder.amplitudes[level])
        return (x0.clamp_(-clip, clip) if clip else x0), v

    return denoise


def split(output: Tensor | tuple[Tensor, Tensor], channels: int) -> tuple[Tensor, Tensor | None]:
    if isinstance(output, tuple):
        return output
    if output.shape[1] == 2 * channels:
        prediction, v = output.chunk(2, dim=1)
        return prediction, v
    return output, None


@torch.no_grad()
def paint(
    model: Model,
    alphas_cumprod: Tensor,
    picture: Tensor,
    known: Known,
    settings: Settings = PRESETS["paper"],
    *,
    prediction: str = "eps",
    clip: bool | float = True,
    variance: str = "auto",
    seed: int = 0,
    indices: Sequence[int] | None = None,
    class_gradient: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Iterator[Step]:
    """Fill the unknown part of pictures; iterate to run, and read `x` of the last step.

    Without gradients, whatever the model's weights ask for: else each call's memory would be kept to the last. A model that
    takes gradients itself switches them on.

    Args:
        model: Any noise predictor, see `denoiser`.
        alphas_cumprod: Its noise schedule, by training step; (T,).
        picture: In the model's range, usually [-1, 1]; (B, C, ...). With denoise 1 the unknown part may hold anything finite.
        known: 1 (True) where the picture is kept; broadcastable to `picture`, or by level, see `known.py`.
        settings: How, see `Settings` and `PRESETS`; as given, RePaint as published.
        prediction: What the model predicts: "eps", "x0" or "v".
        clip: Keep predicted pictures in [-clip, clip]; True is 1, 0 and False do not.
        variance: What the settings' var_type "auto" means for this model, see `posterior.VAR_TYPES`.
        seed: Same seed, same picture, whatever the batch size; nearly the same on another device.
        indices: Numbers of the pictures in their batch, for pictures cut out of one; default 0, 1, 2 ...
        class_gradient: Guides to a class: called as class_gradient(x_t, t), it returns the gradient of the log-probability
            of each picture's class times a scale, see `class_guidance.py`. Methods that draw the variance of their steps
            (repaint) shift the mean by it, the others the score.

    Yields:
        A `Step` after each model call.

    Raises:
        ValueError: The model has no such timesteps, or gives no such variance.
    """
    chain = Chain.of(settings, sigmas(alphas_cumprod), largest_sigma(picture.shape))
    ladder = Ladder.from_alphas_cumprod(alphas_cumprod, chain.timesteps)
    indices = range(len(picture)) if indices is None else indices
    start = ImageNoise(seed, indices, "start")(picture)
    if settings.denoise < 1:
        start = ladder.diffuse(picture, ladder.steps, start)
    denoise = denoiser(model, ladder, chain.timesteps, prediction, clip)
    if settings.var_type == "auto":
        settings = replace(settings, var_type=variance)
    if class_gradient is not None:

        def gradient(x: Tensor, level: int) -> Tensor:
            with torch.enable_grad():
                return class_gradient(x, torch.full((len(x),), chain.timesteps[-level], device=x.device))

        denoise = class_guided(denoise, gradient, ladder, settings.drawn_variance, clip)
    yield from settings.run(denoise, ladder, start, picture, known, ImageNoise(seed, indices), chain.levels)
