"""What the command line reads, what it may write, and what it never touches."""

import json
import os
import shutil

import numpy as np
import pytest
from batch_runs import SHORT, SIZE, pixels, prepared, record, results, run, save_masks, save_pictures, words
from diffusers_files import SCHEDULER, save_folder
from mask_guidance.sampler.batch import main
from mask_guidance.sampler.batch.painter import told_beside
from mask_guidance.sampler.recognition import recognise
from PIL import Image

PICTURES = 3


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path, PICTURES)


def paint(folder, *pictures, save="out", more=()):
    """Paint some places with the mask of p0; several pictures differ, their masks need not."""
    places = ["--weights", folder / "net.safetensors", "--input_dir", *pictures]
    places += ["--mask_dir", folder / "masks" / "p0.png", "--save_dir", folder / save, "--micro_batch", "2"]
    return main([str(word) for word in [*places, *SHORT, *more]])


def one_picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
    return path


def shown(folder, original):
    """The results in a folder that show a picture, by what is kept of it."""
    kept = pixels(folder.parent / "masks" / "p0.png") < 128
    before = pixels(original)
    return [name for name in results(folder) if (pixels(folder / name)[kept] == before[kept]).all()]


def manifest(folder):
    return json.loads((folder / "run.json").read_text())


def write_manifest(folder, content):
    (folder / "run.json").write_text(json.dumps(content))


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


