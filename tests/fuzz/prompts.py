"""Random prompts for a real server; counts what came of them and prints each bad one as JSON.

    python tests/fuzz/prompts.py --prompts 5000 --seed 1      # COMFYUI_PATH: ComfyUI's folder, the pack linked into it
    python tests/fuzz/prompts.py --seed 1 --only 17           # one of them again
    python tests/fuzz/prompts.py --replay bad.json            # the same, from what was printed

Bad is: a message that is not ours (of torch, numpy, Python), no sign of life for a minute, a dead server, NaN or a wrong
shape in an output, known pixels that changed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "host"), str(TESTS / "fuzz")]

import conftest  # noqa: E402, F401 - the pack as mask_guidance
import torch  # noqa: E402
from comfy_client import Comfy  # noqa: E402
from graphs import Prompt, prompt  # noqa: E402
from verdict import bad  # noqa: E402

SECONDS = 60  # without any word from the server: it hangs


class Fuzzed:
    """A server with the odd nodes, started again when it died."""

    def __init__(self, host: Path, folder: Path):
        self.host, self.folder, self.starts = host, folder, 0
        self.start()
        self.described = self.server.get("/object_info")

    def start(self) -> None:
        from checkpoints import save_tiny

        folder = self.folder / str(self.starts)
        nodes = folder / "nodes"
        nodes.mkdir(parents=True)
        paths = [str(TESTS / "host"), str(TESTS / "fuzz")]
        (nodes / "fuzz.py").write_text(
            f"import sys\n\nsys.path += {paths}\nfrom odd_nodes import NODE_CLASS_MAPPINGS\n"
        )
        (folder / "nodes.yaml").write_text(f"fuzz:\n  custom_nodes: {nodes}\n")
        self.flags = ("--extra-model-paths-config", str(folder / "nodes.yaml"))
        self.server = Comfy(self.host, folder, *self.flags)
        save_tiny(self.server.models / "tiny.safetensors")
        save_tiny(self.server.models / "tiny_fp16.safetensors", dtype=torch.float16)
        save_tiny(self.server.models / "tiny_unconditional.pt", num_classes=None)
        self.starts += 1

    def run(self, wanted: Prompt) -> tuple[str, str | None]:
        """How a prompt ended, and what was bad about it."""
        try:
            run = self.server.run(wanted.workflow, SECONDS, wanted.interrupt_after)
        except Exception as error:  # whatever the connection broke with
            dead = self.server.process.poll()
            log = self.server.log.read_text("utf-8", "replace")[-1500:]
            self.server.stop()
            self.start()
            words = "the server hangs" if dead is None else f"the server died ({dead})"
            return "lost", f"{words}: {error!r}\n{log}"
        ended = "interrupted" if run.interrupted else "refused" if run.error else "done"
        return ended, bad(run)


def fuzzed(server: Fuzzed, seed: int, numbers: range) -> Iterator[dict]:
    """What came of each prompt of a seed."""
    for number in numbers:
        wanted = prompt(server.described, seed, number)
        ended, complaint = server.run(wanted)
        yield {
            "seed": seed,
            "number": number,
            "ended": ended,
            "bad": complaint,
            "interrupt_after": wanted.interrupt_after,
            "workflow": wanted.workflow,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--replay", type=Path, help="a file of bad prompts, one JSON a line")
    options = parser.parse_args()
    numbers = range(options.first, options.prompts) if options.only is None else range(options.only, options.only + 1)
    started, counts, found = time.monotonic(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        server = Fuzzed(Path(os.environ["COMFYUI_PATH"]), Path(folder))
        try:
            for result in replayed(server, options.replay) if options.replay else fuzzed(server, options.seed, numbers):
                counts[result["ended"]] += 1
                if result["bad"]:
                    found += 1
                    print(json.dumps(result), flush=True)
                if sum(counts.values()) % 100 == 0:
                    print(
                        f"{dict(counts)}, {found} bad, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
                    )
        finally:
            server.server.stop()
    print(f"{sum(counts.values())} prompts: {dict(counts)}, {found} bad, {time.monotonic() - started:.0f} s")
    return 1 if found else 0


def replayed(server: Fuzzed, path: Path) -> Iterator[dict]:
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("{"):
            result = json.loads(line)
            ended, complaint = server.run(Prompt(result["workflow"], result["interrupt_after"]))
            yield {**result, "ended": ended, "bad": complaint}


if __name__ == "__main__":
    sys.exit(main())
