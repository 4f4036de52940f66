"""Resample Schedule: the time-travel curve of a setting, before anything is painted."""

import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image, ImageDraw

from ..sampler import Chain, Settings, with_preset
from ..sampler.respacing import USUAL_LARGEST
from .checked import checked
from .inputs import preset, setting
from .ladder import noise_to_signal, usual_noise_to_signal
from .seen_models import remember

__all__ = ["ResampleSchedule"]

WIDTH, HEIGHT, MARGIN = 960, 400, 48
PAPER, INK, GRID, CURVE = (250, 250, 248), (60, 60, 66), (222, 222, 226), (36, 98, 190)
SHOWN = ("method", "feedback", "skip_type", "skip_steps", "resample_r", "resample_j", "start_resampling")


def draw_curve(points: list[tuple[int, int]], training_steps: int, title: str) -> torch.Tensor:
    """The curve as an IMAGE (1, HEIGHT, WIDTH, 3)."""
    scale = 2  # drawn at twice the size and averaged down, for smooth lines
    sheet = Image.new("RGB", (scale * WIDTH, scale * HEIGHT), PAPER)
    pen = ImageDraw.Draw(sheet)
    left, top = MARGIN * scale, MARGIN * scale
    right, bottom = (WIDTH - MARGIN // 2) * scale, (HEIGHT - MARGIN) * scale
    calls = points[-1][0]
    across, down = (right - left) / calls, (bottom - top) / max(1, training_steps - 1)

    for share in (0, 0.25, 0.5, 0.75, 1):
        y = bottom - share * (bottom - top)
        pen.line([(left, y), (right, y)], fill=GRID, width=scale)
        pen.text(
            (left - 8 * scale, y), f"{share * (training_steps - 1):.0f}", fill=INK, anchor="rm", font_size=12 * scale
        )
    line = [(left + call * across, bottom - timestep * down) for call, timestep in points]
    pen.line(line, fill=CURVE, width=2 * scale, joint="curve")
    pen.text((left, top / 2), title, fill=INK, anchor="lm", font_size=16 * scale)
    pen.text((left, bottom + 20 * scale), "timestep against model call", fill=INK, anchor="lm", font_size=12 * scale)
    pen.text((right, bottom + 20 * scale), f"{calls}", fill=INK, anchor="rm", font_size=12 * scale)
    pixels = np.asarray(sheet.resize((WIDTH, HEIGHT), Image.Resampling.BOX), dtype=np.float32) / 255
    return torch.from_numpy(pixels)[None]


class ResampleSchedule(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSchedule",
            display_name="Resample Schedule",
            category="mask guidance",
            description="Draws the order in which RePaint visits the noise levels, and counts the model calls it will take.",
            search_aliases=["RePaint schedule", "time travel", "jump", "model calls", "NFE"],
            inputs=[
                preset(),
                *map(setting, SHOWN),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="Its training timesteps are what is chosen from; without it, guided-diffusion's 1000.",
                ),
                setting("timestep_respacing", optional=True),
                setting("jumps_every", optional=True),
            ],
            outputs=[
                io.Image.Output(display_name="curve", tooltip="Timestep against model call."),
                io.Int.Output(
                    display_name="model calls", tooltip="How often the model is called: what a picture costs."
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, preset, method, model=None, **chosen) -> io.NodeOutput:
        settings = with_preset(preset, Settings(method=method, **chosen))
        ratios = usual_noise_to_signal() if model is None else noise_to_signal(model)
        if model is not None:
            remember(model, ratios)
        chain = Chain.of(settings, ratios, USUAL_LARGEST)
        jumps = f", j = {settings.resample_j}" if "resample_j" not in settings.unused else ""
        jumps += f" every {settings.jumps_every}" if jumps and settings.bouts_every else ""
        steps = len(chain.timesteps)
        title = f"{chain.calls} model calls: {settings.method}, {steps} timesteps, r = {settings.resample_r}{jumps}"
        return io.NodeOutput(draw_curve(chain.curve(ratios), len(ratios), title), chain.calls)
