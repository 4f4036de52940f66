"""Run one workflow on many pictures, spread over several ComfyUI servers. Needs nothing but Python.

    python many_servers.py workflow.json photos/*.png --servers http://10.0.0.1:8188 http://10.0.0.2:8188 --save_dir filled

WORKFLOW is in API format (ComfyUI: Workflow > Export (API)). Each picture takes the place of the one that the workflow's
Load Image node names; --set NODE.INPUT=VALUE changes any other input, and --seeds makes a fill for each seed. A server that
fails or goes away leaves its job to the others; it is asked again after a while. What is in save_dir already is not made
again. The results do not depend on which server makes them, as long as all have the same model.

Used of each server: POST /upload/image, POST /prompt, GET /history/ID and GET /view.
"""

import argparse
import copy
import hashlib
import json
import os
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

OPEN = build_opener(ProxyHandler({})).open  # these servers are not beyond a proxy
POLL_SECONDS, REST_SECONDS, TRIES = 0.3, 15.0, 3


class Refused(Exception):
    """This server will not do this job; another one may have what it lacks."""


class ServerDown(Exception):
    """The server is: another one may take the job."""


class Server:
    """One ComfyUI, by its address."""

    def __init__(self, address: str, job_seconds: float = 3600):
        self.address, self.job_seconds = address.rstrip("/"), job_seconds

    def call(self, path: str, data: bytes | None = None, kind: str = "application/json") -> bytes:
        request = Request(self.address + path, data, {"Content-Type": kind} if data else {})
        try:
            with OPEN(request, timeout=60) as answer:
                return answer.read()
        except HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            if error.code == 400:
                raise Refused(f"the workflow was refused: {said[:500]}") from error
            raise ServerDown(f"{self.address}{path}: status {error.code}") from error
        except (URLError, OSError) as error:
            raise ServerDown(f"{self.address}: {error}") from error

    def upload(self, picture: Path) -> str:
        """Put a picture into the input folder under a name made of its content; what Load Image calls it."""
        edge, content = uuid.uuid4().hex, picture.read_bytes()
        name = hashlib.sha256(content).hexdigest()[:20] + picture.suffix.lower()
        parts = [("subfolder", "many_servers"), ("overwrite", "true")]
        head = "".join(f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in parts)
        head += f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        told = json.loads(self.call("/upload/image", body, f"multipart/form-data; boundary={edge}"))
        return "/".join(filter(None, (told.get("subfolder"), told["name"])))

    def run(self, workflow: dict) -> list[bytes]:
        """The pictures that a workflow saves."""
        job = json.loads(
            self.call("/prompt", json.dumps({"prompt": workflow, "extra_data": {"extra_pnginfo": {}}}).encode())
        )["prompt_id"]
        deadline = time.monotonic() + self.job_seconds
        while time.monotonic() < deadline:
            entry = json.loads(self.call(f"/history/{job}")).get(job)
            if entry:
                return self.saved(entry)
            time.sleep(POLL_SECONDS)
        raise ServerDown(f"{self.address}: no result after {self.job_seconds:.0f} s")

    def saved(self, entry: dict) -> list[bytes]:
        status = entry.get("status") or {}
        if status.get("status_str") == "error":
            messages = dict(status.get("messages") or [])
            if "execution_interrupted" in messages:
                raise ServerDown(f"{self.address}: the job was interrupted there")
            error = messages.get("execution_error", {})
            said = f"{error.get('node_type', '')}: {error.get('exception_message', 'failed')}".strip()
            if "memory" in said.lower():
                raise ServerDown(f"{self.address}: {said}")
            raise Refused(said)
        images = [image for _, output in sorted(entry["outputs"].items()) for image in output.get("images", ())]
        places = [{key: image[key] for key in ("filename", "subfolder", "type")} for image in images]
        return [self.call(f"/view?{urlencode(place)}") for place in places if place["type"] == "output"]


class Job:
    """One picture and seed.

    Attributes:
        result: The file for the first saved picture; others get _1, _2 ... behind the name.
        refused: Addresses of the servers that will not do it.
        said: What servers said when they failed at it.
    """

    def __init__(self, picture: Path, seed: int | None, result: Path):
        self.picture, self.seed, self.result = picture, seed, result
        self.refused: list[str] = []
        self.said: list[str] = []

    def run_on(self, server: Server, workflow: dict) -> None:
        nodes = copy.deepcopy(workflow)
        name = server.upload(self.picture)
        for node in of_class(nodes, "LoadImage"):
            node["inputs"]["image"] = name
        if self.seed is not None:
            for inputs in seeded(nodes):
                inputs["seed"] = self.seed
        pictures = server.run(nodes)
        if not pictures:
            raise Refused("the workflow ended well but saved no picture")
        # The first one last: where it is, all are.
        for number, content in reversed(list(enumerate(pictures))):
            path = self.result if number == 0 else self.result.with_stem(f"{self.result.stem}_{number}")
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(content)
            os.replace(part, path)


def of_class(nodes: dict, name: str) -> list[dict]:
    return [node for node in nodes.values() if node["class_type"] == name]


