"""Checkpoints that no trainer writes: small valid files of every kind that the loader reads, broken in one or more ways.

`CHECKPOINTS` is a table of makers: each gets a seeded `Draw` and returns a file's suffix and bytes, and perhaps a sidecar.
"""

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from diffusers_files import SMALL as SMALL_DDPM
from diffusers_files import of_diffusers
from mask_guidance.sampler.adm import UNet, UNetConfig
from mask_guidance.sampler.checkpoint import METADATA_KEY, Network
from mask_guidance.sampler.ddpm import DDPMUNet
from mask_guidance.sampler.lucidrains import LucidConfig, LucidUNet
from mask_guidance.sampler.lucidrains.config import Attention
from safetensors.torch import save

__all__ = ["CANARY", "CHECKPOINTS", "Draw", "Files"]

CANARY = "canary"  # what code from a file would leave in the case's folder
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Files:
    """What lies in a case's folder: the checkpoint or configuration under test, and what is beside it."""

    name: str
    content: bytes
    beside: tuple[tuple[str, bytes], ...] = ()


class Draw(random.Random):
    """A case's own source of chance, and where it happens."""

    folder: Path

    def often(self, chance: float) -> bool:
        return self.random() < chance

    def log_uniform(self, most: int) -> int:
        return int(most ** self.random())


TINY = UNetConfig(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_ds=(2,), num_heads=2, resblock_updown=True
)
CONFIGS = (
    TINY,
    replace(TINY, channel_mult=(1, 1), attention_ds=(), out_channels=3),
    replace(TINY, channel_mult=(1, 1), resblock_updown=False, num_classes=3),
    replace(TINY, channel_mult=(1, 1), in_channels=1, out_channels=2, use_scale_shift_norm=False),
)
DDPM = replace(SMALL_DDPM, embed_channels=64, widths=(32, 32))
FULL = Attention(True, 2, 8, 2)
LUCIDRAINS = LucidConfig(3, 3, 16, (16, 16, 16), (Attention(False, 2, 8, 2), FULL), FULL)
NETWORKS: tuple[Callable[[], Network], ...] = (
    *(lambda config=config: UNet(config) for config in CONFIGS),
    lambda: DDPMUNet(DDPM),
    lambda: LucidUNet(LUCIDRAINS),
)
# Some of diffusers' and xyfJASON's names for parts of a DDPM network: enough to be taken for one of theirs.
ABROAD = (
    ("down.", "down_blocks."), ("up.", "up_blocks."), (".block.", ".resnets."), (".attn.", ".attentions."),
    ("temb.dense.0", "time_embedding.linear_1"), ("mid.block_1", "mid_block.resnets.0"), (".q.", ".to_q."),
    ("conv_in", "first_conv"), ("temb.dense.0", "time_embed.1"), (".block.0.norm1", ".0.blk1.0"),
)  # fmt: skip


@cache
def whole(place: int) -> Tensors:
    """A network's state dict, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(place)
        return {key: value.detach() for key, value in NETWORKS[place]().state_dict().items()}


def weights(draw: Draw) -> Tensors:
    tensors = dict(whole(draw.randrange(len(NETWORKS))))
    if "temb.dense.0.weight" in tensors and draw.often(0.5):
        for ours, theirs in draw.sample(ABROAD, draw.randint(1, len(ABROAD))):
            tensors = {key.replace(ours, theirs): value for key, value in tensors.items()}
    return tensors


def network_abroad() -> Tensors:
    """A whole DDPM network under diffusers' names."""
    return of_diffusers(whole(len(CONFIGS)))


# --- what may be wrong with a state dict


