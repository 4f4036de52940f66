"""The command line in this process, on a tiny network."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from batch_runs import (
    CALLS,
    SHORT,
    SIZE,
    count_fills,
    pixels,
    prepared,
    record,
    results,
    run,
    save_checkpoint,
    save_masks,
    save_pictures,
)
from mask_guidance.sampler import PRESETS, Chain, alphas_cumprod, largest_sigma, named_betas, paint, sigmas
from mask_guidance.sampler.batch import main
from mask_guidance.sampler.batch.painter import Painter
from mask_guidance.sampler.batch.sheet import CELL, GAP, HOLE, LINE
from mask_guidance.sampler.mask.paper import paper_mask
from mask_guidance.sampler.recognition import load_network
from PIL import Image

PICTURES = 3


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path, PICTURES)


@pytest.fixture
def counted(monkeypatch):
    return count_fills(monkeypatch)


def painted(folder, number):
    return pixels(folder / "masks" / f"p{number}.png") >= 128


def test_only_masked_pixels_change_and_the_rest_stays_byte_for_byte(folder):
    assert run(folder) == 0
    for number in range(PICTURES):
        before, after = pixels(folder / "in" / f"p{number}.png"), pixels(folder / "out" / f"p{number}.png")
        hole = painted(folder, number)
        assert (before[~hole] == after[~hole]).all()
        assert (before[hole] != after[hole]).mean() > 0.9


def test_a_result_is_what_the_library_paints_with_the_same_seed_and_numbers(folder):
    run(folder, "out", "--seed", "7")
    net, _ = load_network(folder / "net.safetensors")
    x = torch.stack([torch.from_numpy(pixels(folder / "in" / f"p{n}.png").copy()) for n in (0, 1)])
    x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
    known = torch.stack([torch.from_numpy(~painted(folder, n))[None] for n in (0, 1)])
    schedule = alphas_cumprod(named_betas("cosine", 1000))
    few = replace(PRESETS["paper"], skip_steps=4, resample_j=2, resample_r=2)
    with torch.no_grad():
        for step in paint(net, schedule, x, known, few, seed=7):
            last = step.x
    expected = ((last + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    for number in (0, 1):
        assert (pixels(folder / "out" / f"p{number}.png") == expected[number]).all()


def test_another_seed_gives_another_picture_and_a_variant_is_the_next_seed(folder):
    run(folder, "a", "--seed", "1")
    run(folder, "b", "--seed", "2")
    run(folder, "both", "--seed", "1", "--variants", "2")
    assert (pixels(folder / "a" / "p0.png") != pixels(folder / "b" / "p0.png")).any()
    assert (pixels(folder / "both" / "p0_0.png") == pixels(folder / "a" / "p0.png")).all()
    assert (pixels(folder / "both" / "p0_1.png") == pixels(folder / "b" / "p0.png")).all()


def test_inverted_masks_with_keep_polarity_paint_the_same(folder):
    for path in (folder / "masks").iterdir():
        Image.fromarray(255 - pixels(path)).save(path)
    shutil.copytree(folder / "masks", folder / "inverted")
    save_masks(folder / "masks", PICTURES)
    run(folder, "a")
    run(folder, "b", "--mask_dir", str(folder / "inverted"), "--mask_polarity", "keep")
    for number in range(PICTURES):
        assert (pixels(folder / "a" / f"p{number}.png") == pixels(folder / "b" / f"p{number}.png")).all()


def test_without_masks_the_transparent_part_is_painted(folder, tmp_path):
    rgba = np.dstack([pixels(folder / "in" / "p0.png"), 255 - pixels(folder / "masks" / "p0.png")])
    (tmp_path / "clear").mkdir()
    Image.fromarray(rgba).save(tmp_path / "clear" / "p0.png")
    run(folder, "a", "--n_samples", "1")
    words = ["--weights", folder / "net.safetensors", "--input_dir", tmp_path / "clear", "--save_dir", folder / "b"]
    assert main([str(word) for word in [*words, *SHORT]]) == 0
    assert (pixels(folder / "a" / "p0.png") == pixels(folder / "b" / "p0.png")).all()


def test_large_pictures_are_scaled_and_cropped_to_image_size(folder):
    wide = np.zeros((24, 48, 3), dtype=np.uint8)
    wide[:, 11:37] = 200  # what is left of it when the middle square is cut out, and what bleeds in when it is scaled
    Image.fromarray(wide).save(folder / "in" / "p0.png")
    mask = np.zeros((24, 48), dtype=np.uint8)
    mask[:12, 12:24] = 255  # a quarter of that square
    Image.fromarray(mask).save(folder / "masks" / "p0.png")
    assert run(folder, "out", "--image_size", str(SIZE), "--n_samples", "1") == 0
    after = pixels(folder / "out" / "p0.png")
    assert after.shape == (SIZE, SIZE, 3)
    assert (after[SIZE // 2 :] == 200).all()
    assert (after[:, SIZE // 2 :] == 200).all()
    assert (after[: SIZE // 2, : SIZE // 2] != 200).mean() > 0.9


def test_n_samples_takes_the_first_pictures(folder):
    run(folder, "out", "--n_samples", "2")
    assert sorted(results(folder / "out")) == ["p0.png", "p1.png"]


def test_an_empty_mask_costs_no_model_call(folder, counted):
    Image.new("L", (SIZE, SIZE)).save(folder / "masks" / "p1.png")
    assert run(folder) == 0
    assert counted == [1, 1]
    assert (pixels(folder / "out" / "p1.png") == pixels(folder / "in" / "p1.png")).all()
    assert record(folder / "out" / "p1.png")["model_calls"] == 0


def test_the_record_in_the_file_tells_how_it_was_made(folder):
    run(folder, "out", "--seed", "3")
    made = record(folder / "out" / "p2.png")
    assert made["picture"] == "p2.png"
    assert made["number"] == 2
    assert made["seed"] == 3
    assert made["model_calls"] == CALLS
    assert made["painted"] == pytest.approx(painted(folder, 2).mean(), abs=1e-6)
    assert made["settings"]["resample_r"] == 2


def test_the_record_is_a_config_that_paints_the_same_again(folder):
    run(folder, "a", "--seed", "3")
    places = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--mask_dir", folder / "masks"]
    again = [*places, "--save_dir", folder / "b", "--cpu", "--config", folder / "a" / "run.json"]
    assert main([str(word) for word in again]) == 0
    assert results(folder / "a") == results(folder / "b")


def test_a_second_start_has_nothing_to_do(folder, counted):
    run(folder)
    before = results(folder / "out")
    times = {path: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    counted.clear()
    assert run(folder) == 0
    assert counted == []
    assert results(folder / "out") == before
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}


@pytest.mark.parametrize("lost", ["p0.png", "p1.png", "p2.png"])
def test_a_lost_result_is_made_again_to_the_byte_and_no_other_is_written(folder, lost):
    run(folder)
    before = results(folder / "out")
    (folder / "out" / lost).unlink()
    times = {path: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert run(folder) == 0
    assert results(folder / "out") == before
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_a_result_cut_short_is_made_again(folder):
    run(folder)
    before = results(folder / "out")
    (folder / "out" / ".mask_guidance.0123456789ab.99.part").write_bytes(before["p1.png"][:100])
    (folder / "out" / "p1.png").unlink()
    run(folder)
    assert results(folder / "out") == before
    assert not list((folder / "out").glob(".*"))


def test_a_changed_picture_is_painted_again_and_the_others_are_not(folder):
    run(folder)
    before = results(folder / "out")
    save_pictures(folder / "other", PICTURES + 1)
    shutil.copy(folder / "other" / f"p{PICTURES}.png", folder / "in" / "p2.png")
    assert run(folder) == 0
    after = results(folder / "out")
    assert {name for name in before if before[name] != after[name]} == {"p2.png"}


def test_a_picture_added_in_front_changes_no_other_result(folder):
    run(folder)
    before = results(folder / "out")
    shutil.copy(folder / "in" / "p0.png", folder / "in" / "a.png")
    shutil.copy(folder / "masks" / "p0.png", folder / "masks" / "a.png")
    (folder / "out" / "p1.png").unlink()
    assert run(folder) == 0
    after = results(folder / "out")
    assert set(after) == {*before, "a.png"}
    assert all(after[name] == before[name] for name in before)


def test_other_settings_in_the_same_folder_are_refused_and_nothing_changes(folder, capfd):
    run(folder)
    before = results(folder / "out")
    assert run(folder, "out", "--seed", "9") == 2
    assert "seed 0 -> 9" in capfd.readouterr().err
    assert results(folder / "out") == before


def test_another_checkpoint_of_the_same_name_is_refused(folder, capfd):
    run(folder)
    save_checkpoint(folder / "net.safetensors", seed=1)
    assert run(folder) == 2
    assert "other content" in capfd.readouterr().err


def test_half_a_result_is_not_taken_for_one(folder, capfd):
    run(folder)
    torn = folder / "out" / "p1.png"
    torn.write_bytes(torn.read_bytes()[:-200])  # its record comes before the pixels, and is whole
    assert run(folder) == 2
    assert f"{torn} is there and was not made by this program" in capfd.readouterr().err


def test_resume_false_starts_a_new_run_over_the_old(folder):
    run(folder)
    run(folder, "fresh", "--seed", "9")
    assert run(folder, "out", "--seed", "9", "--resume", "false") == 0
    assert results(folder / "out") == results(folder / "fresh")


def test_resume_false_paints_everything_again_even_with_the_same_settings(folder, counted):
    run(folder)
    counted.clear()
    run(folder, "out", "--resume", "false")
    assert counted == [2, 1]


def test_files_that_are_not_ours_are_never_overwritten(folder, capfd):
    (folder / "out").mkdir()
    shutil.copy(folder / "in" / "p1.png", folder / "out" / "p1.png")
    assert run(folder) == 2
    assert run(folder, "out", "--resume", "false") == 2
    assert "was not made by this program" in capfd.readouterr().err
    assert results(folder / "out") == {"p1.png": (folder / "in" / "p1.png").read_bytes()}


def test_results_may_not_fall_among_the_originals(folder):
    before = results(folder / "in")
    assert run(folder, "in") == 2
    assert results(folder / "in") == before


@pytest.mark.parametrize("bad", ["no picture", "cut short", "no mask", "odd size", "mask of another shape"])
def test_a_bad_picture_is_named_and_all_others_are_painted(folder, capfd, bad):
    picture, mask = folder / "in" / "p1.png", folder / "masks" / "p1.png"
    if bad == "no picture":
        picture.write_bytes(b"junk")
    elif bad == "cut short":
        picture.write_bytes(picture.read_bytes()[:300])
    elif bad == "no mask":
        mask.unlink()
    elif bad == "odd size":
        save_pictures(folder / "odd", 2, SIZE + 1)
        shutil.copy(folder / "odd" / "p1.png", picture)
    else:
        Image.new("L", (SIZE, 2 * SIZE)).save(mask)
    assert run(folder) == 1
    assert sorted(results(folder / "out")) == ["p0.png", "p2.png"]
    assert "p1.png" in capfd.readouterr().err.rpartition("not painted:")[2]
    assert list(json.loads((folder / "out" / "results.json").read_text())["failed"]) == ["p1.png"]


def test_a_batch_too_large_for_the_memory_is_painted_in_halves(folder, monkeypatch):
    run(folder, "whole", "--micro_batch", "4")
    fill, tried = Painter.fill, []

    def little_memory(self, pictures, *rest):
        tried.append(len(pictures))
        if len(pictures) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return fill(self, pictures, *rest)

    monkeypatch.setattr(Painter, "fill", little_memory)
    assert run(folder, "out", "--micro_batch", "4") == 0
    assert tried == [3, 2, 1, 1, 1]
    for name in results(folder / "whole"):
        difference = pixels(folder / "whole" / name).astype(int) - pixels(folder / "out" / name)
        assert abs(difference).max() <= 1  # the last bits depend on the batch


def test_after_running_out_of_memory_the_next_batches_are_smaller_at_once(folder, monkeypatch):
    save_pictures(folder / "in", 8)
    save_masks(folder / "masks", 8)
    fill, tried = Painter.fill, []

    def little_memory(self, pictures, *rest):
        tried.append(len(pictures))
        if len(pictures) > 2:
            raise MemoryError
        return fill(self, pictures, *rest)

    monkeypatch.setattr(Painter, "fill", little_memory)
    assert run(folder, "out", "--micro_batch", "4") == 0
    assert tried == [4, 2, 2, 2, 2]


def test_a_picture_that_always_fails_is_reported_and_its_neighbours_are_painted(folder, monkeypatch, capfd):
    fill = Painter.fill

    def allergic(self, pictures, known, numbers, *rest):
        if 1 in numbers:
            raise RuntimeError("cannot paint this")
        return fill(self, pictures, known, numbers, *rest)

    monkeypatch.setattr(Painter, "fill", allergic)
    assert run(folder) == 1
    assert sorted(results(folder / "out")) == ["p0.png", "p2.png"]
    assert "p1.png: cannot paint this" in capfd.readouterr().err


def test_numbers_that_overflow_are_reported_and_not_saved(folder, monkeypatch, capfd):
    predict = Painter.predict
    monkeypatch.setattr(Painter, "predict", lambda self, x, t: predict(self, x, t) * float("nan"))
    assert run(folder) == 1
    assert results(folder / "out") == {}
    assert "overflowed" in capfd.readouterr().err


def test_dry_run_tells_the_cost_and_does_nothing(folder, capfd, counted):
    assert run(folder, "out", "--dry_run") == 0
    told = capfd.readouterr().err
    assert f"{CALLS} model calls a picture" in told
    assert f"{2 * CALLS} model calls" in told  # two batches: 2 and 1 pictures
    assert counted == []
    assert not (folder / "out").exists()


def test_the_model_is_called_as_often_as_dry_run_tells(folder, monkeypatch):
    calls = []
    predict = Painter.predict
    monkeypatch.setattr(Painter, "predict", lambda self, x, t: calls.append(len(x)) or predict(self, x, t))
    run(folder)
    assert calls == [2] * CALLS + [1] * CALLS


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_the_torso_runs_in_the_chosen_dtype(folder, dtype, monkeypatch):
    seen = set()
    predict = Painter.predict
    torso = "input_blocks.0.0.weight"

    def looking(self, x, t):
        seen.add(dict(self.net.named_parameters())[torso].dtype)
        return predict(self, x, t)

    monkeypatch.setattr(Painter, "predict", looking)
    assert run(folder, "out", "--dtype", dtype, "--n_samples", "1") == 0
    assert seen == {{"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]}


def test_fp16_on_a_processor_is_refused(folder, capfd):
    assert run(folder, "out", "--dtype", "fp16") == 2
    assert "bf16" in capfd.readouterr().err


def test_a_contact_sheet_shows_original_hole_and_results_side_by_side(folder):
    run(folder, "out", "--n_samples", "1", "--variants", "2")
    with Image.open(folder / "out" / "contact_sheet.jpg") as image:
        sheet = np.asarray(image).astype(int)
    cells = [sheet[LINE : LINE + CELL, GAP + i * (CELL + GAP) :][:, :CELL] for i in range(4)]
    shown = [np.asarray(Image.fromarray(c.astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BOX)) for c in cells]
    hole = painted(folder, 0)
    inside = np.zeros_like(hole)
    inside[5:11, 5:7] = True  # away from the hole's edge, where JPEG smears
    expected = [
        pixels(folder / "in" / "p0.png"),
        np.where(hole[..., None], HOLE, pixels(folder / "in" / "p0.png")),
        pixels(folder / "out" / "p0_0.png"),
        pixels(folder / "out" / "p0_1.png"),
    ]
    for cell, truth in zip(shown, expected, strict=True):
        assert abs(cell.astype(int) - truth).mean() < 12  # JPEG's colour; another picture differs by about 85
    assert abs(shown[1][inside].astype(int) - HOLE).max() < 12


def test_a_contact_sheet_of_four_pictures_has_two_blocks_and_no_empty_one(folder):
    save_pictures(folder / "in", 4)
    save_masks(folder / "masks", 4)
    run(folder, "out", "--variants", "2")
    with Image.open(folder / "out" / "contact_sheet.jpg") as image:
        assert image.size == (2 * (4 * (CELL + GAP) + 3 * GAP), LINE + GAP + 2 * (CELL + LINE + GAP))


def cells(path, across, down):
    """A figure's cells, row by row."""
    shown, step = pixels(path), SIZE + 2
    assert shown.shape == (down * step + 2, across * step + 2, 3)
    corners = [(2 + y * step, 2 + x * step) for y in range(down) for x in range(across)]
    return [shown[top : top + SIZE, left : left + SIZE] for top, left in corners]


