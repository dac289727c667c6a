"""Build the wheels that a project carries, the same bytes every time, and pin them in the template.

In:   emulator/, gitops/
Out:  vendor/<name>-<version>-py3-none-any.whl in the inner project, and their pins in requirements/
Run:  python tools/vendor.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INNER = ROOT / "{{cookiecutter.project_slug}}"
EPOCH = "315532800"  # 1980, the first moment that a zip file knows


@dataclass(frozen=True)
class Vendored:
    """A distribution of this repository that projects carry."""

    folder: str
    package: str
    asked: str  # which requirements/*.in names it

    @property
    def source(self) -> Path:
        """The package's folder."""
        return ROOT / self.folder / self.package

    @property
    def wheels(self) -> list[Path]:
        """What lies in vendor/ of it: one."""
        return list((INNER / "vendor").glob(f"{self.package}-*.whl"))


VENDORED = (
    Vendored("emulator", "sagemaker_emulator", "dev"),
    Vendored("gitops", "sagemaker_gitops", "verbs"),
)


def main() -> None:
    """Build, replace the old wheels, name the new ones, pin again."""
    with tempfile.TemporaryDirectory() as folder:
        moved = [item for item in VENDORED if replaced(item, build(item, Path(folder)))]
    if not moved:
        print("the wheels in vendor/ are what their sources build; nothing to do")
        return
    subprocess.run([sys.executable, str(ROOT / "tools" / "lock.py")], check=True)
    print(f"in vendor/ and pinned: {', '.join(item.wheels[0].name for item in moved)}")


def replaced(item: Vendored, wheel: Path) -> bool:
    """Put a wheel in the old one's place; say whether it is another."""
    if [(old.name, old.read_bytes()) for old in item.wheels] == [(wheel.name, wheel.read_bytes())]:
        return False
    for old in item.wheels:
        old.unlink()
    (INNER / "vendor").mkdir(exist_ok=True)
    (INNER / "vendor" / wheel.name).write_bytes(wheel.read_bytes())
    asked = INNER / "requirements" / f"{item.asked}.in"
    asked.write_text(
        re.sub(rf"\./vendor/{item.package}-\S+\.whl", f"./vendor/{wheel.name}", asked.read_text())
    )
    return True


def build(item: Vendored, folder: Path) -> Path:
    """Return the wheel, built into `folder` from what is installed here, without the network."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    command += ["--outdir", str(folder), str(ROOT / item.folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return next(folder.glob(f"{item.package}-*.whl"))


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the package's files in a wheel, by path."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}


if __name__ == "__main__":
    main()
