"""Mermaid's own parser, from npm: what it finds in texts.

In:   package-lock.json
Out:  build/mermaid/HASH, npm's packages beside the program here: made once for each state of these
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conftest import ROOT

HERE = Path(__file__).parent
PROGRAM = ("package.json", "package-lock.json", "parse.mjs")


def parsed(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return type, nodes and edges of each text, or its `error`."""
    command = ["node", "parse.mjs"]
    done = subprocess.run(
        command, cwd=installed(), input=json.dumps(texts), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def installed() -> Path:
    """Return the folder in which it is installed; npm fetches it the first time."""
    files = {name: (HERE / name).read_bytes() for name in PROGRAM}
    state = hashlib.sha256(b"\0".join(files.values())).hexdigest()[:12]
    folder = ROOT / "build" / "mermaid" / state
    if not (folder / "node_modules").exists():
        making = folder.with_suffix(".part")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for name, content in files.items():
            (making / name).write_bytes(content)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=making, check=True, capture_output=True)
        making.rename(folder)
    return folder
