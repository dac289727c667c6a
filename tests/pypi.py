"""Programs from PyPI that tests run, in environments of their own: made once for each state of their pins."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def installed(name: str, pins: Path) -> Path:
    """Return the Python of an environment that holds these pins and nothing else; PyPI is asked once."""
    state = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = ROOT / "build" / name / state
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        uv = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "-q",
            "--python",
            str(python),
            "--compile-bytecode",
        ]
        subprocess.run([*uv, "--require-hashes", "-r", str(pins)], check=True)
        whole.touch()
    return python
