"""The host on a pretended GPU (tests/pretend_cuda.py): what it asks a GPU and its drivers is answered here.

Everything is put back at the end; but models stay where they were loaded, so that what pretends has a process of its own.
"""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import ModuleType, SimpleNamespace
from unittest import mock

import torch
from pretend_cuda import CUDA, Waits, pretended_cuda

__all__ = ["MODES", "pretended_host"]

GIB = 2**30
# How the host manages memory, by name.
MODES = {
    "whole": {},
    "novram": {"vram": "NO_VRAM"},
    "gpu-only": {"gpu_only": True},
    "dynamic": {"dynamic": True},
    "dynamic, nothing stays": {"dynamic": True, "stays": False},
}


class Room:
    """Stands for the library of the host's dynamic loading: memory for weights, which it keeps or does not."""

    stays = True

    def __init__(self, size: int, device: object):
        self.offset, self.kept = 0, {}

    def alloc(self, size: int):
        self.offset += size
        return self, self.offset, size

    def fault(self, at: int, size: int):
        return (ctypes.c_uint32 * 1)(1) if Room.stays else None

    def tensor(self, at: int, size: int, device) -> torch.Tensor:
        if at not in self.kept:
            self.kept[at] = torch.zeros(size, dtype=torch.uint8, device=device)
        return self.kept[at]

    def prioritize(self, *args) -> None: ...

    def unpin(self, *args) -> None: ...

    def loaded_size(self, *args) -> int:
        return 0

    free_memory = loaded_size


def nothing(*args, **options) -> None: ...


def yes(*args, **options) -> bool:
    return True


def no(*args, **options) -> bool:
    return False


# What is asked of a driver, or of a kind of card.
OF_DRIVERS = {
    **dict.fromkeys(("soft_empty_cache", "synchronize", "get_offload_stream", "current_stream"), nothing),
    **{"pin_memory": no, "unpin_memory": nothing, "cuda_device_context": lambda device: nullcontext()},
    **dict.fromkeys(("should_use_fp16", "should_use_bf16"), yes),
    **dict.fromkeys(("supports_fp8_compute", "supports_nvfp4_compute", "supports_mxfp8_compute"), no),
}
OF_TORCH = {
    **dict.fromkeys(("synchronize", "empty_cache"), nothing),
    **{"is_available": yes, "device_count": lambda: 1, "current_device": lambda: 0},
}


def of_memory(free: int) -> dict[str, object]:
    def memory(device=None, torch_free_too=False, torch_total_too=False):
        return (free, free) if torch_free_too or torch_total_too else free

    return dict.fromkeys(("get_free_memory", "get_total_memory"), memory)


def of_places(management: ModuleType, vram: str, gpu_only: bool) -> dict[str, object]:
    """Where models and results are."""
    return {
        "get_torch_device": lambda: CUDA,
        "intermediate_device": lambda: CUDA if gpu_only else torch.device("cpu"),
        "cpu_state": management.CPUState.GPU,
        "vram_state": management.VRAMState[vram],
    }


def of_dynamic_loading(dynamic: bool) -> dict[ModuleType, dict[str, object]]:
    import comfy.memory_management
    import comfy.model_patcher as patchers
    import comfy.pinned_memory
    import comfy_aimdo.host_buffer
    import comfy_aimdo.model_vbar
    import comfy_aimdo.torch

    return {
        comfy.memory_management: {"aimdo_enabled": dynamic},
        comfy.pinned_memory: dict.fromkeys(("pin_memory", "get_pin"), nothing),
        comfy_aimdo.model_vbar: {"ModelVBAR": Room},
        comfy_aimdo.torch: {"aimdo_to_tensor": lambda place, device: place[0].tensor(*place[1:], device)},
        comfy_aimdo.host_buffer: {"HostBuffer": lambda *args: SimpleNamespace(size=0)},
        patchers: {"CoreModelPatcher": patchers.ModelPatcherDynamic if dynamic else patchers.ModelPatcher},
    }


@contextmanager
def pretended_host(
    vram: str = "NORMAL_VRAM",
    gpu_only: bool = False,
    dynamic: bool = False,
    stays: bool = True,
    free: int = 8 * GIB,
    float64: bool = True,
) -> Iterator[Waits]:
    """The host's modules, started for the CPU, work on the device "cuda".

    Args:
        vram: Name of the host's VRAMState.
        gpu_only: Results stay on the device.
        dynamic: Weights come to the device when they are needed.
        stays: They are still there at the next call.
        free: Bytes.
        float64: Whether the device has such numbers.
    """
    import comfy.model_management as management

    without_float64 = {"is_directml_enabled": lambda: not float64}  # whose devices have none
    answers = {
        management: {**of_places(management, vram, gpu_only), **of_memory(free), **OF_DRIVERS, **without_float64},
        torch.cuda: OF_TORCH,
        **of_dynamic_loading(dynamic),
    }
    with ExitStack() as stack:
        for module, values in answers.items():  # older hosts ask for less
            stack.enter_context(mock.patch.multiple(module, **{k: v for k, v in values.items() if hasattr(module, k)}))
        stack.enter_context(mock.patch.object(Room, "stays", stays))
        waits = stack.enter_context(pretended_cuda(float64))
        stack.callback(management.current_loaded_models.clear)
        yield waits