def test_a_figure_has_the_columns_in_the_order_they_were_named(folder):
    assert run(folder, "out", "--figure", "masked", "original", "mask", "result") == 0
    for number in range(PICTURES):
        original, hole = pixels(folder / "in" / f"p{number}.png"), painted(folder, number)[..., None]
        expected = [
            np.where(hole, HOLE, original),
            original,
            np.where(hole, 255, 0),
            pixels(folder / "out" / f"p{number}.png"),
        ]
        for cell, truth in zip(cells(folder / "out" / "figures" / f"p{number}.png", 4, 1), expected, strict=True):
            assert (cell == truth).all()
    listed = json.loads((folder / "out" / "results.json").read_text())["results"]
    assert [one["result"] for one in listed] == [f"p{number}.png" for number in range(PICTURES)]


def test_ten_fills_are_a_sheet_of_two_rows(folder):
    assert run(folder, "out", "--n_samples", "1", "--variants", "10", "--figure", "result") == 0
    for variant, cell in enumerate(cells(folder / "out" / "figures" / "p0.png", 5, 2)):
        assert (cell == pixels(folder / "out" / f"p0_{variant}.png")).all()


def test_a_figure_is_written_once_and_anew_for_other_columns_or_results(folder):
    written = folder / "out" / "figures" / "p0.png"
    before = []
    for more in (["result"], ["result"], ["original", "result"]):
        assert run(folder, "out", "--figure", *more) == 0
        before.append((written.read_bytes(), written.stat().st_mtime_ns))
    assert before[0] == before[1]
    assert before[1][0] != before[2][0]
    Image.new("RGB", (SIZE, SIZE), (9, 200, 30)).save(folder / "in" / "p0.png")
    assert run(folder, "out", "--figure", "original", "result") == 0
    assert (cells(written, 2, 1)[0] == (9, 200, 30)).all()


