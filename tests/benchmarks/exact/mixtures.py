"""Gaussian mixtures as data: every question that a sampler asks, and the answer it should end with, in closed form.

A picture is m_k + Q sqrt(e_k) z for a component k drawn with probability w_k. Components share the basis Q (a cosine
transform, or none), so that a denoiser call costs two small matrix products per picture; `Rotated` has a basis for each.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["Conditional", "Mixture", "Rotated", "cosine_basis"]


def cosine_basis(size: int) -> Tensor:
    """Orthonormal DCT-II; (size, size), one frequency a row."""
    k, i = torch.arange(size, dtype=torch.float64), torch.arange(size, dtype=torch.float64)
    basis = torch.cos(math.pi * k[:, None] * (i + 0.5) / size) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis


class Mixture:
    """Components that share one basis.

    Args:
        weights: Of the components; (K,).
        means: In pixels; (K, D).
        variances: Along the basis; (S, D), a few spectra that components share.
        spectrum: Which of the variances each component has; (K,).
        side: Width of square pictures whose basis is the 2-D cosine transform; 0 for the pixel basis.
    """

    def __init__(self, weights: Tensor, means: Tensor, variances: Tensor, spectrum: Tensor, side: int = 0):
        self.weights = weights.double() / weights.sum()
        self.means, self.variances, self.spectrum, self.side = means.double(), variances.double(), spectrum, side
        self.dim = means.shape[1]
        self.basis = cosine_basis(side) if side else None
        self.cache: dict = {}

    def to_basis(self, x: Tensor) -> Tensor:
        if self.basis is None:
            return x
        q = self.basis.to(x)
        return (q @ x.view(-1, self.side, self.side) @ q.T).flatten(1)

    def from_basis(self, z: Tensor) -> Tensor:
        if self.basis is None:
            return z
        q = self.basis.to(z)
        return (q.T @ z.view(-1, self.side, self.side) @ q).flatten(1)

    def tables(self, sigma: float, dtype: torch.dtype):
        """What a denoiser call at one noise level needs; a chain comes back to the same levels."""
        if (sigma, dtype) not in self.cache:
            means, variances = self.to_basis(self.means), self.variances[self.spectrum]
            precision = 1 / (variances + sigma**2)
            constant = self.weights.log() + 0.5 * precision.log().sum(1) - 0.5 * (means.square() * precision).sum(1)
            gain = variances * precision
            self.cache[sigma, dtype] = (
                (-0.5 * precision.T).contiguous(),
                (precision * means).T.contiguous(),
                constant,
                gain.to(dtype),
                ((1 - gain) * means).to(dtype),
            )
        return self.cache[sigma, dtype]

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x0 + sigma n = x], for each row of x; (B, D)."""
        quadratic, linear, constant, gain, rest = self.tables(sigma, x.dtype)
        z = self.to_basis(x)
        if len(self.weights) == 1:
            return self.from_basis(gain * z + rest)
        z64 = z.double()  # the squares of 256 values cancel
        share = (z64.square() @ quadratic + z64 @ linear + constant).softmax(1).to(x.dtype)
        return self.from_basis((share @ gain) * z + share @ rest)

    def covariance(self, spectrum: int) -> Tensor:
        if self.basis is None:
            return torch.diag(self.variances[spectrum])
        q = torch.kron(self.basis, self.basis)
        return q.T @ (self.variances[spectrum][:, None] * q)

    def covariances(self) -> list[Tensor]:
        """One for each spectrum."""
        return [self.covariance(s) for s in range(len(self.variances))]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        component = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        z = torch.randn(count, self.dim, dtype=torch.float64, generator=generator)
        return self.means[component] + self.from_basis(self.variances[self.spectrum[component]].sqrt() * z)


