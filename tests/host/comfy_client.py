"""A real ComfyUI in a process of its own, and what a page would say to it.

MASK_GUIDANCE_NEIGHBOURS=FOLDER starts every one beside the packs whose folders are in FOLDER.
"""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websocket

START_SECONDS = 180
PACK = Path(__file__).resolve().parents[2]
NEIGHBOURS = os.environ.get("MASK_GUIDANCE_NEIGHBOURS")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def beside_neighbours(base: Path) -> list[str]:
    """The host's words for a folder of packs, made here: this one and its neighbours, as links."""
    packs = base / "custom_nodes"
    packs.mkdir(parents=True)
    for pack in (PACK, *filter(Path.is_dir, Path(NEIGHBOURS).resolve().iterdir())):
        (packs / ("ComfyUI-Mask-Guidance" if pack == PACK else pack.name)).symlink_to(pack, target_is_directory=True)
    return ["--base-directory", str(base)]


@dataclass
class Run:
    """What came of one queued workflow."""

    prompt_id: str
    outputs: dict = field(default_factory=dict)  # by node id
    error: dict | None = None
    interrupted: bool = False
    progress: list[tuple[int, int]] = field(default_factory=list)  # (value, max) of the sampler
    previews: list[bytes] = field(default_factory=list)


class Comfy:
    """A server on loopback with folders of its own.

    Args:
        host: ComfyUI's folder, the pack linked into its custom_nodes.
        folder: Empty folder for output, input, temp, user and models.
    """

    def __init__(self, host: Path, folder: Path, *flags: str):
        self.folder = folder
        self.models = folder / "models" / "guided_diffusion"
        self.loras = folder / "models" / "loras"
        self.checkpoints = folder / "models" / "checkpoints"
        for path in (
            self.models,
            self.loras,
            self.checkpoints,
            folder / "input",
            folder / "output",
            folder / "temp",
            folder / "user",
        ):
            path.mkdir(parents=True, exist_ok=True)
        paths = folder / "extra_model_paths.yaml"
        paths.write_text(
            f"tests:\n  base_path: {folder / 'models'}\n  guided_diffusion: guided_diffusion\n  loras: loras\n"
            f"  checkpoints: checkpoints\n  custom_nodes: {PACK / 'tests' / 'host' / 'route_list'}\n"
        )
        self.port = free_port()
        self.log = folder / "server.log"
        command = [sys.executable, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--preview-method", "auto", "--extra-model-paths-config", str(paths)]
        command += [*(beside_neighbours(folder / "base") if NEIGHBOURS else []), *flags]
        for name in ("output", "input", "temp", "user"):
            command += [f"--{name}-directory", str(folder / name)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=host, stdout=log, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ComfyUI ended at start:\n{self.log.read_text()[-3000:]}")
            try:
                self.get("/system_stats")
                return
            except OSError:
                time.sleep(0.3)
        raise RuntimeError(f"ComfyUI did not start in {START_SECONDS} s:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str):
        with urlopen(self.url(path), timeout=30) as answer:
            return json.load(answer)

    def status(self, path: str) -> int:
        try:
            with urlopen(self.url(path), timeout=30) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    def post(self, path: str, content: dict):
        request = Request(self.url(path), json.dumps(content).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def picture(self, image: dict) -> bytes:
        """Bytes of a picture that a node saved."""
        query = urlencode({key: image[key] for key in ("filename", "subfolder", "type")})
        with urlopen(self.url(f"/view?{query}"), timeout=30) as answer:
            return answer.read()

    def run(self, workflow: dict, seconds: float = 300, interrupt_after: int | None = None) -> Run:
        """Queue a workflow in API format and listen until it ends."""
        client = uuid.uuid4().hex
        socket = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws?clientId={client}", timeout=seconds)
        try:
            try:
                answer = self.post("/prompt", {"prompt": workflow, "client_id": client})
            except HTTPError as error:
                return Run("", error=json.loads(error.read()))
            run = Run(answer["prompt_id"])
            while not self.heard(run, socket.recv(), interrupt_after):
                pass
        finally:
            socket.close()
        run.outputs = self.history(run.prompt_id)["outputs"]
        return run

    def history(self, prompt_id: str, seconds: float = 10) -> dict:
        """The server's record of a run, which it writes a moment after it says that the run is over."""
        deadline = time.monotonic() + seconds
        while prompt_id not in (answer := self.get(f"/history/{prompt_id}")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"run {prompt_id} never came into the server's history")
            time.sleep(0.05)
        return answer[prompt_id]

    def heard(self, run: Run, message: str | bytes, interrupt_after: int | None) -> bool:
        """Take down one message; True when the run is over."""
        if isinstance(message, bytes):
            run.previews.append(message)
            return False
        event = json.loads(message)
        kind, data = event["type"], event.get("data", {})
        if data.get("prompt_id", run.prompt_id) != run.prompt_id:
            return False
        if kind == "progress":
            run.progress.append((data["value"], data["max"]))
            if interrupt_after is not None and len(run.progress) == interrupt_after:
                self.post("/interrupt", {})
        if kind == "execution_error":
            run.error = data
        if kind == "execution_interrupted":
            run.interrupted = True
        return kind in ("execution_success", "execution_error", "execution_interrupted")
