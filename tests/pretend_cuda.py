"""A CUDA device that is none: real numbers on the CPU, in tensors that say cuda:0.

    with pretended_cuda() as waits:
        y = step(x.to("cuda"))  # raises, as CUDA would, where one operation gets tensors of both devices
    assert waits.total() == 0   # what made the processor wait for the device: a Counter of "operation at file:line"

Waits are copies between the two (unless they are said not to block, and leave memory that is pinned, of the type that
arrives) and operations whose result the processor must see: item, bool, equal, nonzero, unique and the like. A pinned tensor
that is written to before its copy is known to be done raises. What this cannot show: kernels, streams, memory, TF32, speed.

All is done in inference mode, in which torch hands over composite operations whole; they are taken apart here, which rounds
otherwise than on the CPU.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import ClassVar
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

__all__ = ["CUDA", "Pretend", "Waits", "pretended_cuda"]

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
PACK = Path(__file__).resolve().parents[1]
OURS = tuple(f"{PACK / folder}{os.sep}" for folder in ("sampler", "nodes"))
NOT_ASKING = (str(Path(torch.__file__).parent), __file__, "<")  # where a wait passes through; "<": code made from text
# Their result's shape, or a Python value, depends on what the device has computed.
WAITING = {"_local_scalar_dense", "equal", "is_nonzero", "nonzero", "masked_select", "bincount"}
WAITING |= {"repeat_interleave.Tensor", "_unique2", "unique_dim", "unique_consecutive", "_linalg_eigh"}
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
# Besides pointwise operations, these take a number that lies on the CPU as a tensor without dimensions.
TAKING_NUMBERS = INDEXING | {"where", "lerp", "lerp_", "fill_", "clamp"}


class Pretend(Tensor):
    """A tensor of the device; `inner` holds its numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        out = Tensor._make_wrapper_subclass(cls, inner.size(), device=CUDA, **layout)
        out.inner = inner
        return out

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return Device().run(func, args, kwargs or {})  # after the pretence, to look at a result

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self, *args, **options):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it first.")

    def __repr__(self):
        return f"Pretend({self.inner!r})"


class Waits(Counter[str]):
    """How often the processor waited for the device, by "operation at file:line"."""

    @property
    def ours(self) -> "Waits":
        """Those that a line of the pack itself asked for."""
        return Waits({what: count for what, count in self.items() if what.split(" at ", 1)[1].startswith(OURS)})


