"""The distributions and masks of the benchmark: standard deviation about 0.5, and a noise floor of 0.02 in each pixel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .mixtures import Conditional, Mixture, Rotated

__all__ = ["MAIN", "PROBLEMS", "WRONG", "Problem", "problem"]

FLOOR, STD = 0.02, 0.5


@dataclass(frozen=True)
class Problem:
    """A distribution and what is known of its pictures.

    Attributes:
        name: Key of PROBLEMS.
        data: Rows of D values.
        known: Boolean; (D,).
        side: Width of the pictures, 0 for plain vectors.
        model: What the samplers' denoiser believes; the same as `data`, or a little wrong, as a trained network is.
    """

    name: str
    data: Mixture
    known: Tensor
    side: int
    model: Mixture

    @property
    def conditional(self) -> Conditional:
        return conditional(self.name)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frequencies(side: int) -> tuple[Tensor, Tensor]:
    k = torch.arange(side, dtype=torch.float64)
    return torch.meshgrid(k, k, indexing="ij")


def spectrum(power: Tensor, std: float = STD) -> Tensor:
    """Variances along the cosine basis with this mean standard deviation of a pixel; (D,)."""
    return (power / power.mean() * std**2 + FLOOR**2).flatten()


def falling(side: int, exponent: float) -> Tensor:
    """Natural pictures: power falls with frequency."""
    down, across = frequencies(side)
    return (1 + (down**2 + across**2)).pow(-exponent / 2)


def band(side: int, down: float, across: float, rest: float = 0.02, width: float = 1.5) -> Tensor:
    """Stripes: power near one frequency, and a `rest` that decides how regular they are."""
    d, a = frequencies(side)
    return torch.exp(-((d - down) ** 2 + (a - across) ** 2) / (2 * width**2)) + rest * falling(side, 2)


def field(side: int) -> Mixture:
    one = torch.ones(1)
    return Mixture(one, torch.zeros(1, side**2), spectrum(falling(side, 3))[None], torch.tensor([0]), side)


def textures(side: int = 16) -> Mixture:
    powers = [
        falling(side, 4),
        falling(side, 2),
        band(side, 4, 0),
        band(side, 0, 4),
        band(side, 5, 5),
        band(side, 1, 2),
    ]
    variances = torch.stack([spectrum(p) for p in powers])
    return Mixture(torch.ones(6), torch.zeros(6, side**2), variances, torch.arange(6), side)


def smooth_pictures(count: int, side: int, seed: int, exponent: float = 4) -> Tensor:
    flat = Mixture(
        torch.ones(1), torch.zeros(1, side**2), spectrum(falling(side, exponent))[None], torch.tensor([0]), side
    )
    return flat.sample(count, generator(seed))


def templates(side: int = 16, alike: float = 0.0, texture: float = 0.0) -> Mixture:
    """Six left halves times six right ones; which right halves go with a left one differs from one to the next.

    Args:
        alike: Share that all right halves have in common.
        texture: Standard deviation of a smooth random part on top.
    """
    left, right = smooth_pictures(6, side, 71), smooth_pictures(6, side, 72)
    right = alike**0.5 * right[:1] + (1 - alike) ** 0.5 * right
    left, right = left.view(6, 1, side, side), right.view(1, 6, side, side)
    means = torch.cat([left.expand(6, 6, -1, -1)[..., : side // 2], right.expand(6, 6, -1, -1)[..., side // 2 :]], 3)
    weights = torch.randn(36, generator=generator(73)).mul(1.2).exp()
    variances = spectrum(falling(side, 3), texture)[None]
    return Mixture(weights, means.reshape(36, -1), variances, torch.zeros(36, dtype=torch.long), side)


def templates_and_textures(side: int = 16) -> Mixture:
    """Twenty pictures, each with any of three textures on top."""
    means = 0.8 * smooth_pictures(20, side, 81).repeat_interleave(3, 0)
    powers = [falling(side, 2), band(side, 5, 0, 1e-3), band(side, 0, 5, 1e-3)]
    variances = torch.stack([spectrum(p, 0.3) for p in powers])
    weights = torch.randn(20, generator=generator(82)).mul(0.7).exp().repeat_interleave(3)
    return Mixture(weights, means, variances, torch.arange(3).repeat(20), side)


def clusters(dim: int, count: int, thinnest: float, seed: int) -> Rotated:
    """Components that are long in some directions and thin in others."""
    g = generator(seed)
    means = 0.5 * torch.randn(count, dim, dtype=torch.float64, generator=g)
    turned = torch.linalg.qr(torch.randn(count, dim, dim, dtype=torch.float64, generator=g))[0]
    low, high = torch.tensor([thinnest, 0.2]).log().tolist()
    values = torch.linspace(low, high, dim, dtype=torch.float64).exp()
    weights = 0.5 + torch.rand(count, generator=g)
    return Rotated(weights, means, turned @ (values[:, None] * turned.mT))


class Blurred(Mixture):
    """A mixture whose denoiser confuses components: their log odds count for less, most where noise is low.

    No distribution has such a denoiser, as none has a trained network's.
    """

    def tables(self, sigma: float, dtype: torch.dtype):
        quadratic, linear, constant, gain, rest = super().tables(sigma, dtype)
        trust = 0.3 + 0.7 * sigma / (sigma + 0.5)
        return trust * quadratic, trust * linear, trust * constant, gain, rest


def wrong(data: Mixture, side: int) -> Mixture:
    """What a network might have learned of the data: spectra off by a third, pictures by a tenth, confused components."""
    g = generator(95)
    off = torch.randn(data.variances.shape, dtype=torch.float64, generator=g).mul(0.3).exp()
    means = data.means + 0.1 * data.means.std().nan_to_num() * smooth_pictures(len(data.means), side, 96)
    return Blurred(data.weights, means, data.variances * off, data.spectrum, side)


def all_but(side: int, top: int, left: int, height: int, width: int) -> Tensor:
    """Known everywhere outside one box; (side * side,)."""
    known = torch.ones(side, side, dtype=torch.bool)
    known[top : top + height, left : left + width] = False
    return known.flatten()


def hole(side: int) -> Tensor:
    return all_but(side, side // 4, side // 4, side // 2, side // 2)


def half(side: int) -> Tensor:
    return all_but(side, 0, side // 2, side, side // 2)


def strip(side: int) -> Tensor:
    """Only a quarter of the columns is known, in the middle."""
    return ~all_but(side, 0, side * 3 // 8, side, side // 4)


def blobs(side: int) -> Tensor:
    picture = smooth_pictures(1, side, 91)[0]
    return picture < picture.quantile(0.55)


def first(dim: int, count: int) -> Tensor:
    return torch.arange(dim) < count


PROBLEMS: dict[str, Callable[[], tuple[Mixture, Tensor, int]]] = {
    "gmm2d": lambda: (clusters(2, 6, 0.004, 61), first(2, 1), 0),
    "gmm10d": lambda: (clusters(10, 8, 1e-3, 62), first(10, 5), 0),
    "grf16": lambda: (field(16), hole(16), 16),
    "grf16out": lambda: (field(16), ~hole(16), 16),
    "grf32": lambda: (field(32), hole(32), 32),
    "tex16": lambda: (textures(), hole(16), 16),
    "tex16half": lambda: (textures(), half(16), 16),
    "shapes16": lambda: (templates(), half(16), 16),
    "shapes16hard": lambda: (templates(alike=0.8, texture=0.1), half(16), 16),
    "shapes16strip": lambda: (templates(texture=0.1), strip(16), 16),
    "mix16rand": lambda: (templates_and_textures(), blobs(16), 16),
    # Only run when named: for the range of the noise levels, and for what a small known region does.
    "grf64": lambda: (field(64), hole(64), 64),
    "grf16tiny": lambda: (field(16), ~all_but(16, 6, 6, 3, 3), 16),
    "tex16tiny": lambda: (textures(), ~all_but(16, 6, 6, 3, 3), 16),
    "grf16wrong": lambda: (field(16), hole(16), 16),
    "tex16wrong": lambda: (textures(), hole(16), 16),
    "tex16halfwrong": lambda: (textures(), half(16), 16),
    "shapes16wrong": lambda: (templates(alike=0.8, texture=0.1), half(16), 16),
    "mix16wrong": lambda: (templates_and_textures(), blobs(16), 16),
}
WRONG = [name for name in PROBLEMS if name.endswith("wrong")]
MAIN = [name for name in PROBLEMS if name not in ("grf64", "grf16tiny", "tex16tiny", *WRONG)]


@cache
def problem(name: str) -> Problem:
    data, known, side = PROBLEMS[name]()
    return Problem(name, data, known, side, wrong(data, side) if name in WRONG else data)


@cache
def conditional(name: str) -> Conditional:
    return Conditional(problem(name).data, problem(name).known)
