"""The benchmark on latent models, with random weights: its rows are there, and what must be exact is."""

import latent
import latent_model
import pytest
import torch


@pytest.fixture(scope="module")
def checkpoint(host, tmp_path_factory):
    path = tmp_path_factory.mktemp("latent") / "random.safetensors"
    torch.manual_seed(0)
    texts = torch.randn(9, latent_model.TOKENS, latent_model.WIDTH)
    latent_model.save(path, texts, vae=latent_model.new_vae(), unet=latent_model.new_unet())
    return path


def two_pictures(count: int, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count + first)
    return torch.rand(2, 3, latent_model.SIZE, latent_model.SIZE, generator=generator) * 2 - 1, torch.tensor([0, 5])


def rows(capsys) -> list[list[str]]:
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| half")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_method_has_a_row_for_every_way_to_stitch(checkpoint, capsys):
    methods = ["euler 20", "draft", "feedback, draft, deaf 1", "feedback, draft, 3.2 to 0.02"]
    arguments = ["--model", str(checkpoint), "--masks", "half, 2 px off", "--stitch", "mask", "snapped", "--cfg", "4"]
    latent.main([*arguments, "--under", "smooth", "--methods", *methods], two_pictures)
    table = rows(capsys)
    assert [row[3] for row in table[::2]] == [latent.ALONE, *methods]
    assert [row[2] for row in table] == ["mask", "snapped"] * 5
    assert [int(row[5]) for row in table[::2]] == [0, 20, 19, 19, 22]
    assert {row[6 + list(latent.COLUMNS).index("saturation")] for row in table[:2]} == {"1.00"}


def test_a_preset_with_its_own_rule_is_the_preset(checkpoint, capsys):
    arguments = [
        "--model",
        str(checkpoint),
        "--masks",
        "half",
        "--methods",
        "feedback, draft",
        "feedback, draft, settle 1",
    ]
    latent.main(arguments, two_pictures)
    alone, preset, tuned = rows(capsys)
    assert preset[4:-1] == tuned[4:-1]
    assert preset[6:-1] != alone[6:-1]
