"""The whole method in one call, for any noise-predicting model."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from .known import Known
from .ladder import Ladder
from .method import Resampling
from .noise import ImageNoise
from .posterior import predict_x0
from .repaint import EVERYWHERE, Denoise, Step
from .respacing import largest_sigma, respaced_timesteps
from .schedule import sigmas

__all__ = ["denoiser", "paint"]

Model = Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]


def denoiser(
    model: Model, ladder: Ladder, timesteps: Sequence[int], prediction: str = "eps", clip: bool = True
) -> Denoise:
    """Turn a network's output into the predicted clean picture.

    Args:
        model: Called as model(x_t, t) with t int64 (B,); returns the prediction, or prediction and variance channels as
            a pair or in one tensor of twice the channels.
        ladder: Variance-preserving ladder over `timesteps`.
        timesteps: Training steps, strictly falling.
        prediction: "eps", "x0" or "v".
        clip: Keep the predicted picture in [-1, 1], as every published pixel-space model expects.
    """

    def denoise(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
        t = torch.full((len(x),), timesteps[-level], dtype=torch.long, device=x.device)
        output, v = split(model(x, t), x.shape[1])
        x0 = predict_x0(prediction, x, output, float(ladder.signal[level]), float(ladder.noise[level]))
        return (x0.clamp(-1, 1) if clip else x0), v

    return denoise


def split(output: Tensor | tuple[Tensor, Tensor], channels: int) -> tuple[Tensor, Tensor | None]:
    if isinstance(output, tuple):
        return output
    if output.shape[1] == 2 * channels:
        prediction, v = output.chunk(2, dim=1)
        return prediction, v
    return output, None


def paint(
    model: Model,
    alphas_cumprod: Tensor,
    picture: Tensor,
    known: Known,
    *,
    method: str = "repaint",
    skip_type: str = "uniform",
    skip_steps: int = 250,
    jump_length: int = 10,
    jump_n_sample: int = 10,
    start_resampling: int = EVERYWHERE,
    var_type: str = "auto",
    feedback: float = 1.0,
    prediction: str = "eps",
    clip: bool = True,
    seed: int = 0,
    indices: Sequence[int] | None = None,
) -> Iterator[Step]:
    """Fill the unknown part of pictures with RePaint; iterate to run, and read `x` of the last step.

    Args:
        model: Any noise predictor, see `denoiser`.
        alphas_cumprod: Its noise schedule, by training step; (T,).
        picture: In the model's range, usually [-1, 1]; (B, C, ...). The unknown part may hold anything finite.
        known: 1 (True) where the picture is kept; broadcastable to `picture`, or by level, see `known.py`.
        method: "repaint" as published, or "feedback": as good in a small part of the calls, see `feedback.py`. Its
            usual settings are skip_type "karras", 16 skip_steps and 8 for jump_n_sample, see `PRESETS`.
        skip_type: How timesteps are skipped, see `respaced_timesteps`.
        skip_steps: Timesteps kept; time grows with it.
        jump_length: RePaint's j, levels climbed per jump; not used by "feedback".
        jump_n_sample: RePaint's r, times each stretch is sampled; time grows with it, 1 is plain mask guidance.
        start_resampling: No jump above this level.
        var_type: Variance of each step, see `posterior.VAR_TYPES`; "feedback" measures its own.
        feedback: Strength of the feedback, 0 to 1.
        prediction: What the model predicts: "eps", "x0" or "v".
        clip: Keep predicted pictures in [-1, 1].
        seed: Same seed, same picture, whatever the batch size or device.
        indices: Numbers of the pictures in their batch, for pictures cut out of one; default 0, 1, 2 ...

    Yields:
        A `Step` after each model call.
    """
    largest = largest_sigma(picture.shape)
    timesteps = respaced_timesteps(len(alphas_cumprod), skip_type, skip_steps, sigmas(alphas_cumprod), largest)
    ladder = Ladder.from_alphas_cumprod(alphas_cumprod, timesteps)
    resampling = Resampling(method, jump_n_sample, jump_length, start_resampling, var_type, feedback)
    indices = range(len(picture)) if indices is None else indices
    start = ImageNoise(seed, indices, "start")(picture)
    denoise = denoiser(model, ladder, timesteps, prediction, clip)
    yield from resampling.chain(denoise, ladder, start, picture, known, ImageNoise(seed, indices))
