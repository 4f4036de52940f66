"""What networks make of a timestep and a label, kept for a run that comes back to them at every visit of a level."""

from collections.abc import Callable, Hashable

from torch import Tensor, nn

__all__ = ["Embedded", "Embeddings"]


class Embedded:
    """The embedding of a call's timesteps and labels.

    Args:
        emb: Float32 (B, features); or what computes it, once the network asks for it.

    Attributes:
        made: What layers made of it so far, for calls to come; None where it serves one call.
    """

    def __init__(self, emb: Tensor | Callable[[], Tensor], made: dict[nn.Module, Tensor] | None = None):
        self.given = emb
        self.made = made

    @property
    def emb(self) -> Tensor:
        if not isinstance(self.given, Tensor):
            self.given = self.given()
        return self.given

    def through(self, layer: nn.Module, before: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """What a layer makes of it, after some function."""
        if self.made is not None and layer in self.made:
            return self.made[layer]
        made = layer(self.emb if before is None else before(self.emb))
        if self.made is not None:
            self.made[layer] = made
        return made


class Embeddings:
    """Those of a run, in which no weight changes; the oldest go when there are many, for a run visits few levels at a time."""

    MOST = 256

    def __init__(self) -> None:
        self.kept: dict[Hashable, Embedded] = {}

    def at(self, key: Hashable, embed: Callable[[], Tensor]) -> Embedded:
        """The embedding of timesteps and labels that a key stands for, which `embed` computes."""
        if key not in self.kept:
            if len(self.kept) == self.MOST:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = Embedded(embed, {})
        return self.kept[key]
