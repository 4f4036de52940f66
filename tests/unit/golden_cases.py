"""The inputs of tests/golden/make_golden.py, and this package's answer to each of its cases.

Inputs and case names are those of make_golden.py; every function returns digests by case name.
"""

import itertools
import math
from types import ModuleType

import pytest
import torch
from closed_forms import count_model_calls
from mask_guidance.sampler import (
    Ladder,
    Posterior,
    alphas_cumprod,
    denoiser,
    named_betas,
    parse_respacing,
    repaint,
    repaint_levels,
)
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.adm.encoder import EncoderUNet
from small_nets import BARE

TINY = UNetConfig(
    out_channels=3,
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_ds=(2,),
    num_heads=2,
    use_scale_shift_norm=True,
)
SUPERRES = UNetConfig(
    in_channels=6,
    out_channels=6,
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_ds=(2,),
    num_heads=2,
    resblock_updown=True,
)
FRACTIONAL = UNetConfig(
    model_channels=64,
    channel_mult=(0.5, 1),
    num_res_blocks=1,
    attention_ds=(2,),
    num_heads=1,
    resblock_updown=True,
)
CLASSIFIER = UNetConfig(
    out_channels=1000,
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    attention_ds=(2,),
    num_head_channels=32,
    resblock_updown=True,
)
VAR_TYPES = {
    "FIXED_SMALL": "fixed_small",
    "FIXED_LARGE": "fixed_large",
    "LEARNED": "learned",
    "LEARNED_RANGE": "learned_range",
}


def original_code(module: str) -> ModuleType:
    """A module of the original guided-diffusion; the test that asks is skipped where it is not installed."""
    reason = (
        "the original code is not installed: `python run.py test`, or pip install --no-deps guided-diffusion-sdk==1.0.0"
    )
    return pytest.importorskip(f"guided_diffusion.{module}", reason=reason)


def flag_combinations() -> dict[str, UNetConfig]:
    """The 64 architectures of make_golden.py's first loop, by case name."""
    found = {}
    for bits in range(32):
        updown, ssn, new, learn, classes = (bits >> i & 1 for i in (4, 3, 2, 1, 0))
        for heads in ("h2", "hc32"):
            found[f"updown{updown}_ssn{ssn}_new{new}_ls{learn}_cc{classes}_{heads}"] = UNetConfig(
                out_channels=6 if learn else 3,
                model_channels=32,
                channel_mult=(1, 2),
                num_res_blocks=1,
                attention_ds=(2,),
                num_classes=1000 if classes else None,
                num_heads=2,
                num_head_channels=-1 if heads == "h2" else 32,
                use_scale_shift_norm=bool(ssn),
                resblock_updown=bool(updown),
                use_new_attention_order=bool(new),
            )
    return found


