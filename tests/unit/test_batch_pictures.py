"""Pictures and masks of every kind as the command line reads them."""

import os

import numpy as np
import pytest
from mask_guidance.sampler.batch.pictures import BadPictureError, find_pictures, read_mask, read_picture
from PIL import Image

RAMP = np.linspace(0, 255, 256).astype(np.uint8).reshape(16, 16)


def saved(tmp_path, values, name="a.png", **options):
    path = tmp_path / name
    Image.fromarray(values).save(path, **options)
    return path


def mask_at(path, size, polarity="paint", image_size=0):
    """The mask of a picture of `size` (width, height), beside it."""
    picture = path.with_name("picture.png")
    Image.new("RGB", size).save(picture)
    painted_at = (image_size, image_size) if image_size else size
    return read_mask(path, picture, polarity, painted_at, image_size)


WIDE = {
    "16-bit PNG": (lambda v: v.astype(np.uint16) * 257, "a.png"),
    "16-bit TIFF": (lambda v: v.astype(np.uint16) * 257, "a.tif"),
    "16-bit PGM": (lambda v: v.astype(np.uint16) * 257, "a.pgm"),
    "8 bits in 32": (lambda v: v.astype(np.int32), "a.tif"),
    "float TIFF": (lambda v: v.astype(np.float32) / 255, "a.tif"),
}


@pytest.mark.parametrize("kind", WIDE)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_greyscale_of_more_bits_is_the_same_picture(tmp_path, kind, channels):
    widen, name = WIDE[kind]
    read = read_picture(saved(tmp_path, widen(RAMP), name), channels)
    assert (read[..., : min(channels, 3)] == RAMP[..., None]).all()


def test_big_endian_16_bits_are_the_same_picture(tmp_path):
    image = Image.frombytes("I;16B", (16, 16), (RAMP.astype(">u2") * 257).tobytes())
    image.save(tmp_path / "a.tif")
    assert (read_picture(tmp_path / "a.tif", 1)[..., 0] == RAMP).all()


@pytest.mark.parametrize("kind", WIDE)
def test_a_mask_of_more_bits_is_cut_in_the_middle_as_any_other(tmp_path, kind):
    widen, name = WIDE[kind]
    assert (mask_at(saved(tmp_path, widen(RAMP), name), (16, 16)) == (RAMP >= 128)).all()


@pytest.mark.parametrize("values", [RAMP.astype(np.int32) * 70000, RAMP.astype(np.float32), RAMP / np.float32("nan")])
def test_values_of_no_known_range_are_refused_with_a_sentence(tmp_path, values):
    with pytest.raises(BadPictureError, match=r"its values go from .* is expected"):
        read_picture(saved(tmp_path, values, "a.tif"), 3)


def test_a_transparent_grey_of_16_bits_is_transparent(tmp_path):
    values = RAMP.astype(np.uint16) * 257
    image = Image.fromarray(values)
    image.save(tmp_path / "a.png", transparency=int(values[3, 5]))
    path = tmp_path / "a.png"
    painted = read_mask(path, path, "paint", (16, 16))
    assert painted.sum() == 1
    assert painted[3, 5]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_mode_is_read_for_every_network(tmp_path, mode, channels):
    black_and_white = np.where(RAMP >= 128, 255, 0).astype(np.uint8)
    # Pillow 12, the last for Python 3.10, cannot read the YCbCr that it writes without compression.
    suffix, options = ("tif", {"compression": "tiff_lzw"}) if mode in ("CMYK", "YCbCr") else ("png", {})
    Image.fromarray(black_and_white).convert(mode).save(tmp_path / f"a.{suffix}", **options)
    read = read_picture(tmp_path / f"a.{suffix}", channels)
    assert read.shape == (16, 16, channels)
    assert abs(read[..., 0].astype(int) - black_and_white).max() <= 1


def test_a_palette_with_transparency_is_transparent_there(tmp_path):
    image = Image.fromarray(np.where(RAMP >= 128, 1, 0).astype(np.uint8), "P")
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.save(tmp_path / "a.png", transparency=1)
    assert (read_mask(tmp_path / "a.png", tmp_path / "a.png", "paint", (16, 16)) == (RAMP >= 128)).all()
    assert (read_picture(tmp_path / "a.png", 3)[0, 0] == (200, 0, 0)).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_of_print_shops_are_read_for_every_network(tmp_path, channels):
    Image.new("LAB", (16, 16)).save(tmp_path / "a.tif")
    assert read_picture(tmp_path / "a.tif", channels).shape == (16, 16, channels)
    assert not mask_at(tmp_path / "a.tif", (16, 16)).any()


