"""How a network was trained: what no tensor's shape tells."""

from dataclasses import dataclass

from torch import Tensor

from ..schedule import alphas_cumprod, named_betas

__all__ = ["DiffusionConfig"]


@dataclass(frozen=True)
class DiffusionConfig:
    """How a network was trained.

    Attributes:
        noise_schedule: Name of the betas, see `sampler.schedule.named_betas`.
        diffusion_steps: T, the number of training steps.
        rescale_timesteps: The network is given t * 1000 / T instead of t.
        prediction: What the first channels predict: "eps", "x0" or "v".
        var_type: What the extra channels hold, or the fixed variance it was trained for.
        beta_start: The first beta, where it is not the schedule's usual one.
        beta_end: The last one.
        clip_sample: Predicted pictures are kept within +-`clip_sample_range`.
    """

    noise_schedule: str = "linear"
    diffusion_steps: int = 1000
    rescale_timesteps: bool = False
    prediction: str = "eps"
    var_type: str = "learned_range"
    beta_start: float | None = None
    beta_end: float | None = None
    clip_sample: bool = True
    clip_sample_range: float = 1.0

    @property
    def timestep_scale(self) -> float:
        """What a training step is multiplied by before the network is given it."""
        return 1000 / self.diffusion_steps if self.rescale_timesteps else 1.0

    @property
    def clip(self) -> float:
        """Predicted pictures are kept in [-clip, clip]; 0 where they are not kept in anything."""
        return self.clip_sample_range if self.clip_sample else 0.0

    def betas(self) -> Tensor:
        """Float64 (diffusion_steps,); see `sampler.schedule.named_betas` for errors."""
        return named_betas(self.noise_schedule, self.diffusion_steps, self.beta_start, self.beta_end)

    def alphas_cumprod(self) -> Tensor:
        """Share of the picture's variance left at each training step; float64 (diffusion_steps,)."""
        return alphas_cumprod(self.betas())

    def variance(self, asked: str) -> str:
        """The variance to sample with, a key of VAR_TYPES: what was asked for, or for "auto" what the network was trained for.

        "auto" stays where the network learned a range: it is that wherever the variance channels arrive.
        """
        return self.var_type if asked == "auto" and self.var_type != "learned_range" else asked
