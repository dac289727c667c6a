"""Build and run images without a Docker engine: buildah in a chroot, over a base made by debootstrap.

In:   root rights; `apt-get install buildah debootstrap`
Out:  images in a store of their own, and a way to start a command in one
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

CERTIFICATES = "/etc/ssl/certs"  # the host's: a company's registry mirror may be signed by its own authority


@dataclass(frozen=True)
class Builder:
    """One image store in a folder; everything in it is gone with the folder."""

    folder: Path

    def __call__(self, *words: str | Path) -> str:
        """Run buildah and return what it prints; raise AssertionError with its log when it fails."""
        done = subprocess.run(self.command(*words), env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def command(self, *words: str | Path) -> list[str]:
        """Return a command line over this store."""
        store = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        return ["buildah", *store, *(str(word) for word in words)]

    def environment(self) -> dict[str, str]:
        """Return the environment in which buildah needs no kernel's help."""
        return {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

    def base(self) -> str:
        """Make an image of Debian's Python 3.11 that stands for python:3.11-slim, and return its name."""
        lacking = [name for name in ("buildah", "debootstrap") if not shutil.which(name)]
        assert not lacking, f"apt-get install {' '.join(lacking)}"
        root = self.folder / "root"
        packages = "python3,python3-pip,ca-certificates"
        strap = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root)]
        done = subprocess.run(strap, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
        (root / "usr/bin/python").symlink_to("python3")
        container = self("from", "scratch").strip()
        self("add", "--quiet", container, root, "/")
        self("config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        self("commit", "--quiet", container, "base")
        self("rm", container)
        return "localhost/base"

    def build(self, project: Path, target: str, base: str) -> str:
        """Build one target of a project's Dockerfile, with PyTorch from this machine, and return its name."""
        arguments = ["--build-arg", f"BASE={base}"]
        if target == "jobs":
            arguments += [
                "--build-arg",
                "TORCH_INDEX=file:///index",
                "--volume",
                f"{self.index(project)}:/index:ro",
            ]
        trust = ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        trust += ["--env", f"SSL_CERT_FILE={CERTIFICATES}/ca-certificates.crt"]
        self("build", "--quiet", "--target", target, *arguments, *trust, "--tag", target, project)
        return f"localhost/{target}"

    def index(self, project: Path) -> Path:
        """Return a package index with the one PyTorch wheel that pip finds from here."""
        folder = self.folder / "index" / "torch"
        folder.mkdir(parents=True)
        pin = next(line for line in (project / "requirements/jobs.txt").open() if line.startswith("torch=="))
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", pin.strip(), "-d", str(folder)],
            check=True,
        )
        links = [f'<a href="{quote(wheel.name)}">{wheel.name}</a>' for wheel in folder.glob("*.whl")]
        (folder / "index.html").write_text("\n".join(links))
        return folder.parent

    def start(self, image: str):
        """Return a function that starts a command in a container of `image`, over a folder as /opt/ml."""
        container = self("from", "--pull-never", image).strip()

        def started(command, base, more):
            given = [word for name, value in more.items() for word in ("--env", f"{name}={value}")]
            words = self.command("run", "--volume", f"{base}:/opt/ml", *given, container, "--", *command)
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            return subprocess.Popen(words, env=self.environment(), **streams)

        return started

    def settings(self, image: str) -> dict:
        """Return an image's configuration: Entrypoint, WorkingDir, Env."""
        return json.loads(self("inspect", "--type", "image", image))["OCIv1"]["config"]