def test_pictures_of_several_sizes_are_painted_in_one_run(folder):
    save_pictures(folder / "other", 2, 2 * SIZE)
    save_masks(folder / "other_masks", 2, 2 * SIZE)
    shutil.copy(folder / "other" / "p1.png", folder / "in" / "p1.png")
    shutil.copy(folder / "other_masks" / "p1.png", folder / "masks" / "p1.png")
    assert run(folder) == 0
    assert [pixels(folder / "out" / f"p{n}.png").shape[0] for n in range(3)] == [SIZE, 2 * SIZE, SIZE]


def test_pictures_of_the_same_name_in_two_folders_get_results_of_their_own(folder):
    save_pictures(folder / "more", 1)
    paths = [str(folder / "in"), str(folder / "more")]
    assert run(folder, "out", "--input_dir", *paths) == 0
    assert sorted(results(folder / "out")) == ["p0.png", "p0.png.png", "p1.png", "p2.png"]


def test_masks_of_other_names_are_drawn_by_seed_and_number_of_the_picture_alone(folder, counted):
    save_pictures(folder / "in", 8)
    save_masks(folder / "masks", 3)
    for number, path in enumerate(sorted((folder / "masks").iterdir())):
        path.rename(folder / "masks" / f"irregular {number}.png")
    at_random = ["--mask_pairing", "random", "--mask_polarity", "keep"]
    for save, more in (("out", []), ("alone", ["--micro_batch", "1"]), ("other", ["--seed", "1"])):
        assert run(folder, save, *at_random, *more) == 0
    masks = {
        save: [record(path)["mask"] for path in sorted((folder / save).glob("*.png"))]
        for save in ("out", "alone", "other")
    }
    assert masks["out"] == masks["alone"] != masks["other"]
    assert set(masks["out"]) == {f"irregular {number}.png" for number in range(3)}
    for number, name in enumerate(masks["out"]):
        same = (pixels(folder / "in" / f"p{number}.png") == pixels(folder / "out" / f"p{number}.png")).all(-1)
        assert same[pixels(folder / "masks" / name) == 255].all() and not same.all()
    counted.clear()
    assert run(folder, "out", *at_random) == 0
    assert counted == []


