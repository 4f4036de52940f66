"""The pack's nodes called in this process, as the host's executor would call them."""

import torch

DETECT = {"num_heads": 0, "num_head_channels": 0, "diffusion_steps": 0}
DETECT |= dict.fromkeys(("attention_order", "noise_schedule", "rescale_timesteps", "prediction"), "auto")
FEW_STEPS = {
    "preset": "custom",
    "method": "repaint",
    "skip_type": "uniform",
    "skip_steps": 6,
    "resample": True,
    "resample_r": 2,
    "resample_j": 2,
}

UNCHANGED = {"feedback": 1.0, "start_resampling": 10_000, "denoise": 1.0, "var_type": "auto", "soft_mask": "binary"}
UNCHANGED |= {"mask_grid": "any touch", "add_noise": True, "start_at_step": 0, "end_at_step": 10_000}
UNCHANGED |= {"cfg_repeats": "shared"}


PICTURE = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(1))


def latent(vae, count: int = 1, mask: torch.Tensor | None = None) -> dict:
    out = {"samples": vae.encode(PICTURE[:count])}
    return out if mask is None else {**out, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])}


def right_half(height: int = 32, width: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    mask[..., width // 2 :] = 1
    return mask


@torch.inference_mode()
def load(name: str, **options):
    """MODEL and VAE from the loader node, everything left to detection unless given."""
    from mask_guidance.nodes.load_model import LoadGuidedDiffusionModel

    settings = {"weights": "ema", "dtype": "auto", "clip_denoised": True, **DETECT, **options}
    model, vae, _report = LoadGuidedDiffusionModel.execute(name, **settings).result
    return model, vae


@torch.inference_mode()
def classifier(name: str, dtype: str = "auto"):
    """CLASSIFIER from its loader node."""
    from mask_guidance.nodes.load_classifier import LoadClassifier

    return LoadClassifier.execute(name, dtype).result[0]


@torch.inference_mode()
def guided(
    model, name: str = "judge.safetensors", class_label: int = 1, scale: float = 1.0, dtype: str = "auto", **options
):
    """MODEL that a classifier guides."""
    from mask_guidance.nodes.classifier_guidance import ClassifierGuidance

    return ClassifierGuidance.execute(model, classifier(name, dtype), class_label, scale, **options).result[0]


@torch.inference_mode()
def paint(model, latent: dict, label: int | tuple[int, ...] | None = 0, **options):
    """LATENT samples and run record from the Mask-Guided KSampler, a few steps long."""
    from mask_guidance.nodes.class_label import conditioning

    return ksampler(model, latent, positive=None if label is None else conditioning(label), **options)


@torch.inference_mode()
def ksampler(model, latent: dict, **options):
    """The same with any conditioning."""
    from mask_guidance.nodes.ksampler import MaskGuidedKSampler

    settings = {"seed": 3, "cfg": 1.0, **FEW_STEPS, **UNCHANGED, **options}
    out, record = MaskGuidedKSampler.execute(model, latent, **settings).result
    return out["samples"], record
