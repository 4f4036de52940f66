"""Save Guided-Diffusion Model."""

import json
import os
from pathlib import Path

import comfy.cli_args
import comfy.model_management
import folder_paths
from comfy_api.latest import io
from torch import Tensor

from ..sampler.checkpoint import CheckpointError, save_checkpoint
from ..sampler.sentence import shortly
from . import model_folder
from .checked import checked
from .pixel_model import DTYPES, PixelModel

__all__ = ["SaveGuidedDiffusionModel"]

AS_IS = "as is"
PREFIX = "model.diffusion_model."  # what the host puts before the names of weights that it gives out to be saved


def weights_of(model) -> dict[str, Tensor]:
    """A MODEL's weights as the host's own ModelSave writes them: LoRAs and other patches are worked in.

    Weights that nothing has patched are taken from where they are. Others are made right by loading the model: its clones
    share the weights, and another one's patches may be in them.
    """
    if model.patches or model.backup:
        comfy.model_management.load_models_gpu([model])
    return {key.removeprefix(PREFIX): value for key, value in model.state_dict_for_saving().items()}


def about_the_run(hidden) -> dict[str, str]:
    """Prompt and workflow as the host's savers write them, or nothing where the user wants none."""
    if comfy.cli_args.args.disable_metadata:
        return {}
    extra = {"prompt": getattr(hidden, "prompt", None), **(getattr(hidden, "extra_pnginfo", None) or {})}
    return {key: json.dumps(value) for key, value in extra.items() if value is not None}


def next_path(prefix: str) -> Path:
    """Where the host's own savers would put the next file of this name.

    Raises:
        ValueError: There can be none, in one sentence.
    """
    shown = f"filename_prefix is {shortly(prefix)}, but"
    if not (prefix.isprintable() and os.path.basename(os.path.normpath(prefix)).strip(". ")):
        raise ValueError(f"{shown} must be a name for the file.")
    try:
        folder, name, number, *_ = folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())
    except OSError as error:
        raise ValueError(f"{shown} its folder cannot be made ({error.strerror}); choose another.") from error
    except Exception as error:  # the host has no narrower one for this
        raise ValueError(f"{shown} must be in ComfyUI's output folder.") from error
    return Path(folder) / f"{name}_{number:05}_.safetensors"


class SaveGuidedDiffusionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidanceSaveModel",
            display_name="Save Guided-Diffusion Model",
            category="mask guidance",
            description=(
                "Saves a model from Load Guided-Diffusion Model as a .safetensors file that says everything of itself: it "
                "loads again without a guess, a sidecar file or a probe. Of a training file, only the weights that were "
                "loaded are kept: the averaged ones (ema), if not chosen otherwise. Prompt and workflow are saved in it too, "
                "as in pictures; ComfyUI started with --disable-metadata leaves them out."
            ),
            search_aliases=["export model", "convert checkpoint", "pt to safetensors", "fp16", "ema only", "prune"],
            is_output_node=True,
            inputs=[
                io.Model.Input(
                    "model", tooltip="From Load Guided-Diffusion Model. LoRAs on it are worked into the weights."
                ),
                io.String.Input(
                    "filename_prefix",
                    default=f"{model_folder.FOLDER}/model",
                    tooltip="Name of the file in ComfyUI's output folder; a number is added, and no file is replaced. What is "
                    "in output/guided_diffusion is in the loader's list after a refresh (R).",
                ),
                io.Combo.Input(
                    "dtype",
                    options=[AS_IS, *(name for name in DTYPES if name != "auto")],
                    default=AS_IS,
                    tooltip="fp16 and bf16 halve the file, at a small loss; norms and embeddings stay in fp32. 'as is' keeps "
                    "what the loader's dtype has made of the weights, to the bit.",
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="Where the file is.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
        )

    @classmethod
    @checked
    def execute(cls, model, filename_prefix: str, dtype: str) -> io.NodeOutput:
        if not isinstance(model.model, PixelModel):
            raise ValueError(
                "This model is not from Load Guided-Diffusion Model, and this node saves no other; save it with ComfyUI's own "
                "ModelSave."
            )
        path = next_path(filename_prefix)
        about = about_the_run(cls.hidden)
        try:
            save_checkpoint(weights_of(model), model.model.detection, path, DTYPES.get(dtype), about)
        except (CheckpointError, OSError) as error:
            reason = str(getattr(error, "strerror", None) or error).rstrip(".")
            raise ValueError(f"{shortly(path.name)} is not saved: {reason}.") from error
        return io.NodeOutput(str(path))
