"""Configurations that nobody wrote by hand: beside a checkpoint, in its header, and for the command line's --config."""

import json
from collections.abc import Callable

from broken_checkpoints import METADATA_KEY, Draw, Files, network_abroad, save, saved, weights

__all__ = ["CONFIGS", "SIDECARS"]

FLAGS = (
    "num_heads", "num_head_channels", "num_heads_upsample", "use_new_attention_order", "noise_schedule",
    "diffusion_steps",
    "rescale_timesteps", "prediction", "var_type", "image_size", "class_names", "null_class", "predict_xstart",
    "sigma_small",
    "model_mean_type", "model_var_type", "total_steps", "num_diffusion_timesteps", "beta_schedule", "objective",
    "num_heads_channels", "learn_sigma", "something else",
    "attention_head_dim", "attn_head_dims", "n_heads", "num_heads_middle", "sample_size", "norm_num_groups", "norm_eps",
    "attn_norm_num_groups", "downsample_padding", "flip_sin_to_cos", "freq_shift", "center_input_sample", "_class_name",
    "act_fn", "time_embedding_type", "class_embed_type", "mid_block_scale_factor", "trained_betas", "beta_start",
    "beta_end", "rescale_betas_zero_snr", "num_train_timesteps", "prediction_type", "predict_epsilon", "variance_type",
    "clip_sample", "clip_sample_range",
)  # fmt: skip
OURS = (
    "method", "feedback", "skip_type", "skip_steps", "timestep_respacing", "resample", "resample_r", "resample_j",
    "start_resampling", "jumps_every", "denoise", "var_type", "seed", "clip", "class_label", "mask_type", "mask_polarity",
    "dtype", "load_ema",
    "image_size", "variants", "micro_batch", "flags", "weights", "input_dir", "mask_dir", "save_dir", "n_samples",
    "resume",
    "dry_run", "contact_sheet", "cpu", "preset", "settings",
)  # fmt: skip
REPAINT = (
    "attention_resolutions", "class_cond", "diffusion_steps", "learn_sigma", "noise_schedule", "num_channels",
    "num_head_channels",
    "num_heads", "num_res_blocks", "resblock_updown", "use_fp16", "use_scale_shift_norm", "classifier_scale",
    "lr_kernel_n_std",
    "num_samples", "show_progress", "timestep_respacing", "use_kl", "predict_xstart", "rescale_timesteps",
    "rescale_learned_sigmas",
    "classifier_use_fp16", "image_size", "model_path", "classifier_path", "inpa_inj_sched_prev",
    "inpa_inj_sched_prev_cumnoise",
    "use_ddim", "clip_denoised", "schedule_jump_params", "data", "n_jobs", "name", "print_estimated_vars",
)  # fmt: skip
JUMPS = (
    "t_T",
    "n_sample",
    "jump_length",
    "jump_n_sample",
    "start_resampling",
    "jump2_length",
    "jump2_n_sample",
    "jump3_n_sample",
)
DATA = ("gt_path", "mask_path", "max_len", "batch_size", "image_size", "class_cond", "deterministic", "random_crop",
    "random_flip",
        "paths", "offset", "mask_loader", "return_dataloader", "loader")  # fmt: skip
SEED = ("seed", "diffusion", "model", "data", "train", "img_size")
SEED_DIFFUSION = ("total_steps", "beta_schedule", "beta_start", "beta_end", "objective", "var_type", "skip_type",
    "respace_type",
                  "skip_steps", "respace_steps", "params", "target", "device", "eta")  # fmt: skip

