"""One workflow on several real servers, sent by examples/many_servers.py."""

import importlib.util
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import workflows
from checkpoints import save_tiny
from PIL import Image

PICTURES = 2


@pytest.fixture(scope="module")
def client():
    path = workflows.EXAMPLES / "many_servers.py"
    spec = importlib.util.spec_from_file_location("many_servers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.POLL_SECONDS = 0.05
    return module


@pytest.fixture(scope="module")
def second(comfy, tmp_path_factory):
    """Another server beside the session's own, which has one model less."""
    from comfy_client import Comfy

    server = Comfy(Path(os.environ["COMFYUI_PATH"]), tmp_path_factory.mktemp("second"), "--cache-none")
    save_tiny(server.models / "tiny.safetensors")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures with a transparent right half, and a workflow."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(PICTURES):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 4), dtype=np.uint8)
        pixels[..., 3] = np.where(np.arange(32) < 16, 255, 0)
        Image.fromarray(pixels).save(folder / f"p{number}.png")
    (folder / "workflow.json").write_text(json.dumps(workflows.tiny("any.png")))
    return folder


@pytest.fixture(scope="module")
def by_one(client, comfy, folder):
    """What the session's server alone makes of it."""
    assert run(client, folder, "by_one", comfy.url("")) == 0
    return results(folder / "by_one")


def run(client, folder, save, *servers, more=()):
    pictures = sorted(str(path) for path in folder.glob("p*.png"))
    words = [str(folder / "workflow.json"), *pictures, "--save_dir", str(folder / save), "--servers", *servers, *more]
    return client.main(words)


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_two_servers_make_the_same_files_as_one_and_share_the_work(client, comfy, second, folder, by_one, capsys):
    assert run(client, folder, "by_two", comfy.url(""), second.url("")) == 0
    said = capsys.readouterr().out
    assert sorted(by_one) == [f"p{n}.png" for n in range(PICTURES)]
    assert results(folder / "by_two") == by_one
    assert said.count(f"from {comfy.url('')}") > 0
    assert said.count(f"from {second.url('')}") > 0


def test_seeds_and_set_reach_the_nodes(client, comfy, folder, by_one):
    more = ["--seeds", "5", "6", "--set", "LoadImage.image=ignored.png", "--set", "MaskGuidanceKSampler.resample_r=1"]
    assert run(client, folder, "seeds", comfy.url(""), more=more) == 0
    made = results(folder / "seeds")
    assert sorted(made) == sorted(f"p{n}_seed{seed}.png" for n in range(PICTURES) for seed in (5, 6))
    told = json.loads(Image.open(folder / "seeds" / "p0_seed6.png").text["prompt"])["6"]["inputs"]
    assert (told["seed"], told["resample_r"]) == (6, 1)


def test_what_is_there_already_is_not_made_again(client, comfy, folder, by_one, capsys):
    (folder / "by_one" / "p1.png").unlink()
    assert run(client, folder, "by_one", comfy.url("")) == 0
    assert "[1/1] p1.png" in capsys.readouterr().out
    assert results(folder / "by_one") == by_one


def test_a_dead_server_is_given_up_and_the_other_does_its_work(client, comfy, folder, by_one, monkeypatch, capsys):
    monkeypatch.setattr(client.spread, "__defaults__", (print, 0.0))
    assert run(client, folder, "failover", "http://127.0.0.1:9", comfy.url("")) == 0
    assert "http://127.0.0.1:9 is given up" in capsys.readouterr().out
    assert results(folder / "failover") == by_one


def test_a_server_that_lacks_the_model_leaves_the_job_to_the_one_that_has_it(client, comfy, second, folder, by_one):
    tiny = ["--set", "MaskGuidanceLoadModel.model_name=tiny.pt"]
    assert run(client, folder, "unequal", second.url(""), comfy.url(""), more=tiny) == 0
    assert len(results(folder / "unequal")) == PICTURES


def test_a_workflow_that_every_server_refuses_fails_with_the_servers_words(client, comfy, second, folder, capsys):
    wrong = ["--set", "MaskGuidanceLoadModel.model_name=nobody_has.pt"]
    assert run(client, folder, "refused", comfy.url(""), second.url(""), more=wrong) == 1
    assert "nobody_has.pt" in capsys.readouterr().err
    assert results(folder / "refused") == {}


@pytest.fixture
def dying():
    """A server that takes jobs and dies before it has done them."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            told = {"name": "x.png", "subfolder": ""} if "upload" in self.path else {"prompt_id": "1"}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def do_GET(self):
            self.send_error(500)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_jobs_taken_by_a_server_that_dies_are_done_by_another(
    client, comfy, folder, by_one, dying, monkeypatch, capsys
):
    monkeypatch.setattr(client.spread, "__defaults__", (print, 0.0))
    assert run(client, folder, "dying", dying, comfy.url("")) == 0
    assert "goes to another server" in capsys.readouterr().out
    assert results(folder / "dying") == by_one
