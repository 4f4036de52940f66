"""LanPaint (https://github.com/scraed/LanPaint, GPL-3.0): its own nodes from a checkout that the user gives.

Nothing of it is in this pack. It is loaded by the host's own loader of custom nodes and called by its node
LanPaint_SamplerCustomAdvanced, which has every setting that its published version (2.1.0) still reads.

One picture at a time: in a batch of two or more, its version 2.1.0 gives models that are not flow models the known region
times (1 - sigma), as if they were (its `scale_latent_inpaint` takes a sigma for each picture for audio's). What it then
paints is a grey veil, and says nothing about its method.
"""

import asyncio
import contextlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from .host import Inpainting, counted

__all__ = ["MISSING", "SETTINGS", "LanPaint"]

NODE = "LanPaint_SamplerCustomAdvanced"
MISSING = "LanPaint: not run (git clone https://github.com/scraed/LanPaint, and give it with --lanpaint PATH)"

# What was best on tuning pictures of the example model, at growing cost, then what it comes with, see NOTES.md: the host's
# scheduler and number of levels, then its settings. Its authors recommend 20 to 50 steps of 5, step size .1 to .5.
SETTINGS = {
    "LanPaint, beta 5 x 5": (("beta", 5), {"num_steps": 5, "step_size": 1.0}),
    "LanPaint, beta 7 x 10": (("beta", 7), {"num_steps": 10, "step_size": 1.0}),
    "LanPaint, beta 7 x 20": (("beta", 7), {"num_steps": 20, "step_size": 1.0}),
    "LanPaint, beta 18 x 20": (("beta", 18), {"num_steps": 20, "step_size": 1.0}),
    "LanPaint, its own defaults": (("karras", 30), {}),
}


@cache
def node(checkout: Path) -> type:
    """Its node class, from the host's table after the host has loaded the pack."""
    import nodes

    if NODE not in nodes.NODE_CLASS_MAPPINGS:
        asyncio.run(nodes.load_custom_node(str(checkout.resolve())))
    if NODE not in nodes.NODE_CLASS_MAPPINGS:
        raise SystemExit(f"{checkout} is no LanPaint that this host can load: there is no {NODE} in it.")
    return nodes.NODE_CLASS_MAPPINGS[NODE]


@dataclass(frozen=True)
class LanPaint:
    """LanPaint with its settings; the defaults are its own.

    Args:
        checkout: Folder of its code.
        num_steps: Inner steps of a level ("turns of thinking"), 0 to 100; its authors say 5, hard tasks 10.
        lambda_: Guidance by the known region, .1 to 50; 4 to 10.
        step_size: Of the Langevin dynamics, .0001 to 1; .1 to .5.
        prompt_mode: "Image First" or "Prompt First".
    """

    checkout: Path
    num_steps: int = 5
    lambda_: float = 5.0
    step_size: float = 0.2
    prompt_mode: str = "Image First"

    def paint(self, asked: Inpainting) -> tuple[Tensor, int]:
        """Samples of the painted LATENT, and model calls."""
        import comfy.samplers

        sampler = node(self.checkout)()
        settings = {
            "LanPaint_NumSteps": self.num_steps,
            "LanPaint_Lambda": self.lambda_,
            "LanPaint_StepSize": self.step_size,
            "LanPaint_PromptMode": self.prompt_mode,
        }
        # It writes its settings onto the MODEL, draws from the process's generator, and prints.
        model = asked.model.clone()
        guider = asked.guider()
        guider.model_patcher = model
        with counted(model) as calls, torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(asked.seed)
            euler = comfy.samplers.sampler_object(asked.sampler)
            out, _ = sampler.sample(asked.noise(), guider, euler, asked.sigmas, asked.latents(), **settings)
        return out["samples"], calls.of(asked.cfg)