SCALARS = (
    None, True, False, 0, 1, 2, 3, -1, 8, 250, 1000, 4000, 10**8, 2**63, 10**400, -(10**400), 0.5, 2.0, 1e-4, 0.02,
    1e308, -1e308,
    float("nan"), float("inf"), "", " ", "4", "eps", "cosine", "linear", "learned", "learned_range", "repaint",
        "feedback", "uniform",
    "karras", "none", "auto", "fp16", "\n", "a\nb", "\0", "x" * 3000, "None", "true", "nan", "/", "..", "~",
    "~nobody/x", "ddim50", "250",
    "10,10,5", "ddim", "ddim" + "9" * 5000, "9" * 4300, "9" * 4301, "1" * 5000 + ",1", ",", "0", "-5", "1e3",
    "\u0661\u0660", "\u00b2",
    "1," * 5000 + "1", "balanced", "best", "paper", "\u202e", "\x1b[2J", "%s", "{x}",
)  # fmt: skip
# What may stand there, so that what is wrong is met behind the first check, too.
FITS = {
    "num_heads": 2, "num_head_channels": 32, "noise_schedule": "cosine", "diffusion_steps": 1000, "prediction": "eps",
    "rescale_timesteps": True, "use_new_attention_order": False, "image_size": 64, "var_type": "learned_range",
    "predict_xstart": False,
    "class_names": ["cat", "dog", "any"], "null_class": 2, "method": "repaint", "skip_type": "uniform", "skip_steps": 50,
    "timestep_respacing": "250", "resample": True, "resample_r": 2, "resample_j": 2, "denoise": 1.0, "feedback": 0.5, "seed": 3,
    "clip": True, "class_label": "1", "mask_polarity": "keep", "dtype": "fp32", "load_ema": True, "variants": 2,
    "micro_batch": 4,
    "flags": {"num_heads": 2}, "weights": "w.pt", "input_dir": ["in"], "mask_dir": "masks", "save_dir": "out", "n_samples": 5,
    "resume": True, "cpu": True, "preset": "fast", "start_resampling": 100, "jumps_every": 3, "mask_type": "",
    "contact_sheet": False, "dry_run": True,
    "t_T": 250, "n_sample": 1, "jump_length": 10, "jump_n_sample": 10, "gt_path": "in", "mask_path": "masks", "max_len": 5,
    "batch_size": 4, "paths": {"srs": "out"}, "model_path": "w.pt", "clip_denoised": True, "total_steps": 1000,
    "beta_schedule": "linear",
    "beta_start": 1e-4, "beta_end": 0.02, "objective": "pred_eps", "respace_type": "uniform", "respace_steps": 50,
    "model": {"params": {}},
    "sigma_small": False, "model_var_type": "fixed_large", "num_diffusion_timesteps": 1000, "num_heads_upsample": -1,
    "use_fp16": False,
}  # fmt: skip
HUGE_HEX = "0x" + "f" * 6000


def value(draw: Draw, names: tuple[str, ...], level: int = 0) -> object:
    what = draw.random()
    if what < 0.75 or level > 3:
        return draw.choice(SCALARS)
    if what < 0.87:
        return [value(draw, names, level + 1) for _ in range(draw.choice([0, 1, 2, 3, 9]))]
    return section(draw, names, level + 1)


def section(draw: Draw, names: tuple[str, ...], level: int = 0) -> dict:
    chosen = [draw.choice(names) for _ in range(draw.choice([0, 1, 1, 2, 3, 6, 12]))]
    fitting = draw.choice([0.0, 0.5, 0.9, 0.97])
    return {name: FITS[name] if name in FITS and draw.often(fitting) else value(draw, names, level) for name in chosen}


def as_json(draw: Draw, content: object) -> bytes:
    return json.dumps(content, indent=draw.choice([None, 2])).encode()


def as_yaml(draw: Draw, content: object) -> bytes:
    import yaml

    text = yaml.safe_dump(
        content, allow_unicode=draw.often(0.5), default_flow_style=draw.choice([None, False, True]), width=10**6
    )
    for _ in range(draw.choice([0, 0, 0, 1, 2])):  # what PyYAML would never write
        odd = [HUGE_HEX, "1:" * 300 + "1", "!!int ''", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "2001-01-01",
            "!!timestamp 'no'",
               "!!python/object/apply:os.system ['touch canary']", "!!python/name:os.system", "&a [*a]", "&b {x: *b}",
               "*nobody", "? x", ".inf",
               "0b" + "1" * 90_000, "!!float '_'", "!!pairs [a: 1]", "0o7", "=", "<<", "!unknown x", "!!null 5",
               "-.inf", "%TAG", "---", "...",
               "!!bool maybe", "!!merge x", "[[[[", "'", '"', "\t", "|", ">", "@", "`", "!!seq {}", "!!map []",
               "!!str [a]", "0_0"]  # fmt: skip
        lines = text.split("\n")
        place = draw.randrange(len(lines))
        name, colon, _ = lines[place].partition(":")
        lines[place] = f"{name}: {draw.choice(odd)}" if colon else draw.choice(odd)
        if draw.often(0.1):
            lines.insert(place, f"{draw.choice(odd)}: 1")
        text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


