"""Train the example model: a small class-conditional guided-diffusion network at 64x64.

    pip install -r requirements.txt                     (and torch, numpy, safetensors)
    python pictures.py pictures.npz
    python train.py pictures.npz model.safetensors --pictures_seen 600000

Hybrid loss with learned variance and cosine schedule (Nichol & Dhariwal 2021, https://arxiv.org/abs/2102.09672), the
noise term weighted by min-SNR (Hang et al. 2023, https://arxiv.org/abs/2303.09556) with a floor so that the last, fine
levels learn too. A share of the labels is replaced by a null class, so that classifier-free guidance works.
A killed run goes on from its last checkpoint when started again with the same arguments; `--start` begins with the weights
of an earlier run in place of random ones.
"""

import argparse
import copy
import json
import math
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pictures import SIZE, STYLES
from safetensors.torch import load_file, save_file
from training import follow, go_on, keep, write_whole

# The pack's folder may have any name; here it is called as the library is.
PACK = types.ModuleType("mask_guidance")
PACK.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["mask_guidance"] = PACK

from mask_guidance.sampler import alphas_cumprod, named_betas  # noqa: E402
from mask_guidance.sampler.adm import UNet, UNetConfig  # noqa: E402
from mask_guidance.sampler.adm.unet import AttentionBlock, ResBlock  # noqa: E402

STEPS = 1000
NULL_CLASS = len(STYLES)
NETWORK = UNetConfig(
    in_channels=3,
    out_channels=6,
    model_channels=32,
    channel_mult=(1, 2, 3, 4),
    num_res_blocks=1,
    attention_ds=(4, 8),
    num_classes=len(STYLES) + 1,
    num_head_channels=32,
    resblock_updown=True,
)
# Everything a loader cannot read from the tensors, in guided-diffusion's flag names.
FLAGS = {
    "image_size": SIZE,
    "num_head_channels": 32,
    "use_new_attention_order": False,
    "noise_schedule": "cosine",
    "diffusion_steps": STEPS,
    "rescale_timesteps": False,
    "predict_xstart": False,
    "class_names": [*STYLES, "(any)"],
    "null_class": NULL_CLASS,
}


