"""Masks on a model's grid."""

import math

import pytest
import torch
from mask_guidance.sampler.mask import SNAPPING, grid_report, to_grid

RATIOS = [(64, 8), (65, 8), (63, 9), (250, 31), (7, 16), (12, 36), (5, 5), (100, 1)]


def random_masks(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("source", "cells"), RATIOS)
def test_any_touch_is_the_largest_value_that_a_cell_covers(source, cells):
    mask = random_masks(2, 3, source)
    expected = torch.stack(
        [mask[..., i * source // cells : -(-(i + 1) * source // cells)].amax(-1) for i in range(cells)], dim=-1
    )
    assert torch.equal(to_grid(mask, (3, cells)), expected)


@pytest.mark.parametrize(("source", "cells"), RATIOS)
def test_area_is_the_average_of_a_finer_grid_that_both_divide(source, cells):
    mask = random_masks(2, 3, source)
    fine = math.lcm(source, cells)
    expected = mask.repeat_interleave(fine // source, dim=-1).unflatten(-1, (cells, -1)).mean(-1)
    torch.testing.assert_close(to_grid(mask, (3, cells), "area"), expected)


@pytest.mark.parametrize(("source", "cells"), RATIOS)
def test_nearest_takes_the_pixel_at_the_cells_centre(source, cells):
    mask = random_masks(1, 2, source)
    expected = [float(mask[0, 1, math.floor((i + 0.5) * source / cells)]) for i in range(cells)]
    assert to_grid(mask, (2, cells), "nearest")[0, 1].tolist() == expected


@pytest.mark.parametrize("ratio", [8, 8.3, 16])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_a_stroke_survives_any_touch_at_every_offset(width, ratio):
    size = 83
    for offset in range(size - width + 1):
        mask = torch.zeros(1, size, size)
        mask[..., offset : offset + width] = 1
        cells = int(size / ratio)
        assert to_grid(mask, (cells, cells)).amax() == 1


@pytest.mark.parametrize("how", SNAPPING)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_empty_stays_empty_and_full_stays_full(how, value):
    mask = torch.full((2, 1, 30, 50), value)
    assert (to_grid(mask, (7, 11), how) == value).all()


@pytest.mark.parametrize("how", SNAPPING)
@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((2, 16, 24), (2, 3), (2, 2, 3)),
        ((2, 1, 16, 24), (2, 3), (2, 1, 2, 3)),
        ((2, 16, 24), (5, 2, 3), (2, 1, 5, 2, 3)),
        ((2, 1, 16, 24), (5, 2, 3), (2, 1, 5, 2, 3)),
        ((2, 1, 17, 16, 24), (5, 2, 3), (2, 1, 5, 2, 3)),
    ],
)
def test_layout_is_kept(how, shape, size, expected):
    assert to_grid(random_masks(*shape), size, how).shape == expected


def test_a_still_mask_is_repeated_for_each_cell_of_frames():
    mask = random_masks(1, 16, 24)
    volume = to_grid(mask, (4, 2, 3))
    assert all(torch.equal(volume[:, 0, i], to_grid(mask, (2, 3))) for i in range(4))


@pytest.mark.parametrize("frame", range(17))
def test_first_frame_stands_alone_in_a_grid_of_1_plus_4k(frame):
    mask = torch.zeros(1, 1, 17, 8, 8)
    mask[:, :, frame] = 1
    assert to_grid(mask, (5, 1, 1)).flatten().nonzero().flatten().tolist() == [math.ceil(frame / 4)]


def test_even_frames_touch_every_cell_they_lie_in():
    mask = torch.zeros(1, 1, 10, 1, 1)
    mask[:, :, 2] = 1  # lies in cells 0 (frames 0 to 2.5) and not in 1 (2.5 to 5) but touches it
    assert to_grid(mask, (4, 1, 1), frames="even").flatten().tolist() == [1, 1, 0, 0]
    assert to_grid(mask, (5, 1, 1)).flatten().tolist() == [0, 1, 0, 0, 0]  # 10 = 2 * 5: even by itself


@pytest.mark.parametrize(
    ("shape", "size", "options", "words"),
    [
        ((1, 8, 8), (4, 4), {"how": "cubic"}, "must be one of: any touch, area, nearest"),
        ((1, 8, 8), (4, 4), {"frames": "odd"}, "must be one of: auto, even, first alone"),
        ((1, 1, 5, 8, 8), (4, 4), {}, "needs a grid with frames"),
        ((8, 8), (4, 4), {}, "does not fit"),
        ((1, 8, 8), (0, 4), {}, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused(shape, size, options, words):
    with pytest.raises(ValueError, match=words):
        to_grid(torch.zeros(shape), size, **options)


def test_report_counts_strokes_that_would_be_lost():
    mask = torch.zeros(1, 64, 64)
    mask[:, 8:24, 8:24] = 1  # fills cells
    mask[:, 41, 3:30] = 1  # thin strokes beside cell centres
    mask[:, 50:60, 57] = 1
    assert "2 of 3 strokes would be lost" in grid_report(mask, to_grid(mask, (8, 8), "nearest"))
    report = grid_report(mask, to_grid(mask, (8, 8)))
    assert "lost" not in report
    assert "widened by" in report
    assert "narrowed" not in report


def test_report_gives_widening_in_percent_of_the_picture():
    mask = torch.zeros(1, 64, 64)
    mask[:, 8:16, 8:15] = 1  # one column of eight pixels short of its cell
    report = grid_report(mask, to_grid(mask, (8, 8)))
    assert report == ("1.4 % of the picture is masked; on the model's 8x8 grid 1.6 %\nwidened by 0.2 % of the picture")


@pytest.mark.parametrize(
    ("fill", "words"),
    [(0.0, "is empty"), (0.3, "no value reaches 0.5"), (1.0, "everything is masked")],
)
def test_report_warns_of_masks_that_say_nothing(fill, words):
    mask = torch.full((1, 32, 32), fill)
    assert words in grid_report(mask, to_grid(mask, (4, 4)))


def test_report_warns_of_a_mask_that_is_probably_inverted():
    mask = torch.ones(1, 32, 32)
    mask[:, 10:20, 10:20] = 0
    assert "probably inverted" in grid_report(mask, to_grid(mask, (4, 4)))
    assert "probably inverted" not in grid_report(1 - mask, to_grid(1 - mask, (4, 4)))


def test_report_reads_videos_frame_by_frame():
    mask = torch.zeros(1, 1, 9, 32, 32)
    mask[:, :, 4, 3, 3:20] = 1
    assert "lost" not in grid_report(mask, to_grid(mask, (3, 4, 4)))
    assert "1 of 1 stroke would be lost" in grid_report(mask, to_grid(mask, (3, 4, 4), "nearest"))
    still = mask[:, 0, 4]
    assert "lost" not in grid_report(still, to_grid(still, (3, 4, 4)))
