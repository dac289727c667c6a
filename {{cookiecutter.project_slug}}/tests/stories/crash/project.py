"""A copy of this project whose jobs do next to no work: a release takes seconds, and every call is real.

What stands in for data_checks/, training/ and inference/ has their entry points, reads what they read and
writes what they write; processes run it, as they run the real ones.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from pathlib import Path

from tests.stories.world import copy_project

STAND_INS = Path(__file__).with_name("stand_ins")
FILES = ["batch=1/part-0.parquet", "batch=2/part-0.parquet"]
ROOMS = ("data_checks", "training", "inference")


def make(folder: Path) -> Path:
    """Make the copy and return its root."""
    root = copy_project(folder)  # verbs run in this process, which has this project's own definition
    for room in ROOMS:
        shutil.rmtree(root / room)
        shutil.copytree(STAND_INS / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(root / "data", ignore_errors=True)
    lock(root, FILES)
    return root


def lock(root: Path, keys: list[str], text: str = "first") -> None:
    """Write small files of data and the lock that names them."""
    locked = json.loads((root / "data.lock").read_text("utf-8"))
    locked |= {"rows": len(keys), "files": []}
    for key in keys:
        path, content = root / locked["prefix"] / key, f"{key} {text}\n".encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        told = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        locked["files"].append({"key": key, "rows": 1, "version_id": None, **told})
    (root / "data.lock").write_text(json.dumps(locked, indent=2) + "\n", "utf-8")


def change(root: Path, *, code: bool) -> None:
    """Make the working tree another release: other data, and with `code` one more line of code."""
    lock(root, FILES, text=uuid.uuid4().hex)
    if code:  # else the images in ECR will do: building them takes as long as all the rest
        file = root / "training" / "train.py"
        file.write_text(file.read_text("utf-8") + "# another release\n", "utf-8")
