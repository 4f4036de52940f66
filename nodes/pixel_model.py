"""A pixel-space network of any family as a MODEL of the host: loaded, cast, offloaded, patched and sampled like any other."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management
import comfy.model_patcher
import comfy.model_sampling
import comfy.patcher_extension
import comfy.supported_models_base
import torch
from torch import Tensor

from ..sampler import sigmas
from ..sampler.checkpoint import Detection, DiffusionConfig, Network
from ..sampler.embedded import Embedded
from ..sampler.fast import bfloat16_is_fast, expected_bytes, working_bytes
from ..sampler.recognition import Recognised
from ..sampler.sentence import shortly
from .host_layers import host_layers
from .own_run import RUN
from .variance import SINK

__all__ = ["LABEL", "NULL_LABEL", "Clip", "PixelModel", "model_patcher"]

LABEL = "class_label"  # key of a class label in a CONDITIONING, or of several, of picture after picture
NULL_LABEL = -1  # stands for "any class"

# RGB of one latent channel, for previews; by number of channels.
PREVIEW = {
    1: [[1.0, 1.0, 1.0]],
    2: [[0.5, 0.5, 0.5]] * 2,
    3: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    4: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
}
# The host's names for our schedules, so that its ModelSamplingDiscrete node finds the same table.
HOST_SCHEDULES = {"linear": "sqrt_linear", "cosine": "cosine", "quad": "linear"}


class PixelFormat(comfy.latent_formats.ChromaRadiance):
    """Latents that are the pictures themselves, in [-1, 1]."""

    def __init__(self, channels: int = 3):
        self.latent_channels = channels
        self.latent_rgb_factors = PREVIEW[channels]


@cache
def host_class(network: type[Network]) -> type[Network]:
    """A family's network class with the host's call. It adds no layer, so the names of weights and LoRA keys stay."""

    class HostNetwork(network):  # type: ignore[misc, valid-type]
        def __init__(self, detection: Detection, dtype: torch.dtype, device=None, operations: Any = None):
            super().__init__(detection.config, host_layers(operations), device, dtype)
            self.detection = detection
            self.variance: Tensor | None = None  # variance channels of the last call

        def forward(self, x, timesteps, context=None, control=None, transformer_options=None, y=None, **kwargs):
            options = {} if transformer_options is None else transformer_options
            extension = comfy.patcher_extension
            wrappers = extension.get_all_wrappers(extension.WrappersMP.DIFFUSION_MODEL, options)
            return extension.WrapperExecutor.new_class_executor(self.predict, self, wrappers).execute(
                x, timesteps, context, control, options, y=y, **kwargs
            )

        def predict(self, x, timesteps, context=None, control=None, transformer_options=None, y=None, **kwargs):
            """The prediction; variance channels leave by the side door (see variance.py)."""
            found = self.detection
            timesteps = timesteps * found.diffusion.timestep_scale
            output = super().forward(x, timesteps, y, self.embedded(transformer_options, timesteps, y))
            if found.has_variance:
                self.variance = output[:, found.channels :]
            return output[:, : found.channels]

        def embedded(self, options: dict, timesteps: Tensor, y: Tensor | None) -> Embedded | None:
            """What the run that calls, if it is ours, keeps of these timesteps and labels.

            Not while a compiler reads: what it found among the options would be found for good.
            """
            run = None if torch.compiler.is_compiling() else options.get(RUN)
            return run and run.embedded(options, len(timesteps), lambda: self.embed(timesteps, y))

        def take_variance(self) -> Tensor | None:
            """Variance channels of the last call, once; None where it gave none."""
            variance, self.variance = self.variance, None
            return variance

    return HostNetwork


class X0Prediction(comfy.model_sampling.EPS):
    """For networks that predict the clean picture itself."""

    def calculate_denoised(self, sigma, model_output, model_input):
        return model_output


PREDICTIONS = {"eps": comfy.model_sampling.EPS, "v": comfy.model_sampling.V_PREDICTION, "x0": X0Prediction}


def model_sampling(config: "PixelConfig", diffusion: DiffusionConfig) -> torch.nn.Module:
    """The noise levels of a network: its own float64 schedule of any length, which the host's names cannot express."""

    class Sampling(comfy.model_sampling.ModelSamplingDiscrete, PREDICTIONS[diffusion.prediction]):  # type: ignore[misc, valid-type, name-defined]
        def percent_to_sigma(self, percent):
            # The host's own counts 1000 steps whatever the schedule's length.
            if percent <= 0:
                return 999999999.9
            if percent >= 1:
                return 0.0
            return self.sigma(torch.tensor((1 - percent) * (len(self.sigmas) - 1))).item()

    sampling = Sampling(config)
    sampling.num_timesteps = diffusion.diffusion_steps
    sampling.set_sigmas(sigmas(diffusion.alphas_cumprod()))
    return sampling


class PixelConfig(comfy.supported_models_base.BASE):
    """What the host wants to know of a model before it builds one."""

    unet_config = {}  # noqa: RUF012 - the host's convention
    unet_extra_config = {}  # noqa: RUF012 - the host's would overwrite the number of heads
    supported_inference_dtypes = [torch.float32, torch.float16, torch.bfloat16]  # noqa: RUF012
    latent_format = PixelFormat

    def __init__(self, detection: Detection):
        # Not the architecture's flags themselves: the host would read `num_res_blocks` as Stable Diffusion's.
        super().__init__({"detection": detection})
        self.latent_format = PixelFormat(detection.channels)
        diffusion = detection.diffusion
        betas = diffusion.betas()
        self.sampling_settings = {
            "beta_schedule": HOST_SCHEDULES.get(diffusion.noise_schedule, "sqrt_linear"),
            "timesteps": diffusion.diffusion_steps,
            "linear_start": float(betas[0]),
            "linear_end": float(betas[-1]),
        }


