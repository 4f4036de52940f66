"""What the nodes need of ComfyUI, by name: looked for before they are loaded, so that a sentence tells what is missing."""

import sys
from collections.abc import Set
from pkgutil import resolve_name

__all__ = ["FOR_MODELS", "NEEDED", "TESTED", "check_host", "what_models_lack"]

TESTED = ("0.16.3", "0.30.0")  # the oldest and the newest ComfyUI that run.py knows
NEEDED = {
    "comfy.cli_args": "args.disable_metadata",
    "comfy.conds": "CONDRegular",
    "comfy.latent_formats": "ChromaRadiance",
    "comfy.model_base": "BaseModel.apply_model ModelType.EPS",
    "comfy.model_management": (
        "InterruptProcessingException dtype_size free_memory get_torch_device intermediate_device is_device_cpu "
        "load_models_gpu throw_exception_if_processing_interrupted unet_manual_cast unet_offload_device"
    ),
    "comfy.model_patcher": (
        "CoreModelPatcher ModelPatcher.add_callback ModelPatcher.add_wrapper_with_key "
        "ModelPatcher.get_additional_models_with_key ModelPatcher.get_model_object ModelPatcher.is_dynamic "
        "ModelPatcher.set_additional_models "
        "ModelPatcher.set_model_sampler_post_cfg_function ModelPatcher.state_dict_for_saving create_model_options_clone"
    ),
    "comfy.model_sampling": "EPS ModelSamplingDiscrete V_PREDICTION",
    "comfy.patcher_extension": (
        "CallbacksMP.ON_DETACH WrapperExecutor.new_class_executor "
        "WrappersMP.APPLY_MODEL WrappersMP.DIFFUSION_MODEL WrappersMP.PREPARE_SAMPLING get_all_wrappers"
    ),
    "comfy.sample": "fix_empty_latent_channels",
    "comfy.samplers": "CFGGuider.sample CFGGuider.set_cfg CFGGuider.set_conds Sampler",
    "comfy.sd": "VAE.decode VAE.encode VAE.spacial_compression_encode VAE.temporal_compression_decode",
    "comfy.supported_models_base": "BASE.set_inference_dtype",
    "comfy.utils": "PROGRESS_BAR_ENABLED ProgressBar",
    "comfy_api.latest": (
        "ComfyExtension io.Boolean.Input io.Color.io_type io.Combo.Input io.ComfyNode io.Conditioning.Input "
        "io.Conditioning.Output io.Custom io.Float.Input io.Float.Output io.FolderType.temp io.Hidden.extra_pnginfo "
        "io.Hidden.prompt io.Image.Input io.Image.Output io.Input io.Int.Input io.Int.Output io.Latent.Input io.Latent.Output "
        "io.Mask.Input io.Mask.Output io.Model.Input io.Model.Output io.NodeOutput io.Sampler.Output io.Schema "
        "io.Sigmas.Output io.String.Input io.String.Output io.Vae.Input io.Vae.Output ui.SavedResult"
    ),
    "comfy_execution.utils": "get_executing_context",
    "folder_paths": (
        "add_model_folder_path folder_names_and_paths get_filename_list get_filename_list_ get_full_path_or_raise "
        "get_input_directory get_output_directory get_save_image_path get_temp_directory models_dir"
    ),
    "latent_preview": "get_previewer",
    "server": "PromptServer",
}
# Needed by the nodes of nodes/model_nodes.py only.
FOR_MODELS = {
    "comfy.cli_args",
    "comfy.conds",
    "comfy.latent_formats",
    "comfy.model_base",
    "comfy.model_patcher",
    "comfy.model_sampling",
    "comfy.patcher_extension",
    "comfy.samplers",
    "comfy.sd",
    "comfy.supported_models_base",
}
HEAVY = ("server",)  # not loaded for this, where main.py has not


def check_host() -> None:
    """Raises ImportError, in one sentence, if this ComfyUI lacks what every node needs."""
    told = lacking(NEEDED.keys() - FOR_MODELS)
    if told:
        raise ImportError(f"Mask Guidance is not loaded: {told}")


def what_models_lack() -> str:
    """A sentence that says why the nodes for models are not loaded; empty where they can be."""
    told = lacking(FOR_MODELS)
    return told and f"Mask Guidance has only its nodes for masks and pictures here: {told}"


def lacking(modules: Set[str]) -> str:
    """What this ComfyUI lacks of some modules, and what to do; empty if nothing."""
    pairs = [(module, name) for module, names in NEEDED.items() if module in modules for name in names.split()]
    missing = ", ".join(f"{module}.{name}" for module, name in pairs if lacks(module, name))
    return missing and (
        f"this ComfyUI ({version()}) has no {missing}, which is needed. It is tested with ComfyUI {TESTED[0]} to "
        f"{TESTED[1]}: update ComfyUI if it is older, or Mask Guidance if it is newer."
    )


def lacks(module: str, name: str) -> bool:
    if module in HEAVY and module not in sys.modules:
        return False
    try:
        resolve_name(f"{module}:{name}")
    except (ModuleNotFoundError, AttributeError):
        return True
    return False


def version() -> str:
    try:
        return resolve_name("comfyui_version:__version__")
    except (ModuleNotFoundError, AttributeError):
        return "of an unknown version"
