"""Make the virtual environment and put the pinned packages into it; instant when nothing has changed.

In:   the pins beside this file (PINS names some of them: `verbs` is enough where no job runs), more files as
      arguments; TORCH_INDEX, an index with the CPU build of PyTorch
Out:  VENV, with compiled byte code, and VENV/.installed, which holds the hashes of the pins it was made from
Run:  python3 requirements/install.py .venv

PyTorch comes by pip, since only pip reads the machine's own configuration, which may name a CPU build. The
rest comes by uv, checked against hashes. Runs under any Python from 3.7, in order to say which one is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = (3, 11)
ALL = "jobs serve verbs dev"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Refused(Exception):
    """Setting up cannot go on; the message says what to do about it."""


def main() -> None:
    """Look, make, install, remember."""
    venv, stamp = Path(sys.argv[1]), Path(sys.argv[1], ".installed")
    names = (os.environ.get("PINS") or ALL).split()
    files = [HERE / "{}.txt".format(name) for name in names] + [Path(name) for name in sys.argv[2:]]
    wanted = {digest(file): file.name for file in files}
    if set(wanted) <= set(installed(stamp)):
        return
    python = venv / "bin" / "python"
    check_interpreter(python if python.exists() else Path(sys.executable))
    if not python.exists():
        say("1 of 3: a virtual environment in {}".format(venv))
        make(venv)
    if stamp.exists():
        stamp.unlink()
    if "jobs" in names:
        say("2 of 3: PyTorch, by pip")
        install_torch(python, os.environ.get("TORCH_INDEX", ""))
    say("3 of 3: everything else, by uv, checked against hashes")
    run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", HERE / "uv.txt"])
    sources = [word for file in files for word in ("-r", file.resolve())]
    # From the project's root, where paths of vendored wheels begin; these two change under one version.
    options = ["--python", python.absolute(), "--compile-bytecode"]
    options += ["--reinstall-package", "sagemaker-emulator", "--reinstall-package", "sagemaker-gitops"]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]  # a log needs no list of 180 packages
    run([python.absolute(), "-m", "uv", "pip", "install", *quiet, *options, *sources], folder=HERE.parent)
    stamp.write_text(json.dumps(wanted, indent=2) + "\n")
    say("done")


def digest(file: Path) -> str:
    """Return the sha256 of a file of pins."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def installed(stamp: Path) -> dict[str, str]:
    """Return the hashes of the pins that an environment was made from, with their names."""
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}


def check_interpreter(python: Path) -> None:
    """Refuse a Python that is too old; raise Refused."""
    found = run([python, "-c", "import sys; print(*sys.version_info[:2])"], read=True).split()
    if tuple(map(int, found)) < NEEDED:
        raise Refused(
            "Python 3.11 or newer is needed, and {} is {}.\n"
            "Name another: make setup PYTHON3=python3.11".format(python, ".".join(found))
        )


def make(venv: Path) -> None:
    """Make an empty virtual environment; raise Refused where Python came without the parts for it."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise Refused(
            "This Python cannot make virtual environments: its ensurepip is missing.\n"
            "On Debian or Ubuntu: sudo apt install python3-venv"
        ) from None
    run([sys.executable, "-m", "venv", venv])


def install_torch(python: Path, index: str) -> None:
    """Install PyTorch alone, after a look at what pip would take; raise Refused when that is a CUDA build."""
    pin = re.search(r"^torch==(\S+)", (HERE / "jobs.txt").read_text(), re.MULTILINE)
    assert pin, "jobs.txt pins no torch"
    probe = "import importlib.metadata as m; print(*[d.version for d in m.distributions(name='torch')])"
    if run([python, "-c", probe], read=True).strip().split("+")[0] == pin[1]:
        return
    source = [pin[0], "--no-deps", *(["--index-url", index] if index else [])]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        run([python, "-m", "pip", "install", "-q", "--dry-run", "--report", report, *source])
        candidate = json.loads(report.read_text())["install"][0]["metadata"]
    cuda = cuda_packages(candidate.get("requires_dist", []), sys.platform)
    if cuda:
        raise Refused(
            "pip would take a CUDA build of PyTorch here: {} NVIDIA packages, several GB that nothing uses.\n"
            "The CPU build: make setup TORCH_INDEX={}".format(len(cuda), CPU_INDEX)
        )
    run([python, "-m", "pip", "install", "-q", *source])


def cuda_packages(requires: list[str], system: str) -> list[str]:
    """Return the names of the NVIDIA packages among a wheel's requirements; they are for Linux alone."""
    names = [re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in requires if "extra ==" not in line]
    return [name for name in names if system == "linux" and name.startswith(("nvidia-", "cuda-"))]


def run(command: list[str | Path], folder: Path | None = None, read: bool = False) -> str:
    """Run a command, its output straight to the terminal unless `read`; raise Refused when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE if read else None, text=True, check=False)
    if done.returncode:
        raise Refused("This failed, for the reason above: {}".format(" ".join(words)))
    return done.stdout or ""


def say(line: str) -> None:
    """Print a line of progress at once."""
    print("setup " + line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        sys.exit("\n{}".format(refusal))