def values_of(draw: Draw, value: torch.Tensor) -> torch.Tensor:
    """The same shape with numbers of another kind, or in another place."""
    kinds: list[Callable[[], torch.Tensor]] = [
        lambda: value * float("nan"),
        lambda: value.clone().index_fill_(0, torch.tensor([0]), float("inf")),
        lambda: value.to(draw.choice([torch.int8, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.int32])),
        lambda: value.to(draw.choice([torch.float16, torch.bfloat16, torch.float64])),
        lambda: value.to(draw.choice([torch.float8_e4m3fn, torch.float8_e5m2])),
        lambda: value.to("meta"),
        lambda: value.to_sparse(),
        lambda: torch.quantize_per_tensor(value, 0.1, 0, draw.choice([torch.qint8, torch.quint8, torch.qint32])),
        lambda: value.half()[(slice(0, 1),) * value.dim()].expand(value.shape),
        lambda: value.conj() if value.is_complex() else torch.complex(value, value).conj(),
        lambda: torch.nn.Parameter(value),
        lambda: value.transpose(0, -1).contiguous().transpose(0, -1),
        lambda: value.as_strided((value.shape[0],) * value.dim(), (0,) * value.dim()),
        lambda: value * 1e30,
        lambda: torch._neg_view(value),
    ]
    return draw.choice(kinds)()


def shape_of(draw: Draw, value: torch.Tensor) -> torch.Tensor:
    kinds: list[Callable[[], torch.Tensor]] = [
        lambda: torch.zeros(()),
        lambda: torch.zeros(0),
        lambda: value[:0],
        lambda: value.unsqueeze(0),
        lambda: value.flatten(),
        lambda: torch.cat([value, value[:1]]),
        lambda: value[:1].expand(draw.log_uniform(10**9), *value.shape[1:]),
        lambda: torch.zeros(1).expand([draw.log_uniform(10**4) for _ in range(draw.randint(1, 6))]),
        lambda: torch.zeros([draw.randint(0, 9) for _ in range(draw.randint(0, 12))]),
        lambda: torch.zeros(1, dtype=torch.half).expand(10 ** draw.randint(1, 11)),
        lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        lambda: torch.zeros(0, 10 ** draw.randint(3, 17)),
    ]
    return draw.choice(kinds)()


FOREIGN = (
    "first_stage_model.a", "conditioner.b", "decoder.mid.block_1.norm1.weight", "x_embedder.w", "double_blocks.0.w",
    "temb.dense.0.weight", "time_embedding.linear_1.weight", "first_conv.weight", "init_conv.weight", "all_modules.0.w",
    "timestep_embed.weight", "denoise_fn.x", "input_blocks.1.1.transformer_blocks.0.w", "out.2.positional_embedding",
    "label_emb.weight", "input_blocks.0.0.weight", "time_embed.0.weight", "lora_unet_down.weight", "shadow", "ema",
)  # fmt: skip


def key_of(draw: Draw, key: str) -> object:
    number = draw.choice(
        ["-1", "0", "7", "255", "256", "999", "1000000000", "9" * 5000, "1e9", "x", "\u0663", "00", ""]
    )
    parts = key.split(".")
    parts[draw.randrange(len(parts))] = number
    kinds: list[Callable[[], object]] = [
        lambda: ".".join(parts),
        lambda: f"{draw.choice(['input', 'output'])}_blocks.{number}.{draw.randint(0, 3)}.in_layers.0.weight",
        lambda: f"output_blocks.{number}.{draw.randint(0, 3)}.{draw.choice(['conv', 'op', 'qkv'])}.weight",
        lambda: draw.choice(FOREIGN),
        lambda: draw.choice(["module.", "model.", "unet.", "ema_model.", "model.diffusion_model.", "x."]) + key,
        lambda: "module." * draw.log_uniform(50_000) + key,
        lambda: draw.choice([5, 2.5, None, True, (1, "a"), b"bytes", -(2**70), float("nan")]),
        lambda: key + draw.choice(["\n", "\0", "\x1b[2J", " ", "\u202e", "\ud7ff", "x" * 20_000, ".weight", "\r\nfake: line"]),
        lambda: "".join(chr(draw.choice([draw.randrange(32, 127), draw.randrange(160, 0xD7FF)])) for _ in range(30)),
        lambda: "",
    ]  # fmt: skip
    return draw.choice(kinds)()