class Device(TorchDispatchMode):
    """What the pretended device does with every operation of torch.

    Args:
        float64: Whether it has numbers of that type; Apple's and some of Intel's have not.
    """

    def __init__(self, float64: bool = True):
        super().__init__()
        self.float64, self.waits = float64, Waits()
        self.pinned: dict[int, torch.UntypedStorage] = {}  # held, so that no other takes their place in memory
        self.in_flight: set[int] = set()  # pinned, and perhaps not copied yet

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if name_of(func) not in self.own and made_of_others(func):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        return self.run(func, args, kwargs)

    def run(self, func, args, kwargs):
        own = self.own.get(name_of(func))
        return own(self, func, args, kwargs) if own else self.computed(func, args, kwargs)

    def computed(self, func, args, kwargs):
        """An operation on one of the two devices."""
        tensors: list[Tensor] = []
        each_tensor((args, kwargs), tensors.append)
        there = any(isinstance(tensor, Pretend) for tensor in tensors)
        if there:
            self.refuse_mixture(func, args, tensors)
        self.refuse_writing_in_flight(func, args, kwargs)
        target = on_cuda(kwargs["device"]) if kwargs.get("device") is not None else there
        pin = kwargs.get("pin_memory")
        plain = {**kwargs, **({"device": CPU} if "device" in kwargs else {}), **({"pin_memory": None} if pin else {})}
        if there and waits(func, args):
            self.wait(func)
        out = func(*each_tensor(args, inner), **each_tensor(plain, inner))
        if not target:
            return self.held(out) if pin else out
        wrapped = each_tensor(out, self.wrapped)
        return return_and_correct_aliasing(func, args, kwargs, wrapped) if there and aliases(func) else wrapped

    def copied(self, func, args, kwargs):
        """To another device or type; the only operation that may have tensors of both."""
        source = args[0]
        device = kwargs.get("device")
        to_cuda = isinstance(source, Pretend) if device is None else on_cuda(device)
        plain = {key: value for key, value in kwargs.items() if key not in ("device", "non_blocking", "pin_memory")}
        out = func(inner(source), **plain)
        if to_cuda != isinstance(source, Pretend):
            self.moved(func, source, out.dtype, kwargs.get("non_blocking", False))
        return self.wrapped(out) if to_cuda else out

    def copied_into(self, func, args, kwargs):
        target, source, *rest = args
        self.refuse_writing_in_flight(func, args, kwargs)
        if isinstance(target, Pretend) != isinstance(source, Pretend):
            self.moved(func, source, target.dtype, rest[0] if rest else kwargs.get("non_blocking", False))
        func(inner(target), inner(source))
        return target

    def moved(self, func, source: Tensor, dtype: torch.dtype, non_blocking: bool) -> None:
        if non_blocking and self.is_pinned(source) and source.dtype == dtype and source.is_contiguous():
            self.in_flight.add(storage(source))
        elif source.numel():
            self.wait(func)

    def wait(self, func) -> None:
        self.in_flight.clear()
        self.waits[f"{name_of(func)} at {asking_line()}"] += 1

    def wrapped(self, out: Tensor) -> Tensor:
        if out.dtype in (torch.float64, torch.complex128) and not self.float64:
            raise TypeError("Cannot convert a tensor to float64: this device has no such numbers.")
        return out if isinstance(out, Pretend) else Pretend(out)

    def held(self, out: Tensor) -> Tensor:
        self.pinned[storage(out)] = out.untyped_storage()
        return out

    def is_pinned(self, value: object) -> bool:
        return isinstance(value, Tensor) and not isinstance(value, Pretend) and storage(value) in self.pinned

    def refuse_mixture(self, func, args, tensors: list[Tensor]) -> None:
        here = [tensor for tensor in tensors if not isinstance(tensor, Pretend)]
        name = name_of(func)
        if name in INDEXING and isinstance(args[0], Pretend):  # indices may lie on the CPU, and are copied
            indices = [tensor for tensor in here if any(tensor is index for index in args[1])]
            if indices:
                self.wait(func)
            here = [tensor for tensor in here if not any(tensor is index for index in indices)]
        takes_numbers = torch.Tag.pointwise in func.tags or name in TAKING_NUMBERS
        if any(tensor.ndim or not takes_numbers for tensor in here):
            shapes = ", ".join(f"{tensor.device}{tuple(tensor.shape)}" for tensor in tensors)
            raise RuntimeError(f"Expected all tensors to be on the same device, but {func} got {shapes}.")

    def refuse_writing_in_flight(self, func, args, kwargs) -> None:
        if not self.in_flight:
            return
        given = {**dict(zip((a.name for a in func._schema.arguments), args, strict=False)), **kwargs}
        for argument in func._schema.arguments:
            value = given.get(argument.name)
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written and self.is_pinned(value) and storage(value) in self.in_flight:
                raise RuntimeError(f"{func} writes to pinned memory whose copy to the device may not be done yet.")

    # Operations that are not computed on one device.
    own: ClassVar[dict[str, Callable]] = {
        "_to_copy": copied,
        "copy_": copied_into,
        "is_pinned": lambda self, func, args, kwargs: self.is_pinned(args[0]),
        "pin_memory": lambda self, func, args, kwargs: self.held(args[0].clone()),
        "_pin_memory": lambda self, func, args, kwargs: self.held(args[0].clone()),
        "_has_compatible_shallow_copy_type": lambda self, func, args, kwargs: (
            isinstance(args[0], Pretend) == isinstance(args[1], Pretend)
        ),
        # Which attention a GPU would take is not known here: the one made of products.
        "_fused_sdp_choice": lambda self, func, args, kwargs: 0,
    }


def each_tensor(values, step: Callable):
    """The same with a step taken for each tensor in it."""
    if isinstance(values, Tensor):
        return step(values)
    if isinstance(values, (list, tuple)):
        return type(values)([each_tensor(value, step) for value in values])
    return {key: each_tensor(value, step) for key, value in values.items()} if isinstance(values, dict) else values


@cache
def name_of(func) -> str:
    return func._schema.name.removeprefix("aten::")


@cache
def made_of_others(func) -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


@cache
def aliases(func) -> bool:
    """Whether a result shares memory with what was given."""
    return any(result.alias_info is not None for result in func._schema.returns)


def waits(func, args) -> bool:
    name, full = name_of(func), f"{name_of(func)}.{func._schema.overload_name}"
    if name in INDEXING:
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return name in WAITING or full in WAITING


def inner(tensor: Tensor) -> Tensor:
    return tensor.inner if isinstance(tensor, Pretend) else tensor


def storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def on_cuda(device) -> bool:
    return torch.device(device).type == "cuda"


def asking_line() -> str:
    """File and line of the innermost code that is neither torch's nor this file's."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(NOT_ASKING):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@contextmanager
def pretended_cuda(float64: bool = True) -> Iterator[Waits]:
    """Everything inside may use the device "cuda"; in inference mode."""
    if not hasattr(torch._C, "_ensureCUDADeviceGuardSet"):
        pytest.skip(f"torch {torch.__version__} asks for a driver at every index; from a later one on, none is needed")
    torch._C._ensureCUDADeviceGuardSet()
    lifted = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device="cuda") is built on the CPU, and moved by us
    with ExitStack() as stack:
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifted)
        stack.enter_context(mock.patch.object(torch.cuda, "_lazy_init", lambda: None))
        stack.enter_context(torch.inference_mode())
        yield stack.enter_context(Device(float64)).waits
