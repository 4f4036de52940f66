"""Train the example classifier: a small one of noisy pictures, to guide the example model with.

    python pictures.py pictures.npz
    python train_classifier.py pictures.npz classifier.safetensors
    python pictures.py held_out.npz --first 40000 --count 64
    python train_classifier.py held_out.npz classifier.safetensors --evaluate

The network of guided-diffusion's classifiers (Dhariwal & Nichol 2021, https://arxiv.org/abs/2105.05233, section 4), small, on
the example model's pictures, noise schedule and timesteps. `--evaluate` prints how many pictures it names right at some
levels of noise. A killed run goes on from its last checkpoint when started again with the same arguments.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pictures import SIZE, STYLES
from safetensors.torch import load_file, save_file
from train import FLAGS, STEPS, learning_rate  # makes the pack known, too
from training import follow, go_on, keep, write_whole

# isort: split
from mask_guidance.sampler import alphas_cumprod, named_betas
from mask_guidance.sampler.adm import UNetConfig
from mask_guidance.sampler.adm.encoder import EncoderUNet

NETWORK = UNetConfig(
    in_channels=3,
    out_channels=len(STYLES),
    model_channels=32,
    channel_mult=(1, 2, 2, 2),
    num_res_blocks=1,
    attention_ds=(4, 8),
    num_head_channels=64,
    resblock_updown=True,
)
TOLD = {name: FLAGS[name] for name in ("noise_schedule", "diffusion_steps", "rescale_timesteps")}
SHOWN = (0, 100, 250, 400, 500, 600, 750, 900)  # timesteps of the table
AT_ONCE = 128


def noised(x0: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    a = alphas_cumprod(named_betas(TOLD["noise_schedule"], STEPS)).float()[t].view(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * torch.randn_like(x0)


def scaled(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def save(ema: EncoderUNet, path: Path) -> None:
    tensors = {name: p.half().contiguous() for name, p in ema.state_dict().items()}
    told = {"guided_diffusion_config": json.dumps({**TOLD, "num_head_channels": 64, "class_names": STYLES})}
    write_whole(path, lambda file: save_file(tensors, file, metadata=told))


@torch.no_grad()
def evaluate(net: EncoderUNet, pictures: torch.Tensor, labels: torch.Tensor) -> None:
    """Print the share of pictures that is named right, by timestep."""
    print("| timestep | share of noise | named right |\n|---|---|---|")
    a = alphas_cumprod(named_betas(TOLD["noise_schedule"], STEPS))
    for step in SHOWN:
        t = torch.full((len(pictures),), step)
        x = noised(scaled(pictures), t)
        guesses = [net(*part).argmax(1) for part in zip(x.split(AT_ONCE), t.split(AT_ONCE), strict=True)]
        right = (torch.cat(guesses) == labels).float().mean()
        print(f"| {step} | {1 - a[step]:.2f} | {100 * right:.1f} % |", flush=True)


def train(pictures: torch.Tensor, labels: torch.Tensor, args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    net = EncoderUNet(NETWORK, SIZE)
    ema = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    checkpoint, parts = args.out.with_suffix(".ckpt"), {"net": net, "ema": ema, "optimizer": optimizer}
    (step,) = go_on(checkpoint, parts, step=0)
    torch.manual_seed(args.seed + step)  # a run that goes on must not see its first pictures again
    last_step, saved, mean_loss, seen = -(-args.pictures_seen // args.batch), time.monotonic(), 0.0, 0
    while step < last_step:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / last_step, step, args.lr, warm_up=50)
        pick = torch.randint(0, len(pictures), (args.batch,))
        t = torch.randint(0, STEPS, (args.batch,))
        loss = F.cross_entropy(net(noised(scaled(pictures[pick]), t), t), labels[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step, seen = step + 1, seen + 1
        follow(ema.parameters(), net.parameters(), args.ema, step)

        mean_loss += (loss.item() - mean_loss) / min(seen, 100)
        if step % 50 == 0:
            print(f"{step * args.batch} of {args.pictures_seen} pictures  loss {mean_loss:.4f}", flush=True)
        if time.monotonic() - saved > 120 or step == last_step:
            saved = time.monotonic()
            save(ema, args.out)
            keep(checkpoint, parts, step=step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--evaluate", action="store_true", help="do not train: print how well the classifier names pictures"
    )
    parser.add_argument("--pictures_seen", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=0.99)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.set_flush_denormal(True)
    data = np.load(args.pictures)
    pictures, labels = torch.from_numpy(data["pictures"]), torch.from_numpy(data["labels"])
    if not args.evaluate:
        return train(pictures, labels, args)
    torch.manual_seed(args.seed)
    net = EncoderUNet(NETWORK, SIZE)
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(args.out).items()})
    return evaluate(net.eval(), pictures, labels)


if __name__ == "__main__":
    main()