def broken(draw: Draw, tensors: Tensors) -> dict:
    """One or a few of a state dict's tensors lost, moved, reshaped or filled with something else."""
    out: dict = dict(tensors)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 8])):
        key = draw.choice(list(tensors))
        what = draw.randrange(7)
        value = tensors[key]
        try:
            if what == 0:
                out.pop(key, None)
            elif what == 1:
                out[key] = shape_of(draw, value)
            elif what in (2, 3):
                out[key] = values_of(draw, value)
            elif what == 4:
                out[key_of(draw, key)] = out.pop(key, value)
            elif what == 5:
                out[key_of(draw, key)] = value
            else:
                out[key] = draw.choice(
                    [None, 1, "text", [value], {"a": value}, (value,), 1j, b"x", set(), value.tolist]
                )
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            out.pop(key, None)  # this torch cannot make it
    if draw.often(0.05):
        out |= {f"output_blocks.{i}.0.in_layers.0.weight": torch.zeros(32) for i in range(draw.log_uniform(3000))}
    if draw.often(0.05):
        value = torch.zeros(1, dtype=torch.half)
        out = {key: value.expand(tensors[key].shape) for key in tensors}  # a network out of one number
    if draw.often(0.03):
        out = {key: value * float("nan") for key, value in tensors.items()}
    return {key: value for key, value in out.items() if not callable(value)}


def wrapped(draw: Draw, content: object, other: object) -> object:
    """In dictionaries and lists, as trainers do, and as nobody does."""
    names = [
        "model",
        "ema",
        "state_dict",
        "ema_model",
        "net",
        "params",
        "shadow",
        "shadow_params",
        "x",
        "",
        7,
        "a\nb" * 99,
    ]
    for _ in range(draw.choice([0, 0, 1, 1, 2, 3, 20])):
        what = draw.randrange(7)
        name = draw.choice(names)
        if what == 0:
            content = {name: content}
        elif what == 1:
            content = {name: content, draw.choice(names): other, "epoch": 3}
        elif what == 2:
            content = [content, {"state": {}}, 1, other]
        elif what == 3:
            content = (content,)
        elif what == 4:
            content = OrderedDict([("optimizer", {"lr": 0.1}), (name, content)])
        elif what == 5 and isinstance(content, dict):
            content[name] = content  # holds itself
        else:
            content = {"ema": {"shadow": list(content.values()) if isinstance(content, dict) else [content]}}
    return content


# --- files


def saved(draw: Draw, content: object) -> bytes:
    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=draw.often(0.6))
    return out.getvalue()


def damaged(draw: Draw, content: bytes) -> bytes:
    """Bytes flipped, cut, doubled, put in, or counted wrongly."""
    data = bytearray(content)
    ends = min(len(data), 4000)  # where headers, indices and directories are
    for _ in range(draw.choice([1, 1, 2, 5, 50])):
        if not data:
            break
        place = draw.choice(
            [draw.randrange(len(data)), draw.randrange(min(ends, len(data))), -draw.randint(1, len(data))]
        )
        what = draw.randrange(8)
        if what < 3:
            data[place] = draw.choice([draw.randrange(256), 0, 255, data[place] ^ (1 << draw.randrange(8))])
        elif what == 3:
            del data[place:]
        elif what == 4:
            del data[place : place + draw.log_uniform(5000) if place >= 0 else None]
        elif what == 5:
            data[place:place] = bytes(draw.randrange(256) for _ in range(draw.log_uniform(200)))
        elif what == 6:
            data[place : place + 8 if place < -8 or place >= 0 else None] = struct.pack(
                "<q", draw.choice([-1, 2**62, 2**31, 0])
            )
        else:
            data += data[: draw.log_uniform(2000)]
    return bytes(data)