def test_types_joined_by_plus_are_one_mask(folder):
    words = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--save_dir", folder / "out"]
    assert main([str(word) for word in [*words, *SHORT, "--mask_type", "random_half+random_centre"]]) == 0
    for number in range(PICTURES):
        hole = paper_mask("random half+random centre", SIZE, SIZE, seed=number)[0].numpy() > 0
        path = folder / "out" / f"p{number}.png"
        assert record(path)["painted"] == pytest.approx(hole.mean(), abs=1e-6)
        assert (pixels(folder / "in" / path.name) == pixels(path))[~hole].all()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--mask_type", "box+boxes"], "Unknown mask_type 'boxes'; choose one of wide, narrow"),
        (["--mask_type", "box", "--mask_dir", "masks"], "Give --mask_dir or --mask_type, not both."),
        (["--mask_dir", "nowhere"], "There is no mask at nowhere."),
    ],
)
def test_masks_that_cannot_be_are_refused_before_the_checkpoint_is_read(folder, more, sentence, capfd):
    words = ["--weights", "none.pt", "--input_dir", folder / "in", "--save_dir", folder / "out", *more]
    assert main([str(word) for word in words]) == 2
    assert sentence in capfd.readouterr().err


@pytest.mark.parametrize("preset", ["paper", "balanced", "turbo"])
def test_pictures_from_nothing_are_what_the_model_paints_over_any_picture(folder, preset, counted):
    words = [
        "--weights",
        folder / "net.safetensors",
        "--mask_type",
        "everything",
        "--preset",
        preset,
        "--skip_steps",
        "4",
    ]
    words = [
        str(word) for word in [*words, "--resample_r", "2", "--image_size", SIZE, "--n_samples", PICTURES, "--cpu"]
    ]
    assert main([*words, "--save_dir", str(folder / "own")]) == 0
    assert main([*words, "--save_dir", str(folder / "over"), "--input_dir", str(folder / "in")]) == 0
    own = [pixels(folder / "own" / f"{number}.png") for number in range(PICTURES)]
    for number, picture in enumerate(own):
        assert (picture == pixels(folder / "over" / f"p{number}.png")).all()
    assert (own[0] != own[1]).any()
    assert record(folder / "own" / "0.png")["painted"] == 1
    counted.clear()
    assert main([*words, "--save_dir", str(folder / "own")]) == 0
    assert counted == []