def row_of_one(size, line):
    values = np.zeros((size, size), dtype=np.uint8)
    values[line] = 255
    return values


@pytest.mark.parametrize("line", range(8))
@pytest.mark.parametrize("mode", ["1", "L"])
@pytest.mark.parametrize("image_size", [0, 16])
def test_one_row_of_a_larger_mask_is_a_row_of_the_picture(tmp_path, line, mode, image_size):
    mask = Image.fromarray(row_of_one(64, line)).convert(mode)
    mask.save(tmp_path / "mask.png")
    size = (32, 32) if image_size else (16, 16)
    painted = mask_at(tmp_path / "mask.png", size, image_size=image_size)
    assert (painted == (row_of_one(16, line // 4) > 0)).all()


def test_one_black_row_is_not_lost_where_black_is_painted(tmp_path):
    mask = saved(tmp_path, 255 - row_of_one(64, 1), "mask.png")
    assert (mask_at(mask, (16, 16), "keep") == (row_of_one(16, 0) > 0)).all()


def test_transparent_strokes_of_a_large_picture_are_not_lost_at_image_size(tmp_path):
    rgba = np.full((64, 64, 4), 255, dtype=np.uint8)
    rgba[5, :, 3] = 0
    path = saved(tmp_path, rgba)
    assert (read_mask(path, path, "paint", (16, 16), 16) == (row_of_one(16, 1) > 0)).all()


def test_one_dot_of_a_smaller_mask_is_painted_in_a_picture_of_any_size(tmp_path):
    for size in range(16, 40):
        for place in range(16):
            dot = np.zeros((16, 16), dtype=np.uint8)
            dot[place, 15 - place] = 255
            assert mask_at(saved(tmp_path, dot, "mask.png"), (size, size)).any()


def test_a_mask_lies_over_the_part_of_a_wide_picture_that_image_size_cuts_out(tmp_path):
    values = np.zeros((32, 96), dtype=np.uint8)
    values[8:16, 40:56] = 255
    painted = mask_at(saved(tmp_path, values, "mask.png"), (96, 32), image_size=16)
    expected = np.zeros((16, 16), dtype=bool)
    expected[4:8, 4:12] = True
    assert (painted == expected).all()


def test_a_mask_of_the_cut_out_part_alone_is_taken_as_it_is(tmp_path):
    assert (mask_at(saved(tmp_path, row_of_one(16, 3), "mask.png"), (96, 32), image_size=16)[3]).all()


def test_a_mask_of_neither_shape_is_refused_at_image_size_too(tmp_path):
    with pytest.raises(BadPictureError, match="48x32, the picture 96x32"):
        mask_at(saved(tmp_path, np.zeros((32, 48), dtype=np.uint8), "mask.png"), (96, 32), image_size=16)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_list_is_read_in_any_of_the_usual_spellings(tmp_path, encoding, newline):
    (tmp_path / "list.txt").write_bytes(newline.join(["# of mine", "", "ä.png", " b.png "]).encode(encoding))
    assert find_pictures([str(tmp_path / "list.txt")]) == [tmp_path / "ä.png", tmp_path / "b.png"]


@pytest.mark.skipif(os.name == "nt", reason="names are no bytes there")
def test_a_list_in_an_old_encoding_names_the_files_that_have_such_bytes(tmp_path):
    (tmp_path / "list.txt").write_bytes("ä.png".encode("latin-1"))
    assert find_pictures([str(tmp_path / "list.txt")]) == [tmp_path / os.fsdecode(b"\xe4.png")]


def test_a_picture_that_is_named_twice_is_taken_once(tmp_path):
    saved(tmp_path, RAMP)
    (tmp_path / "sub").mkdir()
    assert len(find_pictures([str(tmp_path), str(tmp_path / "a.png"), str(tmp_path / "sub" / ".." / "a.png")])) == 1