class HybridLoss:
    """Weighted squared error of the noise plus the variational bound of the variance."""

    def __init__(self, device: torch.device, gamma: float = 5.0, floor: float = 0.1):
        betas = named_betas("cosine", STEPS)
        a = alphas_cumprod(betas)
        a_prev = F.pad(a[:-1], (1, 0), value=1.0)
        snr = a / (1 - a)
        var_small = betas * (1 - a_prev) / (1 - a)
        tables = {
            "a": a,
            "weight": (snr.clamp(max=gamma) / snr).clamp(min=floor),
            "log_small": torch.cat([var_small[1:2], var_small[1:]]).log(),
            "log_large": betas.log(),
            "c_x0": betas * a_prev.sqrt() / (1 - a),
            "c_xt": (1 - a_prev) * (1 - betas).sqrt() / (1 - a),
        }
        self.tables = {name: table.float().to(device) for name, table in tables.items()}

    def __call__(self, net: torch.nn.Module, x0: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        t = torch.randint(0, STEPS, (len(x0),), device=x0.device)
        table = {name: values[t].view(-1, 1, 1, 1) for name, values in self.tables.items()}
        noise = torch.randn_like(x0)
        x_t = table["a"].sqrt() * x0 + (1 - table["a"]).sqrt() * noise
        eps, v = net(x_t, t, y).chunk(2, dim=1)

        squared_error = (table["weight"] * (eps - noise).square()).mean()
        return squared_error + variance_bound(x0, x_t, eps.detach(), v, t, table)


def variance_bound(x0, x_t, eps, v, t, table) -> torch.Tensor:
    """Bits a value that the learned variance costs; the mean is held fixed."""
    predicted = ((x_t - (1 - table["a"]).sqrt() * eps) / table["a"].sqrt()).clamp(-1, 1)
    log_var = (v + 1) / 2 * table["log_large"] + (1 - v) / 2 * table["log_small"]
    truth = table["c_x0"] * x0 + table["c_xt"] * x_t
    mean = table["c_x0"] * predicted + table["c_xt"] * x_t
    gap = log_var - table["log_small"]
    kl = 0.5 * (gap + torch.exp(-gap) - 1 + (truth - mean).square() * torch.exp(-log_var))
    bits = torch.where(t.view(-1, 1, 1, 1) == 0, decoder_nll(x0, mean, log_var), kl) / math.log(2)
    return bits.mean()


def decoder_nll(x0, mean, log_var) -> torch.Tensor:
    """Negative log-likelihood of 8-bit values under a Gaussian (Ho et al. 2020, equation 13)."""
    scale = torch.exp(-0.5 * log_var)
    upper = torch.special.ndtr(scale * (x0 - mean + 1 / 255)).where(x0 < 0.999, torch.ones_like(x0))
    lower = torch.special.ndtr(scale * (x0 - mean - 1 / 255)).where(x0 > -0.999, torch.zeros_like(x0))
    return -(upper - lower).clamp(min=1e-12).log()


def silence_residuals(net: UNet) -> None:
    """Start every residual branch and the output at zero, as the original does."""
    last = [m.out_layers[3] for m in net.modules() if isinstance(m, ResBlock)]
    last += [m.proj_out for m in net.modules() if isinstance(m, AttentionBlock)]
    for layer in (*last, net.out[2]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)


def learning_rate(done: float, step: int, peak: float, warm_up: int = 300) -> float:
    """Linear warm-up in steps, cosine decay over the share of the pictures that is seen."""
    return peak * min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def save(ema: UNet, path: Path) -> None:
    tensors = {name: p.half().contiguous() for name, p in ema.state_dict().items()}
    write_whole(path, lambda file: save_file(tensors, file, metadata={"guided_diffusion_config": json.dumps(FLAGS)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures_seen", type=int, default=600_000, help="how long; the learning rate decays over it")
    parser.add_argument("--start", type=Path, help="weights to begin with, a .safetensors file of this network")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--ema", type=float, default=0.999)
    parser.add_argument("--drop_label", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_flush_denormal(True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = np.load(args.pictures)
    pictures, labels = torch.from_numpy(data["pictures"]), torch.from_numpy(data["labels"])

    torch.manual_seed(args.seed)
    net = UNet(NETWORK).to(device)
    if args.start:
        net.load_state_dict({name: tensor.float() for name, tensor in load_file(args.start).items()})
    else:
        silence_residuals(net)
    ema = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    checkpoint, parts = args.out.with_suffix(".ckpt"), {"net": net, "ema": ema, "optimizer": optimizer}
    (step,) = go_on(checkpoint, parts, step=0)
    torch.manual_seed(args.seed + step)  # a run that goes on must not see its first pictures again
    loss_of = HybridLoss(device)
    last_step, saved = -(-args.pictures_seen // args.batch), time.monotonic()
    mean_loss, seen = 0.0, 0  # of this start
    while step < last_step:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / last_step, step, args.lr)
        pick = torch.randint(0, len(pictures), (args.batch,))
        x0 = pictures[pick].permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        y = labels[pick].where(torch.rand(args.batch) >= args.drop_label, NULL_CLASS).to(device)

        loss = loss_of(net, x0, y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        follow(ema.parameters(), net.parameters(), args.ema, step)

        seen += 1
        mean_loss += (loss.item() - mean_loss) / min(seen, 200)
        if step % 100 == 0:
            print(f"{step * args.batch} of {args.pictures_seen} pictures  loss {mean_loss:.4f}", flush=True)
        if time.monotonic() - saved > 300 or step == last_step:
            saved = time.monotonic()
            save(ema, args.out)
            keep(checkpoint, parts, step=step)


if __name__ == "__main__":
    main()