class Rotated(Mixture):
    """Few dimensions, and a full covariance for every component; (K, D, D)."""

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor):
        values, self.vectors = torch.linalg.eigh(covariances.double())
        super().__init__(weights, means, values, torch.arange(len(weights)))

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        z = torch.einsum("kbd,kde->kbe", (x.double() - self.means[:, None]), self.vectors)
        precision = 1 / (self.variances + sigma**2)[:, None]
        log = self.weights.log()[:, None] + 0.5 * (precision.log() - precision * z.square()).sum(2)
        gain = self.variances[:, None] * precision
        each = self.means[:, None] + torch.einsum("kbe,kde->kbd", gain * z, self.vectors)
        return (log.softmax(0)[..., None] * each).sum(0).to(x.dtype)

    def covariance(self, spectrum: int) -> Tensor:
        vectors = self.vectors[spectrum]
        return vectors @ (self.variances[spectrum][:, None] * vectors.T)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        component = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        z = torch.randn(count, self.dim, dtype=torch.float64, generator=generator) * self.variances[component].sqrt()
        return self.means[component] + torch.einsum("be,bde->bd", z, self.vectors[component])


@dataclass(frozen=True)
class Halves:
    """What one spectrum says about the unknown pixels, given the known ones."""

    factor: Tensor  # Cholesky factor of the known pixels' covariance
    gain: Tensor  # (unknown, known)
    spread: Tensor  # Cholesky factor of what stays open
    left: Tensor  # covariance of what stays open


class Conditional:
    """p(unknown | known) of a mixture under one mask.

    Args:
        mixture: The distribution.
        known: Boolean; (D,).
    """

    def __init__(self, mixture: Mixture, known: Tensor):
        self.mixture, self.known = mixture, known

    @cached_property
    def halves(self) -> list[Halves]:
        return [halved(covariance, self.known) for covariance in self.mixture.covariances()]

    def weights(self, y: Tensor) -> Tensor:
        """Probability of each component given the known pixels of one picture; (K,)."""
        logs = []
        for k, s in enumerate(self.mixture.spectrum.tolist()):
            factor = self.halves[s].factor
            z = torch.linalg.solve_triangular(factor, (y - self.mixture.means[k, self.known])[:, None], upper=False)
            logs.append(-0.5 * z.square().sum() - factor.diagonal().log().sum())
        return (self.mixture.weights.log() + torch.stack(logs)).softmax(0)

    def means(self, y: Tensor) -> Tensor:
        """Of each component's unknown pixels; (K, unknown)."""
        m = self.mixture.means
        gains = [self.halves[s].gain for s in self.mixture.spectrum.tolist()]
        return torch.stack([m[k, ~self.known] + g @ (y - m[k, self.known]) for k, g in enumerate(gains)])

    def sample(self, y: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Exact draws of the unknown pixels; (count, unknown)."""
        component = torch.multinomial(self.weights(y), count, replacement=True, generator=generator)
        z = torch.randn(count, int((~self.known).sum()), dtype=torch.float64, generator=generator)
        spectrum = self.mixture.spectrum[component]
        drawn = self.means(y)[component]
        for s in spectrum.unique().tolist():
            drawn[spectrum == s] += z[spectrum == s] @ self.halves[s].spread.T
        return drawn

    def covariance(self, y: Tensor) -> Tensor:
        """Of the unknown pixels, all components together."""
        weights, means = self.weights(y), self.means(y)
        off = means - weights @ means
        within = sum(
            weights[self.mixture.spectrum == s].sum() * self.halves[s].left for s in range(len(self.mixture.variances))
        )
        return within + (weights[:, None] * off).T @ off


def halved(covariance: Tensor, known: Tensor) -> Halves:
    factor = torch.linalg.cholesky(covariance[known][:, known])
    across = covariance[~known][:, known]
    gain = torch.cholesky_solve(across.T, factor).T
    left = covariance[~known][:, ~known] - gain @ across.T
    left = (left + left.T) / 2
    return Halves(factor, gain, torch.linalg.cholesky(left), left)
