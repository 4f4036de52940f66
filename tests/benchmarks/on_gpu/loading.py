"""The same picture however the host keeps the weights: all on the card, none, streamed, patched, in 8 bits on a small card."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mask_guidance.sampler import PRESETS
from torch import Tensor

from .asked import CPU_HOST, Asked
from .report import Missing, Row

WHOLE = "all on the card"
# Name: the host's flags, and the bytes that are left on the card, if it is to be small.
WAYS: dict[str, tuple[tuple[str, ...], int | None]] = {
    WHOLE: (("--disable-dynamic-vram", "--highvram"), None),
    "none kept there": (("--novram",), None),
    "none kept there, async offload off": (("--novram", "--disable-async-offload"), None),
    "dynamic VRAM": (("--enable-dynamic-vram",), None),
    "dynamic VRAM, 3 GB": (("--enable-dynamic-vram",), 3 * 10**9),
}
QUICK = {WHOLE: (CPU_HOST, None), "again": (CPU_HOST, None)}
PATCHED = "diffusion_model.input_blocks.1.0.in_layers.2.weight"


def compared(asked: Asked) -> Iterator[Row]:
    asked.folder("comfyui", "a ComfyUI: run.py makes one")
    with TemporaryDirectory() as folder:
        expected: dict[str, Tensor] = {}
        for way, (flags, left) in (WAYS if asked.gpu else QUICK).items():
            file = Path(folder) / "painted.pt"
            words = [*flags, "--deterministic"] if asked.gpu else [*flags]
            command = [sys.executable, "-m", __name__, json.dumps([words, left, str(file), asked.device, asked.quick])]
            done = subprocess.run(command, env={**os.environ, "COMFYUI_PATH": str(asked.comfyui)}, stdout=sys.stderr)
            if done.returncode:
                yield Row(way, broken=f"ended with code {done.returncode}")
                continue
            painted = torch.load(file, weights_only=True)
            if not expected:
                expected = painted
                continue
            for name, samples in painted.items():
                far = float((samples - expected[name]).abs().max())
                yield Row(f"{name}, {way}: differs by", far, most=0 if "fp32" in name else 0.02)


def main(flags: list[str], left: int | None, file: str, device: str, quick: bool) -> None:
    asked = Asked(device, quick, Path(os.environ["COMFYUI_PATH"]))
    asked.start_host(flags)
    taken = None
    if left is not None:
        taken = torch.empty(torch.cuda.mem_get_info()[0] - left, dtype=torch.uint8, device=device)
    torch.save(painted_by(asked), file)
    del taken


def painted_by(asked: Asked) -> dict[str, Tensor]:
    from .hosted import latent_model, order, paint, pixel_model

    settings = PRESETS["draft"]
    model = pixel_model(asked, "fp32")
    side, text = asked.fits(128, 32), [[torch.zeros(1, 1, 1), {}]]
    plain = order(model, (1, 3, side, side), text, text)
    out = {"ADM-256 fp32": paint(plain, settings)[0]}
    patched = model.clone()
    weight = model.model.state_dict()[PATCHED]
    change = 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(5))
    if not patched.add_patches({PATCHED: ("diff", (change,))}):
        raise Missing("the host takes no patch of this weight")
    out["ADM-256 fp32 with a patch"] = paint(order(patched, (1, 3, side, side), text, text), settings)[0]
    flux, shape, texts = latent_model("Flux, a quarter", asked)
    out["Flux, a quarter, fp8"] = paint(order(flux, shape, *texts), settings)[0]
    return out


CHECKS = (compared,)

if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