def plain(draw: Draw) -> Files:
    """Nothing is wrong with it."""
    return Files(
        "net.pt", saved(draw, wrapped(draw, weights(draw), weights(draw)) if draw.often(0.5) else weights(draw))
    )


def broken_state_dict(draw: Draw) -> Files:
    content = broken(draw, weights(draw))
    if draw.often(0.4):
        content = wrapped(draw, content, weights(draw))
    return Files(draw.choice(["net.pt", "net.pth", "net.ckpt"]), saved(draw, content))


def strange_wrappers(draw: Draw) -> Files:
    return Files("net.pt", saved(draw, wrapped(draw, weights(draw), broken(draw, weights(draw)))))


def prefixed(draw: Draw) -> Files:
    model, ema = weights(draw), broken(draw, weights(draw))
    prefixes = [
        "ema_model.",
        "model.",
        "module.",
        "online_model.model.",
        "model.diffusion_model.",
        "",
        "ema_model.model.",
    ]
    first, second = draw.choice(prefixes), draw.choice(prefixes)
    content = {first + key: value for key, value in model.items()}
    content |= {second + str(key): value for key, value in ema.items()}
    return Files("net.pt", saved(draw, content))


def damaged_torch_file(draw: Draw) -> Files:
    content = weights(draw) if draw.often(0.3) else {"out.0.bias": torch.zeros(3), "model": {"a": torch.ones(2)}}
    return Files("net.pt", damaged(draw, saved(draw, content)))


def damaged_safetensors(draw: Draw) -> Files:
    return Files("net.safetensors", damaged(draw, save(weights(draw), {METADATA_KEY: '{"num_heads": 2}'})))


def safetensors_header(draw: Draw) -> Files:
    """A header that says something else than the numbers behind it."""
    content = save(weights(draw))
    length = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    dtypes = ["F32", "F16", "BF16", "F64", "I8", "U8", "BOOL", "I64", "F8_E4M3", "F8_E5M2", "C64", "F4", "x", 3, None]
    for _ in range(draw.choice([1, 1, 2, 5])):
        key = draw.choice(list(header))
        entry = dict(header[key]) if isinstance(header[key], dict) else {}
        what = draw.randrange(9)
        if what == 0:
            entry["dtype"] = draw.choice(dtypes)
        elif what == 1:
            entry["shape"] = draw.choice([[], [0], [-1], [2**40, 2**40], [1.5], "x", None, [10**30], [[1]], [0, 2**62]])
        elif what == 2:
            entry["data_offsets"] = draw.choice(
                [[0, 0], [5, 2], [0, 2**63], [-1, 4], [0], None, [0, len(numbers)], "x"]
            )
        elif what == 3:
            entry["extra"] = draw.choice([1, "x" * 5000, {}])
        if what < 4:
            header[key] = entry
        elif what == 4:
            header[str(key_of(draw, key))] = header.pop(key)
        elif what == 5:
            header["__metadata__"] = draw.choice(
                [{}, {"a": 1}, [], None, {"": ""}, {METADATA_KEY: None}, {"a": {"b": "c"}}]
            )
        elif what == 6:
            header |= {
                f"k{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(draw.log_uniform(30_000))
            }
        elif what == 7:
            header = {"a": header} if draw.often(0.5) else header
        else:
            header[key] = draw.choice([None, [], 1, "x", {}])
    text = json.dumps(header).encode()
    if draw.often(0.1):
        text = draw.choice(
            [
                b"[" * 100_000,
                b"null",
                b"[]",
                b"{}",
                b'{"a":' * 50_000,
                text * 2,
                b" " * 300_000 + text,
                b"\xff\xfe" + text,
            ]
        )
    said = draw.choice([len(text)] * 8 + [0, 1, 2**63, 2**64 - 1, len(text) + 10**6, len(text) - 1])
    return Files("net.safetensors", struct.pack("<Q", said) + text + (numbers if draw.often(0.9) else b""))