@pytest.mark.parametrize(
    "more",
    [[], ["--n_samples", "2"], ["--image_size", "16"], ["--n_samples", "2", "--image_size", "16", "--denoise", "0.5"]],
)
def test_pictures_from_nothing_need_a_number_a_size_and_all_of_the_noise(folder, more, capfd):
    words = ["--weights", folder / "net.safetensors", "--mask_type", "everything", "--save_dir", folder / "out", *more]
    assert main([str(word) for word in words]) == 2
    assert (
        "Pictures from nothing need --n_samples and --image_size, and denoise 1; or give --input_dir."
        in capfd.readouterr().err
    )


def test_a_generated_mask_is_the_papers_and_another_for_each_picture(folder):
    words = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--save_dir", folder / "out"]
    assert main([str(word) for word in [*words, *SHORT, "--mask_type", "wide", "--seed", "5"]]) == 0
    holes = [paper_mask("wide", SIZE, SIZE, seed=5 + number)[0].numpy() > 0 for number in range(PICTURES)]
    assert any((holes[0] != hole).any() for hole in holes[1:])
    for number, hole in enumerate(holes):
        before, after = pixels(folder / "in" / f"p{number}.png"), pixels(folder / "out" / f"p{number}.png")
        assert (before[~hole] == after[~hole]).all()
        assert not hole.any() or (before[hole] != after[hole]).any()


