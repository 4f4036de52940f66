"""Every node at the ends of what its schema allows, on a small picture; prints what each call cost, as JSON, one a line.

    COMFYUI_PATH=... EXTREMES_FOLDER=/tmp/x python tests/host/extremes.py [MOST]

Run as a process of its own: each call is a fork of it with limits of processor time and memory, which a test could not set
for itself. MOST: only so many calls of each node, spread over all that there are; the test does so, for all take many minutes.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "host"), os.environ["COMFYUI_PATH"]]
MOST = int(sys.argv[1]) if len(sys.argv) > 1 else 0
sys.argv = ["main.py", "--cpu"]

import comfy.options  # noqa: E402
import conftest  # noqa: E402, F401 - the pack as mask_guidance

comfy.options.enable_args_parsing()

import comfy.model_management  # noqa: E402
import comfy.utils  # noqa: E402
import torch  # noqa: E402

SECONDS = 90  # of processor time: 4096 test masks of many strokes take most of it, and can be cancelled
MEMORY = 3 * 2**30  # bytes, beyond what the process has before the call
CALLS = 3  # of a model, and the run is interrupted


def picture(side: int = 64) -> torch.Tensor:
    return torch.rand(1, side, side, 3, generator=torch.Generator().manual_seed(0))


def spots(side: int = 64) -> torch.Tensor:
    """As many separate regions as fit."""
    mask = torch.zeros(1, side, side)
    mask[:, ::2, ::2] = 1
    return mask


def soft(side: int = 64) -> torch.Tensor:
    return torch.rand(1, side, side, generator=torch.Generator().manual_seed(1))


def disc(side: int = 64) -> torch.Tensor:
    at = torch.arange(side) - side / 2
    return (at[:, None] ** 2 + at**2 < (side / 4) ** 2).float()[None]


def sockets(folder: str) -> dict[str, Any]:
    import folder_paths
    from checkpoints import save_classifier, save_tiny
    from mask_guidance.nodes import model_folder
    from mask_guidance.nodes.class_label import conditioning
    from nodes_by_hand import classifier, load

    model_folder.register()
    folder_paths.add_model_folder_path(model_folder.FOLDER, folder)
    save_tiny(Path(folder) / "extreme.safetensors")
    model, vae = load("extreme.safetensors")
    latent = {"samples": 2 * picture(16).movedim(-1, 1) - 1, "noise_mask": disc(16)[:, None]}
    save_classifier(Path(folder) / "judge.safetensors")
    more = {"original": picture(), "edited": 1 - picture(), "classifier": classifier("judge.safetensors")}
    return {"model": model, "vae": vae, "latent_image": latent, "positive": conditioning(0), "image": picture(), **more}


def numbers(cls) -> list:
    return [each for each in cls.define_schema().inputs if getattr(each, "max", None) is not None and each.id != "seed"]


def settings_of(cls) -> list[dict]:
    """Each number at its ends, all at once, and that with each choice there is."""
    inputs = cls.define_schema().inputs
    largest, least = ({each.id: getattr(each, end) for each in numbers(cls)} for end in ("max", "min"))
    choices = [{each.id: option} for each in inputs for option in getattr(each, "options", None) or ()]
    flags = [{each.id: value} for each in inputs if each.get_io_type() == "BOOLEAN" for value in (True, False)]
    alone = [{name: value} for ends in (largest, least) for name, value in ends.items()]
    together = [{**largest, **choice} for choice in (*choices, *flags)]
    return [*alone, largest, least, *together]


# Beyond the schema's own ends: the most that is not refused, and inputs that make the most work.
HARD = [
    ("outpaint", "PadForOutpainting", {}, {"pad_by": "size", "width": 4096, "height": 4096, "fill": fill})
    for fill in ("smooth", "edge", "mirror", "noise", "colour")
] + [
    ("outpaint", "PadForOutpainting", {}, {"pad_by": "aspect ratio", "aspect_ratio": "100"}),
    ("crop", "CropForInpainting", {"mask": disc()}, {"width": 4096, "height": 4096}),
    ("crop", "CropForInpainting", {"image": picture(1024), "mask": (soft(1024) > 0.9).float()}, {}),
    ("crop", "CropForInpainting", {"image": picture(512), "mask": spots(512)}, {"merge_distance": 0}),
    ("crop", "CropForInpainting", {"image": picture(128), "mask": spots(128)}, {"merge_distance": 0, "context_factor": 100.0}),
    ("crop", "CropForInpainting", {"image": picture(512), "mask": spots(512)}, {"merge_distance": 0, "fit": "multiple"}),
    ("paper_mask", "PaperTestMask", {}, {"width": 16384, "height": 16384, "kind": "free-form"}),
    ("paper_mask", "PaperTestMask", {}, {"width": 16384, "height": 16384, "kind": "narrow"}),
    ("prepare_mask", "PrepareMask", {"mask": soft(256)}, {"grow": 4096, "smooth_outline": 512, "feather": 2048}),
    ("prepare_mask", "PrepareMask", {"mask": soft(512)}, {"fill_holes": True, "remove_specks": 1_000_000}),
    ("prepare_mask", "PrepareMask", {"mask": soft(512)}, {"grow": -64, "grow_shape": "diamond"}),
    ("fill", "FillMaskedArea", {"image": picture(1024), "mask": spots(1024)}, {"fill": "edge extend"}),
    ("model_view", "ModelView", {"image": picture(1024), "mask": spots(1024)}, {}),
]  # fmt: skip


def cases() -> list[tuple[str, str, dict, dict]]:
    from test_mask_nodes import node
    from test_neighbours import NODES

    found = list(HARD)
    for module, name in NODES.values():
        if name in ("LoadGuidedDiffusionModel", "StitchBack"):
            continue  # a checkpoint's own numbers are not a picture's; Stitch Back has its crops below
        for settings in settings_of(node(module, name)):
            found += [
                (module, name, {"mask": mask}, settings)
                for mask in ((disc(), spots()) if "Crop" in name else (disc(),))
            ]
    for settings in settings_of(node("stitch", "StitchBack")):
        found.append(("stitch", "StitchBack", {}, settings))
    return found


def spread(node: str, all_cases: list[tuple]) -> list[tuple]:
    """A node's calls, MOST of them, evenly over the list."""
    own = [case for case in all_cases if case[1] == node]
    return own[:: -(-len(own) // MOST)]


def called(module: str, name: str, given: dict, settings: dict, sockets: dict) -> str:
    """What a node says, or that it gave its outputs."""
    from test_mask_nodes import defaults, node

    cls = node(module, name)
    wanted = {each.id for each in cls.define_schema().inputs}
    values = {key: value for key, value in {**sockets, **given}.items() if key in wanted}
    if name == "StitchBack":
        crop = node("crop", "CropForInpainting")
        crops = crop.execute(
            picture(128), spots(128), **{**defaults(crop), "merge_distance": 0, "width": 32, "height": 32}
        ).result
        values = {"stitch": crops[2], "image": 1 - crops[0]}
    if name == "ClassLabel":
        values.pop("model")
    calls = 0

    def interrupt(*args: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        if calls >= CALLS and name == "MaskGuidedKSampler":
            raise comfy.model_management.InterruptProcessingException

    comfy.utils.set_progress_bar_global_hook(interrupt)
    chosen = {"preset": "custom"} if "preset" in wanted and "preset" not in settings else {}
    try:
        cls.execute(**{**defaults(cls), **values, **chosen, **settings})
    except ValueError as error:
        return f"refused: {error}"
    except comfy.model_management.InterruptProcessingException:
        return "interrupted"
    return "done"


def measured(case: tuple, sockets: dict) -> dict:
    """One call in a fork with limits."""
    module, name, given, settings = case
    started, (read, write) = time.monotonic(), os.pipe()
    child = os.fork()
    if not child:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        try:
            with torch.inference_mode():
                said = called(module, name, given, settings, sockets)
        except BaseException as error:
            said = f"raw {type(error).__name__}: {error}"
        os.write(write, said[:500].encode("utf-8", "replace"))
        os._exit(0)
    os.close(write)
    said = b""
    while part := os.read(read, 4096):
        said += part
    os.close(read)
    _, status, used = os.wait4(child, 0)
    words = said.decode("utf-8", "replace") or f"raw: ended by signal {os.WTERMSIG(status)}"
    return {
        "node": name,
        "given": {key: list(value.shape) for key, value in given.items()},
        "settings": settings,
        "said": words,
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "seconds": round(time.monotonic() - started, 2),
        "mb": used.ru_maxrss // 1024,
    }


def main() -> None:
    torch.set_num_threads(1)  # a fork has no other threads
    with torch.inference_mode():
        shared = sockets(os.environ["EXTREMES_FOLDER"])
    chosen = cases()
    if MOST:
        chosen = [case for name in dict.fromkeys(case[1] for case in chosen) for case in spread(name, chosen)]
    for case in chosen:
        print(json.dumps(measured(case, shared), default=str), flush=True)


if __name__ == "__main__":
    main()