class Waves:
    """make_golden.py's `wave` and `det_init` for one OFFSET."""

    def __init__(self, offset: float = 0.0):
        self.offset = offset

    def __call__(self, shape, phase, scale=1.0):
        i = torch.arange(math.prod(shape), dtype=torch.float64)
        return (torch.sin(i * 0.7310 + phase + self.offset) * scale).reshape(shape).float()

    @torch.no_grad()
    def fill(self, net):
        for k, (name, parameter) in enumerate(sorted(net.named_parameters())):
            i = torch.arange(parameter.numel(), dtype=torch.float64)
            value = torch.sin(i * i * 0.7310 + 1.37 * k + self.offset).reshape(parameter.shape)
            if parameter.dim() > 1:
                parameter.copy_(value * (2 / parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(0.1 * value + name.endswith("weight"))
        return net.eval()


def digest(tensor) -> dict[str, object]:
    flat = tensor.detach().double().flatten()
    return {
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "l2": float(flat.norm()),
        "head": flat[:4].tolist(),
        "tail": flat[-4:].tolist(),
    }


@torch.no_grad()
def unet_cases(wave: Waves) -> dict[str, dict]:
    x, t, y = wave((2, 3, 16, 16), 0.1, 0.9), torch.tensor([0, 641]), torch.tensor([3, 997])
    found = {}
    for name, config in flag_combinations().items():
        net = wave.fill(UNet(config, BARE))
        found[name] = net(x, t, y if config.num_classes else None)
    found["float_timestep_123.456"] = wave.fill(UNet(TINY, BARE))(x, torch.tensor([123.456, 0.5]))
    upsample = UNetConfig(**{**vars(TINY), "num_heads_upsample": 1})
    found["num_heads_upsample1"] = wave.fill(UNet(upsample, BARE))(x, t)
    low = torch.nn.functional.interpolate(wave((2, 3, 8, 8), 0.7), (16, 16), mode="bilinear")
    found["superres_low8"] = wave.fill(UNet(SUPERRES, BARE))(torch.cat([x, low], dim=1), t)
    found["classifier_attention_pool"] = wave.fill(EncoderUNet(CLASSIFIER, 16, BARE))(x, t)
    found["fractional_mult_0.5,1"] = wave.fill(UNet(FRACTIONAL, BARE))(x, t)
    return {name: digest(output) for name, output in found.items()}


def schedule_cases() -> dict[str, dict]:
    found = {}
    for name, steps in (("linear", 1000), ("cosine", 1000), ("linear", 100), ("cosine", 50)):
        betas = named_betas(name, steps)
        places = [0, 1, steps // 2, -1]
        found[f"{name}{steps}"] = {
            "beta": betas[places].tolist(),
            "abar": alphas_cumprod(betas)[places].tolist(),
        }
    for text in ("10", "25", "50", "100", "250", "300", "ddim25", "ddim50", "ddim250", "10,10,5"):
        kept, ladder = respaced(text)
        share = ladder.signal**2
        betas = (1 - share[1:] / share[:-1])[[0, 1, len(kept) // 2, -1]]
        found[f"respace_{text}"] = {
            "n": len(kept),
            "head": kept[:6],
            "tail": kept[-3:],
            "sum": sum(kept),
            "beta": betas.tolist(),
            "abar": share[[1, -1]].tolist(),
            "plvc0": float(Posterior(ladder).log_small[1]),
        }
    return found


def respaced(text: str) -> tuple[list[int], Ladder]:
    """Rising timesteps and ladder of guided-diffusion's linear schedule."""
    table = alphas_cumprod(named_betas("linear", 1000))
    falling = parse_respacing(1000, text)
    return falling[::-1], Ladder.from_alphas_cumprod(table, falling)


def toy(x, t):
    return torch.tanh(0.9 * x + 0.0003 * t.float().view(-1, 1, 1, 1) + 0.2 * torch.roll(x, 1, 3))


def toy_with_variance(x, t):
    return torch.cat([toy(x, t), torch.cos(x)], 1)


def toy_for(var_type: str):
    return toy_with_variance if var_type.startswith("LEARNED") else toy


def step_cases(wave: Waves) -> dict[str, dict]:
    x, x0 = wave((2, 3, 8, 8), 0.3, 1.1), wave((2, 3, 8, 8), 2.2, 0.9)
    noise = wave((2, 3, 8, 8), 4.4, 1.4)
    kept, ladder = respaced("20")
    found = {}
    for var_type in VAR_TYPES:
        for prediction in ("EPSILON", "START_X"):
            for rescale in (0, 1):
                for t in (0, 1, 10, 19):
                    for clip in (0, 1):
                        case = f"{var_type}_{prediction}_rescale{rescale}_t{t}_clip{clip}"
                        found[case] = one_step(var_type, prediction, rescale, t, bool(clip), x, noise, kept, ladder)
    for t in (0, 10, 19):
        found[f"q_sample_t{t}"] = digest(ladder.diffuse(x0, t + 1, noise))
        found[f"undo_to_t{t}"] = digest(ladder.climb(x, t, t + 1, noise))
    return found


def one_step(var_type, prediction, rescale, t, clip, x, noise, kept, ladder) -> dict[str, dict]:
    """One step down from index t of the respaced chain; level t + 1 of the ladder."""
    level = t + 1
    model = toy_for(var_type)
    if rescale:  # 1000 / T with T = 1000: only the type of what the model is given changes
        plain = model
        model = lambda x, t: plain(x, t * (1000.0 / 1000))  # noqa: E731
    name = {"EPSILON": "eps", "START_X": "x0"}[prediction]
    denoise = denoiser(model, ladder, kept[::-1], prediction=name, clip=clip)
    guess, v = denoise(x, level)
    posterior = Posterior(ladder)
    nowhere = torch.zeros(1, dtype=torch.bool)
    # A chain of one step from the given state, nothing known: guided-diffusion's p_sample.
    sampled = list(repaint(denoise, ladder, [level, level - 1], x, x, nowhere, lambda like: noise, VAR_TYPES[var_type]))
    found = {
        "mean": posterior.mean(x, guess, level),
        "logvar": posterior.log_variance(VAR_TYPES[var_type], level, v).expand(x.shape),
        "x0": guess,
        "p_sample": sampled[-1].x,
    }
    return {key: digest(value) for key, value in found.items()}


def nfe_cases() -> dict[str, int]:
    return {
        f"T{steps}_r{r}_j{j}": count_model_calls(steps, j, r)
        for steps in (50, 100, 250, 1000)
        for r in (1, 2, 5, 10, 20)
        for j in (1, 5, 10, 20)
    }


CHAINS = [
    (steps, r, j, var_type)
    for steps, r, j in ((10, 1, 1), (10, 3, 1), (20, 3, 4), (25, 2, 10))
    for var_type in ("LEARNED_RANGE", "FIXED_SMALL", "FIXED_LARGE")
]


def chain_known():
    known = torch.ones(2, 3, 8, 8, dtype=torch.bool)
    known[:, :, 2:6, 3:7] = False
    return known


def run_chain(wave: Waves, steps: int, r: int, j: int, var_type: str, place: str):
    """A golden chain through `repaint`: its last step, and the last state without the final paste."""
    kept, ladder = respaced(str(steps))
    levels = repaint_levels(steps, j, r)
    draws = iter(mapped_noises(wave, ladder, levels, place))
    denoise = denoiser(toy_for(var_type), ladder, kept[::-1])
    inputs = []

    def watched(x, level):
        inputs.append(x)
        return denoise(x, level)

    shape = (2, 3, 8, 8)
    start, x0 = wave(shape, 9.9, 1.4), wave(shape, 2.2, 0.9)
    chain = repaint(watched, ladder, levels, start, x0, chain_known(), lambda like: next(draws), VAR_TYPES[var_type])
    last = list(chain)[-1]
    assert next(draws, None) is None, "the loop drew less noise than the original chain"
    unpasted = Posterior(ladder).mean(inputs[-1], denoise(inputs[-1], 1)[0], 1)
    return last, unpasted, x0


def mapped_noises(wave: Waves, ladder: Ladder, levels: list[int], place: str) -> list:
    """The golden chain's noises in the order in which `repaint` draws.

    The golden chain climbs one level at a time, `repaint` in one draw: x' = A x + sqrt(V) n' for a whole climb gives n'.
    And "after" puts the known region in after each step down, where it then climbs with the rest; `repaint` puts it in
    before each step down, so it must be given the noise that the climbed known region holds.
    """
    share = (ladder.signal**2).tolist()
    beta = [math.nan, *(1 - share[i] / share[i - 1] for i in range(1, len(share)))]
    draw = {kind: wave_sequence(wave, phase) for kind, phase in (("z", 0.5), ("k", 1.5), ("u", 2.5))}
    noises, known = [], None
    climbed, variance = 0.0, 0.0  # of the climb under way: sum of the scaled noises, and its variance
    for i, (level, reached) in enumerate(itertools.pairwise(levels)):
        if reached > level:
            unit, b = next(draw["u"]), beta[reached]
            climbed = math.sqrt(1 - b) * climbed + math.sqrt(b) * unit
            variance = (1 - b) * variance + b
            if known is not None:
                old = math.sqrt(1 - b) * math.sqrt(1 - share[level])
                known = (old * known + math.sqrt(b) * unit) / math.sqrt(1 - share[reached])
            continue
        if variance:
            noises.append(climbed / math.sqrt(variance))
            climbed, variance = 0.0, 0.0
        if i > 0:
            noises.append(known if place == "after" else next(draw["k"]))
        if reached > 0:
            noises.append(next(draw["z"]))
            known = next(draw["k"]) if place == "after" else None
    return noises


def wave_sequence(wave: Waves, phase: float):
    i = 0
    while True:
        yield wave((2, 3, 8, 8), phase + 0.613 * i, 1.4)
        i += 1
