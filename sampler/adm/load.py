"""From a checkpoint file to a network that runs."""

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from .checkpoint import Checkpoint, CheckpointError, read_checkpoint
from .config import UNetConfig
from .detect import HEADS, Detection, detect
from .flags import Flags, metadata_flags, sidecar_flags
from .probe import probe_heads, probe_schedule
from .unet import UNet

__all__ = ["Recognised", "describe", "load_unet", "recognise"]

YOU = "you"
SCHEDULE = ("noise_schedule", "diffusion_steps", "rescale_timesteps")


@dataclass(frozen=True)
class Recognised:
    """A checkpoint and what it was found to be."""

    checkpoint: Checkpoint
    detection: Detection


def recognise(path: str | Path, weights: str = "ema", overrides: Flags | None = None, probe: bool = True) -> Recognised:
    """Read a checkpoint and find out everything needed to run it.

    Args:
        path: .safetensors, .pt, .pth or .ckpt.
        weights: "ema" or "model", where the file holds both.
        overrides: Hidden flags the user insists on, see `flags.HIDDEN`.
        probe: Try the possible readings of attention and schedule where nothing better than a guess is known. Costs some
            dozen small forward passes on the CPU.

    Raises:
        CheckpointError: With one sentence that says what is wrong and what to do.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path, weights)
    sidecar, flags = sidecar_flags(path)
    layers = [
        ("metadata", metadata_flags(checkpoint.metadata)),
        (f"sidecar {sidecar}", flags),
        (YOU, overrides or {}),
    ]
    detection = detect(checkpoint.tensors, layers)
    check_keys(checkpoint, detection.unet)
    if probe and (detection.guessed(HEADS) or detection.guessed(("noise_schedule",))):
        detection = settle_by_probe(checkpoint, detection)
    return Recognised(checkpoint, detection)


def load_unet(path: str | Path, weights: str = "ema", overrides: Flags | None = None) -> tuple[UNet, Detection]:
    """A float32 network on the CPU, ready to call, and what it was found to be; arguments as for `recognise`."""
    found = recognise(path, weights, overrides)
    return build(found.checkpoint, found.detection.unet), found.detection


def build(checkpoint: Checkpoint, config: UNetConfig) -> UNet:
    """The network around the checkpoint's own tensors; halves become float32, everything else is not copied."""
    net = UNet(config, nn, device="meta")
    net.load_state_dict({key: value.float() for key, value in checkpoint.tensors.items()}, assign=True)
    return net.requires_grad_(False).eval()


def check_keys(checkpoint: Checkpoint, config: UNetConfig) -> None:
    """Every tensor of the network must be there, in the right shape, and no other."""
    expected = {key: tuple(value.shape) for key, value in UNet(config, nn, device="meta").state_dict().items()}
    found = {key: tuple(value.shape) for key, value in checkpoint.tensors.items()}
    for words, keys in (
        ("lacks", sorted(set(expected) - set(found))),
        ("has the unknown", sorted(set(found) - set(expected))),
    ):
        if keys:
            raise CheckpointError(
                f"This checkpoint {words} {len(keys)} of a guided-diffusion network's tensors, e.g. {keys[0]}; "
                "it is damaged, or of a variant this loader does not know."
            )
    for key, shape in expected.items():
        if found[key] != shape:
            raise CheckpointError(f"Tensor {key} has shape {found[key]}, expected {shape}; the checkpoint is damaged.")


def settle_by_probe(checkpoint: Checkpoint, detection: Detection) -> Detection:
    """Replace guesses by what works best on a few synthetic pictures, where the difference is clear."""
    net = build(checkpoint, detection.unet)
    unet, diffusion, sources = detection.unet, detection.diffusion, dict(detection.sources)
    open_flags = [flag for flag in HEADS if detection.guessed((flag,))]
    if open_flags:
        unet, gain = probe_heads(net, diffusion, fixed=set(HEADS) - set(open_flags))
        if gain > 1:
            sources |= dict.fromkeys(open_flags, f"probe (error {gain:.1f} times smaller than with the guess)")
            net = build(checkpoint, unet)
    if detection.guessed(("noise_schedule",)):
        open_flags = [flag for flag in SCHEDULE if detection.guessed((flag,))]
        diffusion, gain = probe_schedule(net, diffusion, fixed=set(SCHEDULE) - set(open_flags))
        if gain > 1:
            sources |= dict.fromkeys(open_flags, f"probe (error {gain:.1f} times smaller than with the guess)")
    return replace(detection, unet=unet, diffusion=diffusion, sources=sources)


def describe(found: Recognised) -> str:
    """What was found and how sure it is, for people; a line a fact."""
    unet, diffusion, sources = found.detection.unet, found.detection.diffusion, found.detection.sources
    parameters = sum(value.numel() for value in found.checkpoint.tensors.values()) / 1e6
    origin = f", weights from '{found.checkpoint.origin}'" if found.checkpoint.origin else ""
    widths = ", ".join(f"{mult:g}" for mult in unet.channel_mult)
    attention = ", ".join(f"1/{ds}" for ds in unet.attention_ds) or "the middle"
    by_channels = unet.num_head_channels > 0
    heads = f"{unet.num_head_channels} channels a head" if by_channels else f"{unet.num_heads} heads"
    head_source = sources["num_head_channels" if by_channels else "num_heads"]
    order = "new" if unet.use_new_attention_order else "legacy"
    rescaled = ", rescaled timesteps" if diffusion.rescale_timesteps else ""
    names = f" ({', '.join(found.detection.class_names)})" if found.detection.class_names else ""
    return "\n".join(
        [
            f"guided-diffusion UNet, {parameters:.1f} M parameters{origin}",
            f"width: {unet.model_channels} channels x {widths}; {unet.num_res_blocks} residual blocks a level",
            f"attention at {attention}: {heads}   [{head_source}], "
            f"{order} order   [{sources['use_new_attention_order']}]",
            f"channels: {unet.in_channels} in, {unet.out_channels} out; classes: {unet.num_classes or 'none'}{names}",
            f"noise schedule: {diffusion.noise_schedule}, {diffusion.diffusion_steps} steps{rescaled}"
            f"   [{sources['noise_schedule']}]",
            f"predicts {diffusion.prediction}   [{sources['prediction']}]; "
            f"variance: {diffusion.var_type}   [{sources['var_type']}]",
            f"trained at {found.detection.image_size} px   [{sources['image_size']}]; "
            f"sides must be multiples of {unet.size_multiple}",
        ]
    )