def bomb(draw: Draw) -> str:
    """Few bytes that stand for many, or that go deep."""
    levels, width = draw.randint(2, 30), draw.randint(2, 12)
    rows = ["a0: &a0 {num_heads: 1}"]
    for level in range(1, levels):
        inside = ", ".join(f"k{i}: *a{level - 1}" for i in range(width))
        rows.append(f"a{level}: &a{level} {{{inside}}}")
    merged = ["a0: &a0 {x: 1}"] + [
        f"a{level}: &a{level}\n  <<: [{', '.join([f'*a{level - 1}'] * width)}]\n  y{level}: 1"
        for level in range(1, levels)
    ]
    times = draw.log_uniform(200_000)
    return draw.choice(["\n".join(rows), "\n".join(merged), "[" * times, "{x: " * times, "- " * times, "? " * times,
        "x: !!int '" + "9" * times + "'",
                        "\n".join(" " * i + "x:" for i in range(draw.log_uniform(700))), "&a\nx: *a\ny: *a",
                        "x: " + "y" * times, "# " * times,
                        "\n".join(f"k{i}: {i}" for i in range(draw.log_uniform(20_000))),
                        "!!int '" + ":".join("1" * draw.log_uniform(3000)) + "'",
                        "a: " + "9" * times, "a: 1e" + "9" * times, '{"x":' * times, "&x " * times, "!" * times,
                        "'" + "''" * times, "---\n" * times,
                        "x: >\n" + " \n" * times, "a: 0x" + "f" * times, "num_heads: 0x" + "f" * times,
                        "diffusion_steps: 0b" + "1" * times])  # fmt: skip


def text_of(draw: Draw, content: object, kind: str) -> bytes:
    what = draw.random()
    if what < 0.08:
        data = bomb(draw).encode()
    else:
        data = as_json(draw, content) if kind == ".json" or draw.often(0.1) else as_yaml(draw, content)
    if what > 0.9:
        data = bytearray(data)
        for _ in range(draw.choice([1, 2, 10])):
            place = draw.randrange(len(data) + 1)
            data[place : place + draw.choice([0, 1, 5])] = draw.choice(
                [
                    b"\xff",
                    b"\0",
                    b"{",
                    b"]",
                    b":",
                    b"\n",
                    b"\r",
                    b"\t",
                    b"*",
                    b"&",
                    b"!",
                    b"\xef\xbb\xbf",
                    b"\xed\xa0\x80",
                    b"\xc2\x85",
                    b'"',
                    b"<<:",
                ]
            )
    return bytes(data)


def sidecar(draw: Draw) -> Files:
    """A sound network with something odd beside it."""
    kind = draw.choice([".json", ".yaml", ".yml"])
    content = value(draw, FLAGS) if draw.often(0.1) else section(draw, FLAGS)
    return Files("net.pt", saved(draw, weights(draw)), (("net" + kind, text_of(draw, content, kind)),))


def of_code_base(draw: Draw) -> Files:
    """The same as diffusers or xyfJASON would have saved it, with something odd in the files beside it."""
    names, beside = draw.choice(
        [
            (("diffusion_pytorch_model.bin",), ("config.json", "scheduler_config.json")),
            (("ema_model.pt",), ("config.yaml",)),
        ]
    )
    odd = [(name, text_of(draw, {"model": section(draw, FLAGS), **section(draw, FLAGS)}, name[-5:])) for name in beside]
    return Files(names[0], saved(draw, network_abroad()), tuple(odd))


def metadata(draw: Draw) -> Files:
    text = text_of(draw, section(draw, FLAGS), ".json").decode("utf-8", "replace")
    return Files("net.safetensors", save(weights(draw), {METADATA_KEY: text}))


def repaint_conf(draw: Draw) -> dict:
    conf: dict = section(draw, REPAINT)
    if draw.often(0.8):
        conf["schedule_jump_params"] = section(draw, JUMPS) if draw.often(0.9) else value(draw, JUMPS)
    if draw.often(0.6):
        conf["data"] = {"eval": {"some": section(draw, DATA)}} if draw.often(0.8) else value(draw, ("eval", *DATA))
    if draw.often(0.5):
        conf["timestep_respacing"] = draw.choice([*SCALARS, *["250", "ddim50", "10,10,5", 100] * 20])
    return conf


def seed_conf(draw: Draw) -> dict:
    conf: dict = section(draw, SEED)
    conf["diffusion"] = section(draw, SEED_DIFFUSION)
    if draw.often(0.5):
        conf["diffusion"] = {"target": "x", "params": conf["diffusion"]}
    if draw.often(0.5):
        conf["data"] = {"params": {"img_size": draw.choice(SCALARS)}} if draw.often(0.8) else draw.choice(SCALARS)
    return conf


def own_conf(draw: Draw) -> dict:
    conf = section(draw, OURS)
    return {"settings": conf, "seed": 3} if draw.often(0.3) else conf


def configuration(draw: Draw) -> Files:
    """A file for --config, of each of the three kinds."""
    kind = draw.choice([".json", ".yaml", ".yml"])
    makers: list[Callable[[Draw], object]] = [repaint_conf, seed_conf, own_conf, lambda draw: value(draw, OURS)]
    return Files("conf" + kind, text_of(draw, draw.choices(makers, [4, 4, 4, 1])[0](draw), kind))


SIDECARS: dict[Callable[[Draw], Files], int] = {sidecar: 8, of_code_base: 6, metadata: 4}
CONFIGS: dict[Callable[[Draw], Files], int] = {configuration: 12}
