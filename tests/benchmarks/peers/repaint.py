"""RePaint's own code, from a checkout of https://github.com/andreas128/RePaint (CC BY-NC-SA 4.0)."""

import sys
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

__all__ = ["repaints_own"]


def repaints_own(folder: Path, steps: int, r: int, j: int) -> tuple[Callable[..., Tensor], object]:
    """Its sampler, with linear betas (it has no others), and its settings, which its own network wants to see.

    Its modules have the names of OpenAI's, which must not be imported in the same process.

    Returns:
        A function of a network, pictures in [-1, 1], what is known of them (1) and words for the network, to the painted
        pictures.
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