NAMES = {
    "three folders": ["a/x.png", "b/x.png", "c/x.png", "d/e/x.png"],
    "suffixes": ["a/x.png", "a/x.jpg.png", "a/x.png.png", "b/x.png", "b/x.png.png"],
    "capitals": ["a/x.png", "a/X.png", "b/X.PNG"],
    "accents": ["a/\u00e9.png", "a/e\u0301.png"],
    "variants": ["a/x.png", "a/x_0.png", "a/x_1.png", "b/x.png", "b/x_0.png", "b/x_0_0.png"],
    "names of ours": ["a/contact_sheet.png", "a/run.json.png", "a/results.png", "b/contact_sheet.png"],
    "long": ["a/" + "x" * 240 + ".png", "a/" + "x" * 241 + ".png", "b/" + "\u00e9" * 120 + ".png"],
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("variants", [1, 2])
def test_every_picture_has_results_of_its_own_and_a_second_start_nothing_to_do(folder, kind, variants):
    originals = [one_picture(folder / name, seed) for seed, name in enumerate(NAMES[kind])]
    more = ["--variants", variants]
    assert paint(folder, *originals, more=more) == 0
    for original in originals:
        assert len(shown(folder / "out", original)) == variants, original
    made = results(folder / "out")
    assert len({name.casefold() for name in made}) == variants * len(originals)
    times = {path: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert paint(folder, *originals, more=more) == 0
    assert results(folder / "out") == made
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_links_to_one_file_are_pictures_of_their_own(folder):
    target = one_picture(folder / "data" / "t.png", 5)
    (folder / "links").mkdir()
    for name in ("a.png", "b.png"):
        (folder / "links" / name).symlink_to(target)
    assert paint(folder, folder / "links") == 0
    assert sorted(results(folder / "out")) == ["a.png", "b.png"]


def test_a_folder_more_changes_no_result_of_the_first(folder):
    originals = [one_picture(folder / name / "x.png", seed) for seed, name in enumerate(["a", "b", "c"])]
    assert paint(folder, folder / "b") == 0
    before = results(folder / "out")
    assert paint(folder, folder / "a", folder / "b", folder / "c") == 0
    assert before.items() <= results(folder / "out").items()
    assert all(len(shown(folder / "out", original)) == 1 for original in originals)
    made = results(folder / "out")
    assert paint(folder, folder / "c", folder / "a") == 0
    assert results(folder / "out") == made


def test_a_folder_of_an_earlier_version_goes_on_with_its_names_and_gets_the_lost_picture(folder):
    originals = [one_picture(folder / name / "x.png", seed) for seed, name in enumerate(["a", "b", "c"])]
    assert paint(folder, *originals) == 0
    made = results(folder / "out")
    content = manifest(folder / "out")
    assert [entry["result"] for entry in content["pictures"]][:2] == ["x", "x.png"]
    content["pictures"][2]["result"] = "x.png"  # as the earlier version named the third
    write_manifest(folder / "out", content)
    (folder / "out" / "x.png.2.png").unlink()
    assert paint(folder, *originals) == 0
    assert results(folder / "out") == made


def test_a_run_of_links_that_an_earlier_version_named_after_their_targets_goes_on(folder):
    target = one_picture(folder / "data" / "t.png", 5)
    (folder / "links").mkdir()
    (folder / "links" / "a.png").symlink_to(target)
    assert paint(folder, folder / "links") == 0
    content = manifest(folder / "out")
    content["pictures"][0]["name"] = "t.png"
    write_manifest(folder / "out", content)
    made = results(folder / "out")
    assert paint(folder, folder / "links") == 0
    assert results(folder / "out") == made


FOREIGN = {
    "results": ("results.json", b'{"my": "results"}'),
    "results of one key less": ("results.json", b'{"results": [], "failed": {}}'),
    "sheet": ("contact_sheet.jpg", None),
    "manifest": ("run.json", b'{"my": "run"}'),
    "no JSON": ("run.json", b"notes"),
    "deep JSON": ("run.json", b"[" * 100000),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("more", [[], ["--resume", "false"], ["--dry_run"]])
def test_a_file_of_the_users_is_refused_before_anything_is_painted(folder, kind, more, capfd):
    name, content = FOREIGN[kind]
    (folder / "out").mkdir()
    if content is None:
        Image.new("RGB", (40, 30), (200, 10, 10)).save(folder / "out" / name)
    else:
        (folder / "out" / name).write_bytes(content)
    before = everything(folder / "out")
    assert run(folder, "out", *more) == 2
    assert everything(folder / "out") == before
    said = capfd.readouterr().err
    assert name in said
    assert "choose another --save_dir" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["figures/p0.png", "figures"])
def test_a_users_figure_is_refused_before_anything_is_painted(folder, name, capfd):
    (folder / "out" / name).parent.mkdir(parents=True)
    (folder / "out" / name).write_bytes(b"mine")
    assert run(folder, "out", "--figure", "original", "result") == 2
    assert f"{name} is there and was not made by this program" in capfd.readouterr().err
    assert [path.name for path in (folder / "out").iterdir()] == ["figures"]
    assert run(folder) == 0
    assert (folder / "out" / name).read_bytes() == b"mine"


def test_figures_never_fall_among_the_pictures(folder, capfd):
    save_pictures(folder / "out" / "figures", 1)
    assert run(folder, "out", "--input_dir", str(folder / "out" / "figures"), "--figure", "result") == 2
    assert "where the originals are" in capfd.readouterr().err


def test_a_users_contact_sheet_is_no_matter_where_none_is_made(folder):
    (folder / "out").mkdir()
    (folder / "out" / "contact_sheet.jpg").write_bytes(b"mine")
    assert run(folder, "out", "--contact_sheet", "false") == 0
    assert (folder / "out" / "contact_sheet.jpg").read_bytes() == b"mine"


def test_hidden_parts_of_others_stay(folder):
    (folder / "out").mkdir()
    for name in (".movie.part", ".p1.png.part", ".run.json.part"):
        (folder / "out" / name).write_bytes(b"mine")
    assert run(folder) == 0
    assert sorted(path.name for path in (folder / "out").glob(".*")) == [
        ".movie.part",
        ".p1.png.part",
        ".run.json.part",
    ]


def test_our_own_summaries_are_written_anew_at_each_start(folder):
    run(folder)
    sheet = (folder / "out" / "contact_sheet.jpg").read_bytes()
    save_pictures(folder / "in", PICTURES + 1)
    save_masks(folder / "masks", PICTURES + 1)
    assert run(folder) == 0
    assert (folder / "out" / "contact_sheet.jpg").read_bytes() != sheet
    assert len(json.loads((folder / "out" / "results.json").read_text())["results"]) == PICTURES + 1
    assert run(folder, "out", "--resume", "false") == 0


@pytest.mark.parametrize("more", [[], ["--resume", "false"]])
def test_summaries_of_an_earlier_version_are_known_for_ours(folder, more):
    run(folder)
    out = folder / "out"
    content = json.loads((out / "results.json").read_text())
    del content["program"]
    (out / "results.json").write_text(json.dumps(content))
    with Image.open(out / "contact_sheet.jpg") as sheet:
        unmarked = Image.fromarray(np.asarray(sheet))
    unmarked.save(out / "contact_sheet.jpg", quality=90)
    assert run(folder, "out", *more) == 0


@pytest.mark.parametrize("result", ["../../x", "/x", "a/b", "", "a\0b", 3, None])
def test_a_manifest_that_would_write_elsewhere_is_refused(folder, result, capfd):
    run(folder)
    content = manifest(folder / "out")
    content["pictures"][1]["result"] = result
    write_manifest(folder / "out", content)
    (folder / "out" / "p1.png").unlink()
    before = everything(folder)
    assert run(folder) == 2
    assert everything(folder) == before
    said = capfd.readouterr().err
    assert "no file's name" in said
    assert "Traceback" not in said


def spoilt(content, path, value):
    """A manifest with another value at a path of keys."""
    *way, last = path
    place = content
    for key in way:
        place = place[key]
    place[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["settings"], None), (["settings", "seed"], "x"), (["settings", "method"], []), (["weights"], "net"),
        (["weights", "sha256"], 5), (["pictures"], {}), (["pictures", 0], "p0.png"), (["pictures", 0, "name"], ["p0.png"]),
        (["pictures", 0, "number"], "0"), (["pictures", 0, "number"], True), (["pictures", 0, "number"], -1),
        (["pictures", 0, "number"], 1), (["pictures", 0, "name"], "p1.png"), (["format"], 99), (["program"], "other"),
    ],
)  # fmt: skip
def test_a_spoilt_manifest_is_refused_in_a_sentence(folder, path, value, capfd):
    run(folder)
    write_manifest(folder / "out", spoilt(manifest(folder / "out"), path, value))
    before = everything(folder / "out")
    capfd.readouterr()
    assert run(folder) == 2
    assert everything(folder / "out") == before
    said = capfd.readouterr().err
    assert "choose another --save_dir" in said
    assert len(said.splitlines()) < 15