def seeded(nodes: dict) -> list[dict]:
    """Inputs of the nodes that have a seed of their own."""
    return [node["inputs"] for node in nodes.values() if isinstance(node["inputs"].get("seed"), int)]


class Board:
    """The jobs that wait, and who may still take them.

    Args:
        jobs: What to do.
        servers: Who is there.
        say: Takes lines for the user.
    """

    def __init__(self, jobs: list[Job], servers: list[Server], say=print):
        self.waiting, self.failed, self.say = list(jobs), [], say
        self.total = self.open = len(jobs)
        self.there = {server.address for server in servers}
        self.lock = threading.Lock()

    def take(self, server: Server) -> Job | None:
        """A job that this server has not refused yet."""
        with self.lock:
            for job in [job for job in self.waiting if self.there <= set(job.refused)]:
                self.waiting.remove(job)
                self.settle(job, f"{job.picture.name} failed: {job.said[-1]}", good=False)
            job = next((job for job in self.waiting if server.address not in job.refused), None)
            if job is not None:
                self.waiting.remove(job)
            return job

    def give_back(self, job: Job) -> None:
        with self.lock:
            self.waiting.append(job)

    def done(self, job: Job, server: Server) -> None:
        with self.lock:
            self.settle(job, f"{job.result.name} from {server.address}", good=True)

    def settle(self, job: Job, line: str, good: bool) -> None:
        self.open -= 1
        if not good:
            self.failed.append(job)
        self.say(f"[{self.total - self.open}/{self.total}] {line}")

    def leave(self, server: Server) -> None:
        with self.lock:
            self.there.discard(server.address)
            self.say(f"{server.address} is given up")


def serve(server: Server, board: Board, workflow: dict, rest: float) -> None:
    """Let one server work until nothing is left, or until it has failed several times in a row."""
    in_a_row = 0
    while board.open > 0:
        job = board.take(server)
        if job is None:  # another server may yet hand its job back
            time.sleep(POLL_SECONDS)
            continue
        try:
            job.run_on(server, workflow)
        except Refused as error:
            job.refused.append(server.address)
            job.said.append(str(error))
            board.give_back(job)
        except (ServerDown, OSError, ValueError, KeyError) as error:  # an answer that makes no sense is a failure too
            job.said.append(str(error))
            board.say(f"{job.picture.name} goes to another server: {error}")
            board.give_back(job)
            in_a_row += 1
            if in_a_row == TRIES:
                return board.leave(server)
            time.sleep(rest)
        else:
            in_a_row = 0
            board.done(job, server)


def spread(jobs: list[Job], servers: list[Server], workflow: dict, say=print, rest: float = REST_SECONDS) -> list[Job]:
    """Run jobs on servers, one at a time on each; returns those that failed.

    Args:
        jobs: What to do.
        servers: Where; one that fails is left alone for `rest` seconds, and given up after three failures in a row.
        workflow: API format.
        say: Takes lines for the user.
        rest: Seconds.
    """
    board = Board(jobs, servers, say)
    threads = [threading.Thread(target=serve, args=(server, board, workflow, rest), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return board.failed + board.waiting


def jobs_for(pictures: list[Path], seeds: list[int], save_dir: Path) -> list[Job]:
    """What is not there yet."""
    jobs = [
        Job(picture, seed, save_dir / (f"{picture.stem}.png" if seed is None else f"{picture.stem}_seed{seed}.png"))
        for picture in pictures
        for seed in (seeds or [None])
    ]
    names = [job.result for job in jobs]
    if len(set(names)) < len(names):
        raise SystemExit("Two pictures have the same name without its ending; rename one.")
    return [job for job in jobs if not job.result.exists()]


def change(workflow: dict, setting: str) -> None:
    """NODE.INPUT=VALUE, where NODE is an id or a class."""
    place, equals, text = setting.partition("=")
    node, dot, name = place.rpartition(".")
    nodes = [workflow[node]] if node in workflow else of_class(workflow, node)
    if not (equals and dot and nodes and all(name in found["inputs"] for found in nodes)):
        raise SystemExit(f"--set {setting}: expected NODE.INPUT=VALUE with a node and an input that the workflow has.")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for found in nodes:
        found["inputs"][name] = value


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workflow", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--servers", nargs="+", required=True, metavar="URL")
    parser.add_argument("--save_dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NODE.INPUT=VALUE")
    args = parser.parse_args(words)

    workflow = json.loads(args.workflow.read_text("utf-8"))
    if "nodes" in workflow:
        parser.error(f"{args.workflow} is a page's workflow; export it with Workflow > Export (API)")
    if not of_class(workflow, "LoadImage"):
        parser.error(f"{args.workflow} has no Load Image node for the pictures")
    for setting in args.settings:
        change(workflow, setting)
    args.save_dir.mkdir(parents=True, exist_ok=True)
    jobs = jobs_for(args.pictures, args.seeds, args.save_dir)
    failed = spread(jobs, [Server(address) for address in args.servers], workflow, lambda line: print(line, flush=True))
    for job in failed:
        print(f"not made: {job.result.name}: {(job.said or ['no server was left'])[-1]}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
