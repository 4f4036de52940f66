"""The host's TorchCompileModel before and after a stock sampler: no error, few compilations, the same picture."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mask_guidance.sampler import Settings
from torch import Tensor

from .asked import Asked
from .report import Row

MOST = 2  # compilations after the first
CLOSE = 1e-3
REPAINT = Settings(method="repaint", skip_type="uniform", skip_steps=6, resample_r=2, resample_j=2)  # learned variance


@torch.inference_mode()
def stock_ours_stock(asked: Asked) -> Iterator[Row]:
    asked.start_host()
    import folder_paths
    from checkpoints import save_tiny
    from mask_guidance.nodes import model_folder
    from nodes_by_hand import load
    from peers.host import scheduled, stock

    from .hosted import order, paint

    with TemporaryDirectory() as folder:
        folder_paths.add_model_folder_path(model_folder.FOLDER, folder)
        save_tiny(Path(folder) / "compiled.safetensors", num_classes=None)
        model, _ = load("compiled.safetensors")
        text = [[torch.zeros(1, 1, 1), {}]]

        def runs(model) -> list[Callable[[], Tensor]]:
            wanted = order(model, (1, 3, 64, 64), text, text, scheduled(model, "karras", 4))
            learned = order(model, (1, 3, 64, 64), text, text)
            return [lambda: stock(wanted)[0], lambda: paint(learned, REPAINT)[0]]

        euler, repaint = runs(model)
        expected = [euler(), repaint(), euler()]
        for backend in asked.fits(("inductor", "cudagraphs"), ("eager",)):
            yield from with_backend(backend, model, runs, expected)


def with_backend(backend: str, model, runs, expected: list[Tensor]) -> Iterator[Row]:
    """Both orders, each compiled anew."""
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    for order in ("stock, ours, stock", "ours, stock, ours"):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        (compiled,) = TorchCompileModel.execute(model, backend).result
        euler, repaint = runs(compiled)
        steps = {"stock": (euler, expected[0]), "ours": (repaint, expected[1])}
        far = [float((steps[name][0]() - steps[name][1]).abs().max()) for name in order.split(", ")]
        yield Row(f"{backend}: {order}: differs by", max(far), most=CLOSE)
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        yield Row(f"{backend}: {order}: compiled again", max(0, graphs - 1), "times", most=MOST)


CHECKS = (stock_ours_stock,)