def other_safetensors(draw: Draw) -> Files:
    """Right by the format, wrong as a network."""
    content = {str(key): value for key, value in broken(draw, weights(draw)).items() if isinstance(value, torch.Tensor)}
    content = {key: value.detach().clone() for key, value in content.items() if value.layout == torch.strided
               and value.device.type == "cpu" and not value.is_quantized and not value.is_nested
               and value.numel() < 10**6}  # fmt: skip
    try:
        return Files("net.safetensors", save(content, {METADATA_KEY: draw.choice(["{}", "", "[", '{"num_heads": 2}'])}))
    except (ValueError, RuntimeError, KeyError):
        return Files("net.safetensors", save(weights(draw)))


class Burglar:
    """Runs code when unpickled by a reader that lets it."""

    def __init__(self, function: Callable, *arguments: object):
        self.said = function, arguments

    def __reduce__(self):
        return self.said


def burglars(draw: Draw) -> Burglar:
    """Ways to leave a canary, most through functions that nobody would suspect."""
    import os
    import runpy
    import shutil
    import subprocess

    trace = str(draw.folder / CANARY)
    code = f"open({trace!r}, 'w').close()"
    script = draw.folder / "beside.py"
    return draw.choice(
        [
            Burglar(open, trace, "w"),
            Burglar(exec, code),
            Burglar(eval, code),
            Burglar(os.system, f"touch '{trace}'"),
            Burglar(os.mkdir, trace),
            Burglar(subprocess.call, ["touch", trace]),
            Burglar(shutil.copy, str(script), trace),
            Burglar(runpy.run_path, str(script)),
            Burglar(torch.load, str(draw.folder / "inner.pt")),
            Burglar(torch.save, {}, trace),
            Burglar(getattr, Path, "touch"),
            Burglar(torch.hub.load, str(draw.folder), "x"),
            Burglar(Path(trace).touch),
        ]
    )


def with_code(draw: Draw) -> Files:
    """A burglar somewhere in a file: as a value, a key, a wrapper, alone, before the weights, in any format."""
    burglar, tensors = burglars(draw), weights(draw)
    places: list[Callable[[], object]] = [
        lambda: burglar,
        lambda: {"model": tensors, "x": burglar},
        lambda: {**tensors, "x": burglar},
        lambda: [burglar, tensors],
        lambda: {burglar: tensors},
        lambda: OrderedDict([("a", burglar), *tensors.items()]),
        lambda: {"ema": {"x": [burglar]}, "model": tensors},
    ]
    content = draw.choice(places)()
    script = (draw.folder / CANARY).as_posix()
    beside = (("beside.py", f"open({script!r}, 'w').close()".encode()), ("inner.pt", pickle.dumps(burglar, 2)))
    what = draw.randrange(5)
    if what == 0:
        return Files("net.pt", pickle.dumps(content, draw.randrange(6)), beside)
    if what == 1:
        return Files("net.pt", tarred(draw, pickle.dumps(content, 2)), beside)
    if what == 2:
        return Files(
            "net.pt",
            zipped({"archive/data.pkl": pickle.dumps(content, draw.choice([2, 4])), "archive/version": b"3"}),
            beside,
        )
    return Files("net.pt", saved(draw, content), beside)


