"""Bytes of tensors alive while a network runs, counted without a device; with shapes alone ("meta") no number is computed."""

import weakref
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["FusedAttention", "LiveBytes"]


class LiveBytes(TorchDispatchMode):
    """Counts each storage that is made inside, from its making to its end, but for weights in an order of oneDNN's own.

    Args:
        there: Tensors that do not count, the network's weights for example.

    Attributes:
        most: Bytes alive at a time, at most.
    """

    def __init__(self, there: Iterable[Tensor] = ()):
        super().__init__()
        self.there = [value.untyped_storage() for value in there]
        self.seen = {storage._cdata for storage in self.there}
        self.now = self.most = 0

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        out = op(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.layout == torch.strided:
                self.count(value.untyped_storage())
        return out

    def count(self, storage: torch.UntypedStorage) -> None:
        name, size = storage._cdata, storage.nbytes()
        if name not in self.seen:
            self.seen.add(name)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.forget, name, size)

    def forget(self, name: int, size: int) -> None:
        self.seen.discard(name)
        self.now -= size


class FusedAttention(TorchFunctionMode):
    """Attention as a GPU has it, which keeps no table of scores, whatever kernel is chosen here."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.scaled_dot_product_attention:
            q, k, v = (each if each.stride(-1) == 1 else each.contiguous() for each in args)
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)[0]
        return function(*args, **(kwargs or {}))
