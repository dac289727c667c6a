"""Build the emulator's wheel, the same bytes every time, and pin it in the template.

In:   emulator/
Out:  vendor/sagemaker_emulator-<version>-py3-none-any.whl in the inner project, and its pin in requirements/
Run:  python tools/vendor.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INNER = ROOT / "{{cookiecutter.project_slug}}"
EPOCH = "315532800"  # 1980, the first moment that a zip file knows


def main() -> None:
    """Build, replace the old wheel, name the new one, pin again."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        old = list((INNER / "vendor").glob("*.whl"))
        if [file.name for file in old] == [wheel.name] and old[0].read_bytes() == wheel.read_bytes():
            print(f"{wheel.name} is what emulator/ builds; nothing to do")
            return
        for file in old:
            file.unlink()
        (INNER / "vendor").mkdir(exist_ok=True)
        (INNER / "vendor" / wheel.name).write_bytes(wheel.read_bytes())
    asked = INNER / "requirements" / "dev.in"
    asked.write_text(
        re.sub(r"\./vendor/sagemaker_emulator-\S+\.whl", f"./vendor/{wheel.name}", asked.read_text())
    )
    subprocess.run([sys.executable, str(ROOT / "tools" / "lock.py")], check=True)
    print(f"{wheel.name} is in vendor/ and pinned in requirements/dev.txt")


def build(folder: Path) -> Path:
    """Return the wheel, built into `folder` from what is installed here, without the network."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT / "emulator"),
    ]
    subprocess.run(
        command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, stdout=subprocess.DEVNULL
    )
    return next(folder.glob("*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the package's files in a wheel, by path."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


if __name__ == "__main__":
    main()
