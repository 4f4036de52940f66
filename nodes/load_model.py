"""Load Guided-Diffusion Model."""

from dataclasses import dataclass

import comfy.model_management
from comfy_api.latest import io

from ..sampler.checkpoint import CheckpointError, Detection
from ..sampler.recognition import Recognised, describe, read_again, recognise
from . import model_folder
from .checked import checked
from .model_files import stamps_of
from .pixel_model import DTYPES, model_patcher
from .pixel_vae import pixel_vae

__all__ = ["LoadGuidedDiffusionModel"]

AUTO = "auto"
ORDERS = {"legacy": False, "new": True}
YES_NO = {"yes": True, "no": False}


def overrides(
    num_heads: int,
    num_head_channels: int,
    attention_order: str,
    noise_schedule: str,
    diffusion_steps: int,
    rescale_timesteps: str,
    prediction: str,
) -> dict[str, object]:
    """The flags the user chose; 0 and "auto" leave them to detection."""
    chosen: dict[str, object] = {}
    if num_heads:
        chosen |= {"num_heads": num_heads, "num_head_channels": -1}
    if num_head_channels:
        chosen |= {"num_head_channels": num_head_channels}
    if attention_order != AUTO:
        chosen["use_new_attention_order"] = ORDERS[attention_order]
    if noise_schedule != AUTO:
        chosen["noise_schedule"] = noise_schedule
    if diffusion_steps:
        chosen["diffusion_steps"] = diffusion_steps
    if rescale_timesteps != AUTO:
        chosen["rescale_timesteps"] = YES_NO[rescale_timesteps]
    if prediction != AUTO:
        chosen["prediction"] = prediction
    return chosen


@dataclass(frozen=True)
class Known:
    """What was found in a file, without its weights, and what marked the file then."""

    detection: Detection
    stamps: tuple


def load(name, weights, dtype, clip_denoised, flags, known: Known, disable_dynamic: bool = False):
    """A fresh patcher; the host calls this when it needs one of the classic kind, with weights that it may change."""
    return load_and_describe(name, weights, dtype, clip_denoised, flags, known, disable_dynamic)[0]


def load_and_describe(
    name: str,
    weights: str,
    dtype: str,
    clip_denoised: bool,
    flags: dict,
    known: Known | None = None,
    disable_dynamic: bool = False,
) -> tuple[object, Recognised]:
    """Weights are read each time, for nobody keeps them twice; what else is known of an unchanged file is not sought again."""
    path = model_folder.path_of(name)
    stamps = stamps_of(path)
    try:
        if known is not None and known.stamps == stamps:
            found = read_again(path, weights, known.detection)
        else:
            cancelled = comfy.model_management.throw_exception_if_processing_interrupted
            found = recognise(path, weights, flags, between=cancelled)
    except CheckpointError as error:
        raise ValueError(f"{name}: {error}") from error
    patcher = model_patcher(found, dtype, clip_denoised, disable_dynamic)
    known = Known(found.detection, stamps)
    patcher.cached_patcher_init = (load, (name, weights, dtype, clip_denoised, flags, known))
    return patcher, found


class LoadGuidedDiffusionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceLoadModel",
            display_name="Load Guided-Diffusion Model",
            category="mask guidance",
            description=(
                "Loads a pixel-space model from models/guided_diffusion: of the guided-diffusion family (OpenAI ADM, "
                "improved-diffusion, RePaint, P2 and fine-tunes), DDPM's (diffusers' UNet2DModel as a folder or file, the "
                "original code's, xyfJASON's) or lucidrains'. What the file does not say is looked up, probed or guessed; the "
                "report tells which."
            ),
            search_aliases=[
                "ADM",
                "guided diffusion",
                "RePaint",
                "pixel space",
                "OpenAI diffusion",
                "checkpoint",
                "DDPM",
                "diffusers",
                "UNet2DModel",
            ],
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=model_folder.names(),
                    tooltip="A .pt, .pth, .ckpt or .safetensors file in models/guided_diffusion, a folder there that "
                    "diffusers saved (.bin too), or the pack's example.",
                ),
                io.Combo.Input(
                    "weights",
                    options=["ema", "model"],
                    default="ema",
                    tooltip="Which weights to take from a training file that holds both: the averaged ones (ema) paint "
                    "better; 'model' are those of the last training step. Plain files hold one set, and it is taken.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default=AUTO,
                    tooltip="auto and fp32 repeat the original code's numbers, to rounding. fp16 and bf16 halve the memory and "
                    "are faster on most GPUs, at a small loss; norms and embeddings stay in fp32. On a CPU bf16 is twice as "
                    "fast as fp32 or faster, where the processor computes in it (AMD from 2022, Intel's servers), and the "
                    "network's answers are 1 to 2 % off; fp16 only saves memory there.",
                ),
                io.Boolean.Input(
                    "clip_denoised",
                    default=True,
                    advanced=True,
                    tooltip="Keep every predicted picture within the range of colours, as guided-diffusion does, unless the "
                    "model's own scheduler file says otherwise. Off lets ordinary samplers overshoot by a factor of hundreds "
                    "at the first steps.",
                ),
                io.Int.Input(
                    "num_heads",
                    default=0,
                    min=0,
                    max=64,
                    advanced=True,
                    tooltip="Attention heads, if the report's value is wrong. 0: detect. A wrong value paints noise or "
                    "mush; it costs nothing.",
                ),
                io.Int.Input(
                    "num_head_channels",
                    default=0,
                    min=0,
                    max=512,
                    advanced=True,
                    tooltip="Channels of an attention head; overrides num_heads. 0: detect. OpenAI's large models use 64.",
                ),
                io.Combo.Input(
                    "attention_order",
                    options=[AUTO, *ORDERS],
                    default=AUTO,
                    advanced=True,
                    tooltip="Order of the attention weights (use_new_attention_order). Only OpenAI's 64x64 model "
                    "is published in the new one.",
                ),
                io.Combo.Input(
                    "noise_schedule",
                    options=[AUTO, "linear", "cosine", "quad", "const", "sigmoid"],
                    default=AUTO,
                    advanced=True,
                    tooltip="Noise schedule the model was trained with. A wrong one leaves grain or wipes out detail.",
                ),
                io.Int.Input(
                    "diffusion_steps",
                    default=0,
                    min=0,
                    max=100000,
                    advanced=True,
                    tooltip="Training timesteps T, usually 1000, or 4000 for improved-diffusion. 0: detect.",
                ),
                io.Combo.Input(
                    "rescale_timesteps",
                    options=[AUTO, *YES_NO],
                    default=AUTO,
                    advanced=True,
                    tooltip="The model was trained on timesteps rescaled to 0-1000.",
                ),
                io.Combo.Input(
                    "prediction",
                    options=[AUTO, "eps", "x0", "v"],
                    default=AUTO,
                    advanced=True,
                    tooltip="What the network predicts: the noise (eps, nearly always), the picture (x0), or v.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="MODEL", tooltip="For the nodes of this pack, and for any stock sampler."),
                io.Vae.Output(
                    display_name="VAE",
                    tooltip="Turns IMAGE into the model's pixels and back; known pixels come back byte for byte.",
                ),
                io.String.Output(display_name="report", tooltip="What was found in the file, and how sure it is."),
            ],
        )

    @classmethod
    def validate_inputs(cls, model_name) -> bool | str:
        if not model_folder.names():
            return "No checkpoint found; put a .pt or .safetensors file into models/guided_diffusion."
        linked = model_name is None  # what arrives is known, and checked, when the node runs
        there = linked or model_folder.has(model_name)
        return there or f"'{model_name}' is not in models/guided_diffusion."

    @classmethod
    def fingerprint_inputs(cls, model_name, **kwargs) -> tuple:
        """Load again when the file, or a sidecar beside it, changed; any file, where the name is linked and not known yet."""
        names = model_folder.names() if model_name is None else [model_name]
        return tuple(stamp for name in names for stamp in stamps_of(model_folder.path_of(name)))

    @classmethod
    @checked
    def execute(cls, model_name, weights, dtype, clip_denoised, **flags) -> io.NodeOutput:
        patcher, found = load_and_describe(model_name, weights, dtype, clip_denoised, overrides(**flags))
        return io.NodeOutput(patcher, pixel_vae(found.detection.channels), describe(found))