class PixelModel(comfy.model_base.BaseModel):
    """A recognised checkpoint in the host's model management."""

    def __init__(self, config: PixelConfig, detection: Detection):
        network = host_class(detection.family.network)  # type: ignore[arg-type] # a class is hashable
        super().__init__(config, comfy.model_base.ModelType.EPS, unet_model=network)
        self.detection = detection
        self.model_sampling = model_sampling(config, detection.diffusion)

    def apply_model(
        self, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs
    ) -> Tensor:
        """The host's; what the network has left of variance goes to the run that asks for it."""
        options = {} if transformer_options is None else transformer_options
        # Hooks write over weights in place, which nobody sees.
        self.diffusion_model.packs.allowed = not getattr(self.current_patcher, "hook_backup", None)
        denoised = super().apply_model(x, t, c_concat, c_crossattn, control, options, **kwargs)
        variance = self.diffusion_model.take_variance()
        if variance is not None and SINK in options:
            options[SINK].put(variance, options.get("cond_or_uncond", [0]), options.get("uuids", ()))
        return denoised

    def extra_conds(self, **kwargs) -> dict:
        """The class label, and nothing else: text conditioning that someone connected has no meaning here."""
        classes = self.detection.num_classes
        if classes is None:
            return {}
        told = kwargs.get(LABEL)
        labels = [self.label(label, classes) for label in (told if isinstance(told, tuple) else [told])]
        return {"y": comfy.conds.CONDRegular(torch.tensor(labels, device=kwargs.get("device")))}

    def label(self, label: Any, classes: int) -> int:
        if isinstance(label, int) and label == NULL_LABEL:
            label = self.detection.null_class
            if label is None:
                raise ValueError("This model was trained without an 'any class' label; choose a class in Class Label.")
        if label is None:
            raise ValueError(
                f"This model has {classes} classes; connect a Class Label node to its conditioning inputs."
            )
        if not isinstance(label, int) or not 0 <= label < classes:
            raise ValueError(f"class_label is {shortly(label)}, but this model has classes 0 to {classes - 1}.")
        return label

    def memory_required(self, input_shape, cond_shapes=None) -> float:
        """Bytes of activations, and on a processor of the packed weights that are not made yet."""
        pixels = input_shape[0] * input_shape[-1] * input_shape[-2]
        dtype, config, net = self.get_dtype_inference(), self.detection.config, self.diffusion_model
        if comfy.model_management.is_device_cpu(comfy.model_management.get_torch_device()):
            return working_bytes(net, config, pixels, dtype) + expected_bytes(net)
        return pixels * config.activations(dtype.itemsize)


DTYPES = {"auto": torch.float32, "fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def model_patcher(found: Recognised, dtype: str, clip_denoised: bool, disable_dynamic: bool = False):
    """A recognised checkpoint under the host's management.

    Args:
        found: The checkpoint.
        dtype: Of the torso's weights, a key of DTYPES; "auto" is float32, which alone repeats the original's numbers.
        clip_denoised: Keep every predicted picture in the range it was trained for, as guided-diffusion does and stock
            samplers do not.
        disable_dynamic: Ask for the host's classic patcher.
    """
    detection = found.detection
    load_device = comfy.model_management.get_torch_device()
    offload_device = comfy.model_management.unet_offload_device()
    config = PixelConfig(detection)
    weights = DTYPES[dtype]
    compute = comfy.model_management.unet_manual_cast(weights, load_device, config.supported_inference_dtypes)
    if weights == torch.bfloat16 and comfy.model_management.is_device_cpu(load_device) and bfloat16_is_fast():
        compute = None  # which the host believes to be slow on every processor
    config.set_inference_dtype(weights, compute)

    model = PixelModel(config, detection)
    patchers = comfy.model_patcher
    patcher_class = patchers.ModelPatcher if disable_dynamic else patchers.CoreModelPatcher
    patcher = patcher_class(model, load_device=load_device, offload_device=offload_device)
    if not comfy.model_management.is_device_cpu(offload_device):
        model.to(offload_device)
    tensors = dict(found.checkpoint.tensors)
    if not patcher.is_dynamic():  # a dynamic one gives each its type and place when it is used
        tensors = {key: tensors[key].to(place) for key, place in model.diffusion_model.state_dict().items()}
    # Assigned, not copied: what needs no other type stays in its file until it is used.
    model.load_model_weights(tensors, "", assign=True)
    patcher.add_callback(comfy.patcher_extension.CallbacksMP.ON_DETACH, free_packs)
    if clip_denoised and detection.diffusion.clip:
        patcher.set_model_sampler_post_cfg_function(Clip(detection.diffusion.clip))
    return patcher


def free_packs(patcher: comfy.model_patcher.ModelPatcher, unpatch_all: bool) -> None:
    """What a processor keeps beside the weights goes when the host unloads them."""
    patcher.model.diffusion_model.packs.clear()


@dataclass(frozen=True)
class Clip:
    """Keeps predicted pictures in [-bound, bound]."""

    bound: float

    def __call__(self, args: dict) -> Tensor:
        return args["denoised"].clamp(-self.bound, self.bound)