@pytest.mark.parametrize("preset", ["draft", "fast"])
def test_a_preset_takes_the_model_calls_it_says(folder, monkeypatch, preset):
    calls = []
    predict = Painter.predict
    monkeypatch.setattr(Painter, "predict", lambda self, x, t: calls.append(len(x)) or predict(self, x, t))
    places = ["--weights", folder / "net.safetensors", "--input_dir", folder / "in", "--mask_dir", folder / "masks"]
    words = [*places, "--save_dir", folder / "out", "--cpu", "--n_samples", "1", "--preset", preset]
    assert main([str(word) for word in words]) == 0
    cosine, drowned = sigmas(alphas_cumprod(named_betas("cosine", 1000))), largest_sigma((1, 3, SIZE, SIZE))
    expected = Chain.of(PRESETS[preset], cosine, drowned).calls
    assert len(calls) == expected == record(folder / "out" / "p0.png")["model_calls"]


def test_a_repaint_conf_runs_as_it_is_and_paints_what_the_options_paint(folder, capfd, monkeypatch):
    (folder / "keep").mkdir()
    for number in range(PICTURES):  # RePaint pairs by order, and white is kept
        Image.fromarray(255 - pixels(folder / "masks" / f"p{number}.png")).save(folder / "keep" / f"00000{number}.png")
    conf = {
        "diffusion_steps": 1000, "noise_schedule": "cosine", "num_heads": 2, "num_head_channels": -1,
        "use_new_attention_order": False, "class_cond": False, "timestep_respacing": "4", "image_size": SIZE,
        "model_path": "net.safetensors", "inpa_inj_sched_prev": True, "use_ddim": True,
        "schedule_jump_params": {"t_T": 4, "n_sample": 1, "jump_length": 2, "jump_n_sample": 2},
        "data": {"eval": {"faces": {
            "gt_path": "in", "mask_path": "keep", "batch_size": 2, "max_len": 100, "paths": {"srs": "log/inpainted"},
        }}},
    }  # fmt: skip
    (folder / "conf.yml").write_text(yaml.safe_dump(conf))
    monkeypatch.chdir(folder)
    assert main(["--config", "conf.yml", "--cpu"]) == 0
    assert "use_ddim is true" in capfd.readouterr().err
    run(folder, "out")
    for number in range(PICTURES):
        painted_by_conf = pixels(folder / "log" / "inpainted" / f"p{number}.png")
        assert (painted_by_conf == pixels(folder / "out" / f"p{number}.png")).all()


def test_an_old_command_line_with_its_config_runs(folder):
    config = {
        "seed": 2022,
        "data": {"params": {"img_size": SIZE}},
        "model": {"target": "models.adm.unet.UNetModel", "params": {"num_heads": 2, "num_head_channels": -1}},
        "diffusion": {"params": {"total_steps": 1000, "beta_schedule": "cosine", "objective": "pred_eps"}},
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    words = ["-c", folder / "c.yaml", "--weights", folder / "net.safetensors", "--var_type", "fixed_small"]
    words += ["--skip_type", "uniform", "--skip_steps", 4, "--resample", "--resample_r", 2, "--resample_j", 2]
    words += ["--n_samples", 2, "--input_dir", folder / "in", "--save_dir", folder / "old", "--micro_batch", 2]
    assert main([str(word) for word in [*words, "--mask_dir", folder / "masks", "--cpu"]]) == 0
    run(folder, "new", "--seed", "2022", "--var_type", "fixed_small", "--n_samples", "2")
    for number in range(2):
        assert (pixels(folder / "old" / f"p{number}.png") == pixels(folder / "new" / f"p{number}.png")).all()
