"""Images on disk: files by content in images/content, names in images/local (built) and images/pushed (ECR).

An image is what its Dockerfile COPYs, with ENTRYPOINT, CMD, WORKDIR and ENV. Its digest is the hash of all of
that.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import importlib.util
import json
import os
import py_compile
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

BYTE_CODE = "byte-code"


class ImageMissing(Exception):
    """No image of that name was pushed, and no table names it."""


@dataclass(frozen=True)
class Image:
    """How an image starts. `files` is the folder with its own files, None when it has none."""

    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    workdir: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    exposed: list[str] = field(default_factory=list)
    user: str = ""
    runs: list[str] = field(default_factory=list)
    digest: str = ""
    files: Path | None = None

    @property
    def byte_code(self) -> Path | None:
        """The folder with the compiled Python files, laid out as they are."""
        folder = self.files.with_name(BYTE_CODE) if self.files else None
        return folder if folder and folder.is_dir() else None


class Store:
    """The images under one state folder. Builds run in other processes, so every change is one rename."""

    def __init__(self, home: Path) -> None:
        self._root = home / "images"
        self._table = home / "images.json"

    def add(self, uri: str, image: Image, tree: Path) -> Image:
        """Keep `image` with the files of `tree`, which is consumed; return it with its digest."""
        config = {k: v for k, v in asdict(image).items() if k not in ("digest", "files")}
        digest = _digest(config, tree)
        folder = self._root / "content" / digest
        if folder.exists():
            shutil.rmtree(tree)
        else:
            staged = self.staging()
            tree.replace(staged / "files")
            _compile(staged / "files", staged / BYTE_CODE)
            (staged / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
            _made(folder.parent)
            try:
                staged.replace(folder)
            except OSError:  # someone else built the very same image meanwhile
                shutil.rmtree(staged)
        self._name("local", uri, digest)
        return self._load(digest)

    def staging(self) -> Path:
        """Return a new empty folder on the store's file system."""
        return Path(tempfile.mkdtemp(dir=_made(self._root / "staging")))

    def push(self, digest: str, *uris: str) -> None:
        """Make an image that was built here visible to jobs under each URI; any other has no files to run."""
        if (self._root / "content" / digest).is_dir():
            for uri in uris:
                self._name("pushed", uri, digest)

    def withdraw(self, uri: str) -> None:
        """Take an image away from jobs; what runs keeps its copy."""
        (self._root / "pushed" / _file(uri)).unlink(missing_ok=True)

    def local(self, uri: str) -> Image:
        """Return a built image. Raises ImageMissing."""
        return self._load(self._digest_of("local", uri))

    def pushed(self, uri: str) -> Image:
        """Return an image that jobs may use: pushed, or else of the table. Raises ImageMissing."""
        try:
            return self._load(self._digest_of("pushed", uri))
        except ImageMissing:
            return self._from_table(uri)

    def _from_table(self, uri: str) -> Image:
        """Look the URI up in images.json: {"uri or pattern": {"entrypoint": [...], "env": {...}}}."""
        try:
            table: dict[str, Any] = json.loads(self._table.read_text(encoding="utf-8"))
        except FileNotFoundError:
            table = {}
        for pattern, entry in table.items():
            if uri == pattern or fnmatch.fnmatchcase(uri, pattern):
                digest = hashlib.sha256(f"{pattern}{json.dumps(entry, sort_keys=True)}".encode()).hexdigest()
                return Image(**{"workdir": "/", **entry, "digest": digest})
        raise ImageMissing(uri)

    def _load(self, digest: str) -> Image:
        folder = self._root / "content" / digest
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return Image(**config, digest=digest, files=folder / "files")

    def _digest_of(self, kind: str, uri: str) -> str:
        try:
            return (self._root / kind / _file(uri)).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ImageMissing(uri) from None

    def _name(self, kind: str, uri: str, digest: str) -> None:
        folder = _made(self._root / kind)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as staged:
            staged.write(digest)
        Path(staged.name).replace(folder / _file(uri))


def _compile(tree: Path, target: Path) -> None:
    """Compile an image's Python files once: each container has a copy of them, and would do it again."""
    for source in tree.rglob("*.py"):
        found = target / importlib.util.cache_from_source(str(source.relative_to(tree)))
        # A copy has other times, and a container may rewrite its own: the content decides. Importing puts
        # the copy's path into tracebacks.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        with contextlib.suppress(OSError):  # where it was not ours to read, the container says so
            py_compile.compile(str(source), str(found), quiet=2, invalidation_mode=mode)


def _file(uri: str) -> str:
    last = uri.rsplit("/", 1)[-1]
    return quote(uri if ":" in last or "@" in last else f"{uri}:latest", safe="")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(config: dict[str, Any], tree: Path) -> str:
    """Hash what an image is: its configuration, and name, mode and content of each file."""
    total = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in sorted(tree.rglob("*")):
        relative = path.relative_to(tree).as_posix()
        if path.is_symlink():
            total.update(f"l {relative} {path.readlink()}\n".encode())
        elif path.is_file():
            mode = "x" if os.access(path, os.X_OK) else "f"
            total.update(f"{mode} {relative} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()
