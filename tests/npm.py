"""Programs from npm that tests run: installed once for each state of their files, below build/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from conftest import ROOT


def installed(name: str, here: Path, program: Sequence[str]) -> Path:
    """Return the folder in which the files `program` of `here` are installed; npm fetches them once."""
    files = {each: (here / each).read_bytes() for each in program}
    state = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:12]
    folder = ROOT / "build" / name / state
    if not (folder / "node_modules").exists():
        making = folder.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for each, content in files.items():
            (making / each).write_bytes(content)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=making, check=True, capture_output=True)
        making.rename(folder)
    return folder