def tarred(draw: Draw, content: bytes) -> bytes:
    """PyTorch 0.1's format, which torch's own reader once opened with an ordinary unpickler."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=draw.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])) as archive:
        for name in draw.choice(
            [("pickle", "storages", "tensors"), ("storages", "tensors", "pickle"), ("../" + CANARY, "pickle")]
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)  # without the time of day
    return out.getvalue()


def calls(draw: Draw) -> bytes:
    """A pickle written by hand of what torch's reader allows: rebuilt tensors, rooms, encodings, types, with odd arguments."""
    names = (
        "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor", "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_sparse_tensor", "torch._utils _rebuild_qtensor",
        "torch._utils _rebuild_meta_tensor_no_storage",
        "torch._utils _rebuild_wrapper_subclass", "torch._utils _rebuild_nested_tensor",
        "torch._utils _rebuild_device_tensor_from_numpy",
        "torch._tensor _rebuild_from_type_v2", "torch Tensor", "torch FloatTensor", "torch.sparse FloatTensor",
        "torch Size", "torch device",
        "torch.storage UntypedStorage", "torch.storage TypedStorage", "torch FloatStorage",
        "torch.nn.parameter Parameter",
        "collections OrderedDict", "collections Counter", "_codecs encode", "builtins bytearray",
        "__builtin__ bytearray",
        "builtins set", "builtins complex", "torch.serialization _get_layout", "torch float32", "torch half",
        "builtins eval", "os system", "posix system", "torch.hub load", "torch load", "numpy.core.multiarray scalar",
    )  # fmt: skip

    def number() -> bytes:
        value = draw.choice([0, 1, 2, 3, 2**31 - 1, -1, 10**9, draw.randrange(1000)])
        return b"J" + struct.pack("<i", value)

    def text() -> bytes:
        value = draw.choice(["a", "cpu", "cuda:7", "punycode", "Puny-Code", "idna", "latin1", "torch.strided",
                             "torch.sparse_coo",
                             "\u4e00" * 5000, "x" * 100_000, "".join(map(chr, range(0x4E00, 0x9000))) * 4])  # fmt: skip
        data = value.encode("utf-8")
        return b"X" + struct.pack("<I", len(data)) + data

    def argument(level: int) -> bytes:
        what = draw.randrange(9)
        if what == 0:
            return number()
        if what == 1:
            return text()
        if what == 2:
            return b"(" + b"".join(number() for _ in range(draw.randint(0, 6))) + b"t"
        if what == 3:
            return draw.choice([b"N", b"\x88", b"\x89", b")", b"]", b"}", b"G" + struct.pack(">d", float("nan"))])
        if what == 4:
            return b"\x8a\x09" + b"\xff" * 8 + b"\x00"
        if what == 5:
            kind = f"ctorch\n{draw.choice(['Float', 'Half', 'Bool', 'ComplexFloat', 'QInt8', 'Untyped'])}Storage\n".encode()
            return b"(X\x07\x00\x00\x00storage" + kind + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number() + b"tQ"
        if what == 6 and level < 4:
            return call(level + 1)
        return ("c" + draw.choice(names).replace(" ", "\n") + "\n").encode()

    def call(level: int = 0) -> bytes:
        function = ("c" + draw.choice(names).replace(" ", "\n") + "\n").encode()
        arguments = b"(" + b"".join(argument(level) for _ in range(draw.randint(0, 7))) + b"t"
        return function + arguments + draw.choice([b"R", b"R", b"R", b"\x81", b"b"])

    return b"\x80\x02}(" + b"".join(text() + call() for _ in range(draw.randint(1, 4))) + b"u."


def forged(draw: Draw) -> Files:
    """Hand-written pickles where torch expects its own."""
    content = calls(draw)
    if draw.often(0.2):
        content = repeated(draw)
    what = draw.randrange(3)
    if what == 0:
        return Files("net.pt", content)
    if what == 1:
        header = (
            pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
        )
        return Files(
            "net.pt",
            header + content + pickle.dumps(["0"] * draw.randint(0, 2), 2) + b"\1" + b"\0" * draw.log_uniform(500),
        )
    members = {"archive/data.pkl": content, "archive/byteorder": draw.choice([b"little", b"big", b"x"])}
    members |= {
        "archive/data/0": b"\0" * draw.log_uniform(5000),
        "archive/version": draw.choice([b"3", b"", b"99999999999"]),
    }
    return Files("net.pt", zipped(members))


