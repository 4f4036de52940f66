"""Train the small latent model of latent.py, on the example's pictures: first its VAE, then its network.

    python examples/train/pictures.py pictures.npz
    export COMFYUI_PATH=...
    python tests/benchmarks/train_latent.py vae pictures.npz vae.safetensors --minutes 25
    python tests/benchmarks/train_latent.py unet pictures.npz latent.safetensors --vae vae.safetensors --minutes 40

VAE: absolute and squared error of the picture, a little of the KL term (Rombach et al. 2022, https://arxiv.org/abs/2112.10752;
no adversary, no downloaded perceptual loss); at the end its latents are brought to the mean and scale that the host expects.
Network: the noise of Stable Diffusion's schedule, weighted by min-SNR (Hang et al. 2023, https://arxiv.org/abs/2303.09556), a
text of four learned vectors for each style, dropped from time to time for classifier-free guidance.
A killed run goes on from its last checkpoint when started again with the same arguments.
"""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "host"), str(ROOT / "examples" / "train")]
import latent_model  # noqa: E402
from in_process import start_host  # noqa: E402
from latent_model import SCALE, TOKENS, WIDTH, new_unet, new_vae, weights  # noqa: E402
from training import follow, go_on, keep  # noqa: E402

STYLES = 8
KL = 5e-4  # of the mean KL of a latent value
SAVE_EVERY = 150  # seconds
EMA = 0.999
CROPPED, CROP = 0.6, 32  # the VAE sees crops of this side for this share of the time: four times the steps


class Clock:
    """Minutes of training, those of earlier starts with it."""

    def __init__(self, minutes: float, spent: float = 0.0):
        self.seconds, self.before, self.started = 60 * minutes, spent, time.monotonic()

    @property
    def spent(self) -> float:
        return self.before + time.monotonic() - self.started

    @property
    def share(self) -> float:
        return min(1.0, self.spent / self.seconds)


def learning_rate(share: float, step: int, peak: float, warm_up: int = 100) -> float:
    """Linear warm-up in steps, cosine decay over the time."""
    return peak * min(1.0, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * share))


def train(
    parts: dict[str, torch.nn.Module],
    loss_of: Callable[[float], Tensor],
    save: Callable[[], None],
    args: argparse.Namespace,
) -> None:
    """Gradient descent until the time is over; what is saved is the running mean of the weights.

    Args:
        parts: Trained modules by name; "ema_" and a name is that part's running mean.
        loss_of: Of a batch, after a share of the time.
        save: Writes the result.
    """
    trained = [p for name, part in parts.items() if not name.startswith("ema_") for p in part.parameters()]
    means = [p for name, part in parts.items() if name.startswith("ema_") for p in part.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, weight_decay=0.01)
    checkpoint, parts = args.out.with_suffix(".ckpt"), {**parts, "optimizer": optimizer}
    step, spent = go_on(checkpoint, parts, step=0, spent=0.0)
    torch.manual_seed(args.seed + step)  # a run that goes on must not see its first pictures again

    clock, saved, mean_loss, seen = Clock(args.minutes, spent), time.monotonic(), 0.0, 0
    while clock.share < 1:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(clock.share, step, args.lr)
        loss = loss_of(clock.share)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        follow(means, trained, EMA, step)

        seen += 1
        mean_loss += (loss.item() - mean_loss) / min(seen, 100)
        if step % 50 == 0:
            print(f"step {step}  {clock.spent / 60:.1f} of {args.minutes:g} minutes  loss {mean_loss:.5f}", flush=True)
        if time.monotonic() - saved > SAVE_EVERY or clock.share == 1:
            saved = time.monotonic()
            save()
            keep(checkpoint, parts, step=step, spent=clock.spent)


def batches(data: Path, batch: int) -> Callable[[], tuple[Tensor, Tensor]]:
    """Pictures in [-1, 1] and labels, drawn anew at each call."""
    loaded = np.load(data)
    pictures, labels = torch.from_numpy(loaded["pictures"]), torch.from_numpy(loaded["labels"])

    def draw() -> tuple[Tensor, Tensor]:
        pick = torch.randint(0, len(pictures), (batch,))
        return pictures[pick].permute(0, 3, 1, 2).float() / 127.5 - 1, labels[pick]

    return draw


