"""RePaint by others: its own code, from a checkout of https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0), and its
algorithm 1 over OpenAI's sampler (MIT), which its code is made of.

Either gives a function of a network, pictures in [-1, 1], what is known of them (1) and words for the network, to the painted
pictures.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["repaints_algorithm", "repaints_own"]


def repaints_algorithm(steps: int, levels: Sequence[int], betas: str) -> Callable[..., Tensor]:
    """Lugmayr et al. 2022, algorithm 1, one noising step a climb.

    Args:
        levels: Its order, see `repaint_levels`.
        betas: OpenAI's name of them.
    """
    from guided_diffusion import gaussian_diffusion as openais
    from guided_diffusion.respace import SpacedDiffusion, space_timesteps

    diffusion = SpacedDiffusion(
        use_timesteps=space_timesteps(1000, str(steps)),
        betas=openais.get_named_beta_schedule(betas, 1000),
        model_mean_type=openais.ModelMeanType.EPSILON,
        model_var_type=openais.ModelVarType.LEARNED_RANGE,
        loss_type=openais.LossType.MSE,
    )

    @torch.no_grad()
    def fill(net: Callable[..., Tensor], pictures: Tensor, known: Tensor, **words: Tensor) -> Tensor:
        shape = pictures.shape
        x = torch.randn(shape)
        for level, following in itertools.pairwise(levels):
            t = torch.full((len(pictures),), min(level, following))
            if following > level:
                beta = openais._extract_into_tensor(diffusion.betas, t, shape)
                x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(shape)
                continue
            x = diffusion.p_sample(net, x, t, model_kwargs=words)["sample"]
            noised = diffusion.q_sample(pictures, t - 1) if following else pictures
            x = known * noised + (1 - known) * x
        return x

    return fill


def repaints_own(folder: Path, steps: int, r: int, j: int) -> tuple[Callable[..., Tensor], object]:
    """Its sampler, with linear betas (it has no others), and its settings, which its own network wants to see.

    Its modules have the names of OpenAI's, which must not be imported in the same process.
    """
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    import conf_mgt
    from guided_diffusion import gaussian_diffusion, respace

    conf = conf_mgt.conf_base.Default_Conf()
    conf.update(
        inpa_inj_sched_prev=True,
        schedule_jump_params={"t_T": steps, "n_sample": 1, "jump_length": j, "jump_n_sample": r},
        diffusion_steps=1000,
        timestep_respacing=str(steps),
    )
    diffusion = respace.SpacedDiffusion(
        use_timesteps=respace.space_timesteps(1000, str(steps)),
        betas=gaussian_diffusion.get_named_beta_schedule("linear", 1000, use_scale=True),
        model_mean_type=gaussian_diffusion.ModelMeanType.EPSILON,
        model_var_type=gaussian_diffusion.ModelVarType.LEARNED_RANGE,
        loss_type=gaussian_diffusion.LossType.MSE,
        conf=conf,
    )

    def fill(net: Callable[..., Tensor], pictures: Tensor, known: Tensor, **words: Tensor) -> Tensor:
        given = {"gt": pictures, "gt_keep_mask": known.float().expand_as(pictures), **words}
        arguments = {"model_kwargs": given, "device": pictures.device, "progress": False, "conf": conf}
        return diffusion.p_sample_loop(net, pictures.shape, **arguments)

    return fill, conf