def test_a_run_does_not_go_on_where_a_file_beside_the_weights_tells_something_else(folder, capfd):
    sidecar = folder / "net.json"
    sidecar.write_text('{"prediction": "v"}')
    assert run(folder) == run(folder) == 0
    sidecar.write_text('{"prediction": "x0"}')
    assert run(folder) == 2
    assert "prediction 'v' -> 'x0' (beside the weights)" in capfd.readouterr().err
    sidecar.unlink()
    assert run(folder) == 2
    assert run(folder, "out", "--resume", "false") == 0
    sidecar.write_text('{"prediction": "v"}')
    assert run(folder) == 2


@pytest.mark.parametrize("inner", ["", "unet"])
def test_what_diffusers_files_beside_the_weights_tell_is_of_the_run(tmp_path, inner):
    save_folder(tmp_path, inner, scheduler={**SCHEDULER, "prediction_type": "v_prediction"})
    told = told_beside(recognise(tmp_path, probe=False).detection, None)
    assert (told["prediction"], told["beta_end"], told["flip_sin_to_cos"]) == ("v", 0.02, False)


def test_a_run_of_a_version_that_recorded_no_such_files_goes_on(folder):
    (folder / "net.json").write_text('{"prediction": "v"}')
    assert run(folder) == 0
    before = results(folder / "out")
    content = manifest(folder / "out")
    del content["weights"]["told"]
    write_manifest(folder / "out", content)
    assert run(folder) == 0
    assert results(folder / "out") == before