def cropped(pictures: Tensor) -> Tensor:
    """One place for the whole batch."""
    top, left = torch.randint(0, pictures.shape[-1] - CROP + 1, (2,)).tolist()
    return pictures[..., top : top + CROP, left : left + CROP]


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def moments(vae: torch.nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the latents."""
    mean, log_var = vae.quant_conv(vae.encoder(pictures)).float().chunk(2, dim=1)
    return mean, log_var.clamp(-30, 20)


def train_vae(args: argparse.Namespace) -> None:
    vae = new_vae()
    ema = copy.deepcopy(vae).requires_grad_(False)
    draw = batches(args.pictures, args.batch)

    def loss_of(share: float) -> Tensor:
        pictures = cropped(draw()[0]) if share < CROPPED else draw()[0]
        with autocast():
            mean, log_var = moments(vae, pictures)
            decoded = vae.decode(mean + (log_var / 2).exp() * torch.randn_like(mean)).float()
        error = decoded - pictures
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).mean()
        return error.abs().mean() + error.square().mean() + KL * kl

    def save() -> None:
        many = torch.cat([draw()[0] for _ in range(16)])
        latent_model.save(args.out, vae=scaled(copy.deepcopy(ema), many))

    train({"vae": vae, "ema_vae": ema}, loss_of, save, args)
    pictures, _ = draw()
    with torch.no_grad():
        error = (ema.decode(moments(ema, pictures)[0]) - pictures) / 2
    print(f"PSNR {-10 * math.log10(error.square().mean()):.2f} dB on training pictures")


@torch.no_grad()
def scaled(vae: torch.nn.Module, pictures: Tensor) -> torch.nn.Module:
    """Latents of mean 0 and standard deviation 1 / SCALE in every channel: the change is taken back before the decoder."""
    mean, _ = moments(vae, pictures)
    centre, factor = mean.mean((0, 2, 3)), 1 / (SCALE * mean.std((0, 2, 3)))
    after, before = vae.quant_conv, vae.post_quant_conv
    count = len(centre)
    after.weight[:count] *= factor.view(-1, 1, 1, 1)
    after.bias[:count] = (after.bias[:count] - centre) * factor
    after.bias[count:] += 2 * factor.log()
    before.bias += before.weight[:, :, 0, 0] @ centre
    before.weight /= factor.view(1, -1, 1, 1)
    return vae


def encoded(vae: torch.nn.Module, pictures: Tensor, batch: int = 64) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every picture's latents, as the network sees them."""
    means, stds = [], []
    with torch.no_grad(), autocast():
        for part in pictures.split(batch):
            mean, log_var = moments(vae, part.permute(0, 3, 1, 2).float() / 127.5 - 1)
            means.append(SCALE * mean)
            stds.append(SCALE * (log_var / 2).exp())
    return torch.cat(means), torch.cat(stds)


class Texts(torch.nn.Module):
    """A text for each style, and one for any."""

    def __init__(self):
        super().__init__()
        self.values = torch.nn.Parameter(torch.randn(STYLES + 1, TOKENS, WIDTH))

    def forward(self, labels: Tensor) -> Tensor:
        return self.values[labels]


def train_unet(args: argparse.Namespace) -> None:
    from comfy.model_sampling import ModelSamplingDiscrete

    vae = new_vae().eval()
    vae.load_state_dict(weights(args.vae, "vae"))
    cache = args.out.with_suffix(".latents")
    if not cache.exists():
        data = np.load(args.pictures)
        pick = torch.randperm(len(data["labels"]))[: args.cached]
        latents = encoded(vae, torch.from_numpy(data["pictures"])[pick])
        torch.save({"latents": latents, "labels": torch.from_numpy(data["labels"])[pick]}, cache)
    kept = torch.load(cache, weights_only=True)
    (mean, std), labels = kept["latents"], kept["labels"]
    print(f"latents: mean {mean.mean((0, 2, 3)).tolist()}, std {mean.std((0, 2, 3)).tolist()}", flush=True)

    unet, texts = new_unet(), Texts()
    parts = {"unet": unet, "texts": texts}
    means = {f"ema_{name}": copy.deepcopy(part).requires_grad_(False) for name, part in parts.items()}
    sigmas = ModelSamplingDiscrete().sigmas
    snr = sigmas**-2
    weight = (snr.clamp(max=5) / snr).clamp(min=0.1)

    def loss_of(share: float) -> Tensor:
        pick = torch.randint(0, len(mean), (args.batch,))
        clean = mean[pick] + std[pick] * torch.randn_like(mean[pick])
        given = labels[pick].where(torch.rand(args.batch) >= args.drop_label, STYLES)
        t = torch.randint(0, len(sigmas), (args.batch,))
        noise, sigma = torch.randn_like(clean), sigmas[t].view(-1, 1, 1, 1)
        with autocast():
            guess = unet((clean + sigma * noise) / (1 + sigma**2).sqrt(), t, texts(given)).float()
        return (weight[t].view(-1, 1, 1, 1) * (guess - noise).square()).mean()

    def save() -> None:
        latent_model.save(args.out, means["ema_texts"].values, vae=vae, unet=means["ema_unet"])

    train({**parts, **means}, loss_of, save, args)


TRAININGS: dict[str, Callable[[argparse.Namespace], None]] = {"vae": train_vae, "unet": train_unet}


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(TRAININGS))
    parser.add_argument("pictures", type=Path, help="of examples/train/pictures.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--vae", type=Path, help="for unet")
    parser.add_argument("--cached", type=int, default=24_000, help="for unet: pictures whose latents are trained on")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long; the learning rate decays over it")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--drop_label", type=float, default=0.12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.part == "unet" and args.vae is None:
        parser.error("--vae is missing: the network paints the latents of a VAE")
    if "COMFYUI_PATH" not in os.environ:
        parser.error("set COMFYUI_PATH to the folder of a ComfyUI")

    start_host(os.environ["COMFYUI_PATH"], "--cpu", "--use-pytorch-cross-attention")
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    TRAININGS[args.part](args)


if __name__ == "__main__":
    main()