def repeated(draw: Draw) -> bytes:
    """Few bytes, many objects."""
    times = draw.log_uniform(2_000_000)
    one = draw.choice([b"]a", b"}a", b"h\x00)Ra", b"K\x01a", b"h\x00)\x81a", b"h\x01)Ra"])
    return b"\x80\x02ccollections\nOrderedDict\nq\x00ctorch\nTensor\nq\x01]" + one * times + b"."


def strange_zip(draw: Draw) -> Files:
    """Archives: compressed, without what must be there, with members of odd names, over each other, of other programs."""
    whole_file = io.BytesIO()
    torch.save(weights(draw), whole_file)
    with zipfile.ZipFile(whole_file) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    index = next(name for name in members if name.endswith("data.pkl"))
    what = draw.randrange(9)
    if what == 0:
        return Files(
            "net.pt", zipped(members, draw.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
        )
    if what == 1:
        zeros = {name: b"\0" * 50_000_000 for name in (index, "archive/data/0")}
        return Files("net.pt", zipped(zeros, zipfile.ZIP_DEFLATED))
    if what == 2:
        members.pop(draw.choice(list(members)))
    elif what == 3:
        members["archive/constants.pkl"] = b"\x80\x02)."
    elif what == 4:
        members |= {draw.choice(["../../" + CANARY, "/" + CANARY, "a" * 60_000, "archive/data/-1", "\u202e"]): b"x"}
    elif what == 5:
        members = {
            name.replace("archive", draw.choice(["", "a/b", "x" * 300])): content for name, content in members.items()
        }
    elif what == 6:
        victim = draw.choice(list(members))
        members[victim] = members[victim][: draw.log_uniform(max(len(members[victim]), 2))]
    elif what == 7:
        members = {f"word/{i}.xml": b"<x/>" for i in range(draw.log_uniform(3000))}
    else:
        members[index] = damaged(draw, members[index])
    return Files("net.pt", zipped(members))


def impostor(draw: Draw) -> Files:
    heads = [b"", b"\0" * 100, b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\x1f\x8b\x08" + b"\0" * 50, b"<html>", b"PK\x03\x04",
             b"PK\x05\x06" + b"\0" * 18,
             b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x80\x02.", b"\x80\x04\x95",
             b"{}", b"ustar", b"%PDF", b"\x7fELF",
             b"#!/bin/sh\n", b"version https://git-lfs", b"\n" * 4000, b"\xef\xbb\xbf", b"(((((((",
             b"]" * 3000, b"."]  # fmt: skip
    tail = bytes(draw.randrange(256) for _ in range(draw.choice([0, 0, 10, 3000])))
    return Files("net" + draw.choice([".pt", ".safetensors", ".ckpt", ".SAFETENSORS", ""]), draw.choice(heads) + tail)


def swapped_suffix(draw: Draw) -> Files:
    made = draw.choice([plain, damaged_safetensors, other_safetensors])(draw)
    return Files("net.safetensors" if made.name.endswith(".pt") else "net.pt", made.content)


def deep(draw: Draw) -> Files:
    """Lists and dictionaries within each other, thousands deep."""
    times = draw.log_uniform(300_000)
    opening, closing = draw.choice(
        [(b"]", b"a"), (b"(", b"t"), (b"}X\x01\x00\x00\x00a", b"s"), (b"", b"\x85"), (b"(", b"l")]
    )
    content = b"\x80\x02" + opening * times + b"N" + closing * times + b"."
    return Files("net.pt", content if draw.often(0.5) else zipped({"a/data.pkl": content, "a/version": b"3"}))


CHECKPOINTS: dict[Callable[[Draw], Files], int] = {
    plain: 1,
    broken_state_dict: 8,
    strange_wrappers: 2,
    prefixed: 2,
    damaged_torch_file: 4,
    damaged_safetensors: 3,
    safetensors_header: 4,
    other_safetensors: 3,
    with_code: 4,
    forged: 6,
    strange_zip: 3,
    impostor: 2,
    swapped_suffix: 1,
    deep: 1,
}
