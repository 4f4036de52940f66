"""What the training scripts of examples/train share."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "train"))
from training import follow, go_on, keep, write_whole


def parts(seed: int) -> dict:
    torch.manual_seed(seed)
    net, ema = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    return {"net": net, "ema": ema, "optimizer": torch.optim.AdamW(net.parameters())}


def steps(parts: dict, first: int, last: int) -> list[torch.Tensor]:
    """The weights after some steps of training, each with a batch of its own, and their running mean."""
    for step in range(first, last):
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        parts["optimizer"].zero_grad()
        parts["net"](x).square().mean().backward()
        parts["optimizer"].step()
        with torch.no_grad():
            follow(parts["ema"].parameters(), parts["net"].parameters(), 0.5, step)
    return [p.detach() for name in ("net", "ema") for p in parts[name].parameters()]


def test_a_killed_training_goes_on_as_if_nothing_was(tmp_path):
    begun, other = parts(0), parts(1)
    assert go_on(tmp_path / "run.ckpt", begun, step=0, spent=0.0) == (0, 0.0)
    steps(begun, 0, 3)
    keep(tmp_path / "run.ckpt", begun, step=3, spent=1.5)
    assert go_on(tmp_path / "run.ckpt", other, step=0, spent=0.0) == (3, 1.5)
    for whole, gone_on in zip(steps(parts(0), 0, 6), steps(other, 3, 6), strict=True):
        torch.testing.assert_close(gone_on, whole)


def test_a_file_that_could_not_be_written_whole_leaves_the_one_before(tmp_path):
    file = tmp_path / "run.ckpt"
    write_whole(file, lambda path: path.write_text("first"))

    def killed(path: Path) -> None:
        path.write_text("sec")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(file, killed)
    assert file.read_text() == "first"


def test_the_running_mean_forgets_untrained_weights_and_then_keeps_its_share():
    mean, trained = torch.ones(1), torch.zeros(1)
    kept = []
    for step in (0, 8, 1000):
        mean.fill_(1)
        follow([mean], [trained], 0.9, step)
        kept.append(float(mean))
    assert kept == pytest.approx([0.1, 0.5, 0.9])