def test_results_never_take_the_place_of_the_pictures_they_are_made_of(folder):
    assert run(folder) == 0
    before = everything(folder / "out")
    assert paint(folder, folder / "out" / "*.png", more=["--resume", "false", "--seed", "3"]) == 2
    assert everything(folder / "out") == before


BAD = {
    "a link to itself": lambda place: place.symlink_to(place.name),
    "a pipe": lambda place: os.mkfifo(place),
    "a folder": lambda place: place.mkdir(),
    "a dangling link": lambda place: place.symlink_to("nothing.png"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("where", ["in", "masks"])
@pytest.mark.parametrize("more", [[], ["--image_size", str(SIZE)]])
def test_what_is_no_file_is_named_and_the_rest_is_painted(folder, bad, where, more, capfd):
    (folder / where / "p1.png").unlink()
    BAD[bad](folder / where / "p1.png")
    assert run(folder, "out", *more) == 1
    assert sorted(results(folder / "out")) == ["p0.png", "p2.png"]
    said = capfd.readouterr().err
    assert "p1.png" in said.rpartition("1 picture not painted:")[2]
    assert "Traceback" not in said


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
@pytest.mark.parametrize("name", ["p1.png", "run.json", "results.json", "contact_sheet.jpg"])
def test_a_pipe_among_the_results_is_refused_and_waited_for_by_nobody(folder, name):
    (folder / "out").mkdir()
    os.mkfifo(folder / "out" / name)
    assert run(folder) == 2
    assert [path.name for path in (folder / "out").iterdir()] == [name]


def test_every_line_of_a_list_is_painted_or_named_at_the_end(folder, capfd):
    lines = ["# mine", "in/p0.png", "in/p9.png", "in/p1.png\0", "a\0b/p1.png", "in", "in/p2.png", "in/p2.png"]
    (folder / "list.txt").write_bytes("\r\n".join(lines).encode() + b"\r\nin/\xe4\xf6.png")
    for _ in range(2):  # its manifest is one to go on with
        assert paint(folder, folder / "list.txt") == 1
        assert sorted(results(folder / "out")) == ["p0.png", "p2.png"]
        said = capfd.readouterr().err
        assert "Traceback" not in said
        listed = said.rpartition("5 pictures not painted:")[2]
        assert listed.count("is not there") + listed.count("is no file") == 5


def test_names_in_any_script_are_on_the_sheet(folder):
    for seed, name in enumerate(["\u6f22\u5b57.png", "\u0645.png", "\U0001f600.png", os.fsdecode(b"\xe4.png")]):
        one_picture(folder / "odd" / name, seed)
    assert paint(folder, folder / "odd") == 0
    assert (folder / "out" / "contact_sheet.jpg").exists()
    assert len(results(folder / "out")) == 4


def test_the_record_of_a_result_is_under_its_pictures_name(folder):
    paint(folder, one_picture(folder / "a" / "x.png", 0), one_picture(folder / "b" / "x.png", 1))
    assert record(folder / "out" / "x.png")["picture"] == "a/x.png"
    assert record(folder / "out" / "x.png.png")["picture"] == "b/x.png"


def test_one_row_of_a_large_mask_is_painted(folder):
    mask = np.zeros((64, 64), dtype=np.uint8)
    mask[21] = 255
    Image.fromarray(mask).save(folder / "masks" / "p0.png")
    shutil.copy(folder / "masks" / "p0.png", folder / "row.png")
    main([word if word != str(folder / "masks") else str(folder / "row.png") for word in words(folder, "out")])
    before, after = pixels(folder / "in" / "p0.png"), pixels(folder / "out" / "p0.png")
    changed = (before != after).any(-1)
    assert changed[5].mean() > 0.9
    assert not np.delete(changed, 5, axis=0).any()
