"""What a network keeps beside its weights so that a processor runs it faster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

__all__ = ["Packs"]


class Pack:
    """Weights in another order or form, and the weights that they were made of."""

    def __init__(self, weight: Tensor, form: object, made: Tensor):
        self.source = ref(weight)
        self.mark = mark(weight)
        self.form = form
        self.made = made

    def fits(self, weight: Tensor, form: object) -> bool:
        return self.form == form and self.source() is weight and self.mark == mark(weight)


def mark(weight: Tensor) -> tuple[int, int | None]:
    """Changes when a weight moves or is written to, unless by way of its `.data`."""
    return weight.data_ptr(), None if weight.is_inference() else weight._version


class Packs:
    """The packed copies of one network's weights, one of each layer, made when they are needed.

    Attributes:
        allowed: Off: layers run in the plain way. For whoever changes weights in a way that nobody sees.
    """

    def __init__(self) -> None:
        self.allowed = True
        self.made: WeakKeyDictionary[nn.Conv2d, Pack] = WeakKeyDictionary()

    def of(self, layer: nn.Conv2d, form: object, make: Callable[[], Tensor]) -> Tensor:
        """A layer's weights in some form, which is not kept beside another form."""
        pack = self.made.get(layer)
        if pack is None or not pack.fits(layer.weight, form):
            self.made.pop(layer, None)  # before the next is made, so that never both are there
            pack = self.made[layer] = Pack(layer.weight, form, make())
        return pack.made

    @contextmanager
    def unused(self) -> Iterator[None]:
        """Inside, layers run in the plain way: a few calls do not pay for the packing."""
        before, self.allowed = self.allowed, False
        try:
            yield
        finally:
            self.allowed = before

    def clear(self) -> None:
        """Free them."""
        self.made.clear()

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Packs, ()  # a copied network packs its own


def runs_plainly(*tensors: Tensor) -> bool:
    """Whether a layer must run as it is written: elsewhere than on a processor, or for a gradient."""
    elsewhere = any(tensor.device.type != "cpu" for tensor in tensors)
    for_gradient = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return elsewhere or for_gradient
