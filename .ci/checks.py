"""What must be clean besides the tests. `python run.py check` runs this where everything it needs is installed."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path = PACK) -> bool:
    return subprocess.run(list(map(str, command)), cwd=cwd).returncode == 0


def python(*words: str | Path, cwd: Path = PACK) -> bool:
    return run(sys.executable, "-m", *words, cwd=cwd)


def page() -> bool:
    npm = shutil.which("npm")
    if npm is None:
        print("not checked: there is no npm on the path")
        return True
    return run(npm, "run", "lint")


def types() -> bool:
    """mypy wants the pack under an importable name, which its folder need not have: a link gives it one."""
    options = ("--config-file", PACK / "pyproject.toml", "--cache-dir", PACK / ".run" / "mypy")
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "mask_guidance"
        try:
            link.symlink_to(PACK, target_is_directory=True)
        except OSError:  # Windows asks for a privilege
            shutil.copytree(PACK, link, ignore=shutil.ignore_patterns(".*", "node_modules", "__pycache__", "tests"))
        return python("mypy", *options, "-p", "mask_guidance.sampler", "-p", "mask_guidance.nodes", cwd=Path(folder))


def vulnerabilities() -> bool:
    """Of all that run.py has installed here, ComfyUI's requirements among it."""
    words = ("--local", "--progress-spinner=off", "--format=json")
    command = (sys.executable, "-m", "pip_audit", *words)
    answer = subprocess.run(command, cwd=PACK, capture_output=True, text=True)
    told, fine = explain_audit(answer.stdout)
    print(told)
    return fine


def explain_audit(answer: str) -> tuple[str, bool]:
    """pip-audit's JSON in words, and whether nothing is to be done: whether no known vulnerability has a version that mends
    it. A service that cannot be asked fails nothing."""
    packages = json.loads(answer)["dependencies"] if answer.strip() else []
    known = [package for package in packages if "vulns" in package]
    if not known:
        return "not checked: the service that knows of vulnerabilities could not be asked", True
    flaws = [(package, flaw, flaw.get("fix_versions") or []) for package in known for flaw in package["vulns"]]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(fixed) or 'no version yet'}"
        for package, flaw, fixed in flaws
    ]
    told = "\n".join([*found, f"asked for {len(known)} of {len(packages)} packages"])
    return told, not any(fixed for _, _, fixed in flaws)


CHECKS = {
    "ruff check": lambda: python("ruff", "check", "--no-cache"),
    "ruff format": lambda: python("ruff", "format", "--check", "--no-cache"),
    "layers": lambda: python("pytest", "-q", "tests/unit/test_layers.py"),
    "biome": page,
    "mypy": types,
    "pip-audit": vulnerabilities,
}


def main() -> int:
    """Run every check, also after one has failed; 1 if any has."""
    failed = []
    for name, check in CHECKS.items():
        print(f"\n--- {name}", flush=True)
        if not check():
            failed.append(name)
    print(f"\nchecks failed: {', '.join(failed)}" if failed else "\nall checks are clean", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
