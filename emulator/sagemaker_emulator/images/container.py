"""From an image to a process: its files copied beside the job, its paths re-rooted, its environment made.

What a container isolates, a process does not: `/opt/ml` becomes a folder of the job wherever arguments and
environment name it, and SAGEMAKER_BASE_DIR says where it is. Each container gets its own copy of the image's
files.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagemaker_emulator import itself
from sagemaker_emulator.images.store import Image

OPT_ML = re.compile(r"(?<![\w.\-])/opt/ml(?![\w\-])")
PYTHON = re.compile(r"python(3(\.\d+)?)?")
# This machine's own; a container would bring its counterpart along.
FROM_HOST = (
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "MLFLOW_DISABLE_TELEMETRY",
    "GX_ANALYTICS_ENABLED",
    "LD_LIBRARY_PATH",
)


@dataclass(frozen=True)
class Launch:
    """All that a process needs to start."""

    command: list[str]
    cwd: Path
    env: dict[str, str]
    image: str = ""  # digest


def launch(
    image: Image,
    base: Path,
    entrypoint: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    region: str,
    network: bool = True,
) -> Launch:
    """Lay out the container of `image` beside `base` (its /opt/ml) and say how to start it.

    `network=False` leaves out endpoint and credentials, as network isolation does.
    """
    root = base.parent / "container"
    cwd = _unpack(image, root, base)
    reroot = _Reroot(base, root, image.workdir)
    env = _host(base) | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if network:
        env |= {"AWS_ENDPOINT_URL": itself.url(), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        env |= itself.credentials()
    env |= {name: reroot(value) for name, value in {**image.env, **environment}.items() if name != "PATH"}
    env["SAGEMAKER_BASE_DIR"] = str(base)
    words = [reroot(word) for word in (*entrypoint, *arguments)]
    if words and PYTHON.fullmatch(posixpath.basename(words[0])):
        words[0] = sys.executable
    return Launch(words, cwd, env, image.digest)


def environment(image: Image, files: Path) -> dict[str, str]:
    """Return what a container of an image finds in its environment, whatever it is started for.

    Of PYTHONPATH that is what lies outside of the container: where the rest lies only `launch` can say.
    """
    env = _machine() | {name: value for name, value in image.env.items() if name != "PATH"}
    reroot = _Reroot(files / "opt" / "ml", files, image.workdir)
    words = [word for word in env.pop("PYTHONPATH", "").split(os.pathsep) if word.startswith("/")]
    outside = os.pathsep.join(word for word in words if reroot(word) == word)
    return env | ({"PYTHONPATH": outside} if outside else {})


class _Reroot:
    """Rewrites absolute paths of the container to where they lie on this machine."""

    def __init__(self, base: Path, root: Path, workdir: str) -> None:
        self._base, self._root = base, root
        self._workdir = None
        if workdir != "/" and (root / workdir.lstrip("/")).is_dir():
            self._workdir = re.compile(rf"(?<![\w.\-]){re.escape(workdir)}(?![\w\-])")

    def __call__(self, text: str) -> str:
        if text.startswith("/") and (self._root / text.lstrip("/")).is_file():
            return str(self._root / text.lstrip("/"))
        text = OPT_ML.sub(lambda _: str(self._base), text)
        if self._workdir is not None:
            text = self._workdir.sub(lambda match: f"{self._root}{match[0]}", text)
        return text


def _unpack(image: Image, root: Path, base: Path) -> Path:
    """Copy the image's files to `root`, those under /opt/ml to `base`; return the working directory."""
    root.mkdir(parents=True, exist_ok=True)
    if image.files is not None:
        shutil.copytree(image.files, root, symlinks=True, dirs_exist_ok=True)
    if image.byte_code is not None:
        shutil.copytree(image.byte_code, root, dirs_exist_ok=True)
    opt_ml = root / "opt" / "ml"
    if opt_ml.is_dir():
        shutil.copytree(opt_ml, base, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(opt_ml)
    workdir = posixpath.normpath(image.workdir)
    if OPT_ML.match(workdir):
        cwd = Path(OPT_ML.sub(str(base), workdir))
    else:
        cwd = root / workdir.lstrip("/")
    cwd.mkdir(parents=True, exist_ok=True)
    return cwd


def _host(base: Path) -> dict[str, str]:
    temporary = base.parent / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return _machine() | {"TMPDIR": str(temporary)}


def _machine() -> dict[str, str]:
    kept = {name: os.environ[name] for name in FROM_HOST if name in os.environ}
    path = os.pathsep.join([str(_python_folder()), os.environ.get("PATH", os.defpath)])
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nowhere | {"PATH": path, "AWS_EC2_METADATA_DISABLED": "true"}


def _python_folder() -> Path:
    """Return a folder in which `python` and `python3` are this interpreter."""
    beside = Path(sys.executable).parent
    if (beside / "python").exists() and (beside / "python3").exists():
        return beside
    folder = itself.home() / "bin"
    folder.mkdir(exist_ok=True)
    for name in ("python", "python3"):
        shim = folder / name
        if not shim.exists():
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
            shim.chmod(0o755)
    return folder
