"""Pin the generated project's requirements, then the template's own within them: one environment holds both.

In:   requirements/dev.in, the inner project's requirements/*.in
Out:  requirements/dev.txt, the inner project's requirements/*.txt
Run:  python tools/lock.py [--upgrade | --upgrade-package NAME]
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
INNER = ROOT / "{{cookiecutter.project_slug}}"


def main() -> None:
    """Run the inner project's own pinning, then pin ours against its result."""
    subprocess.run([sys.executable, "requirements/lock.py", *sys.argv[1:]], cwd=INNER, check=True)
    inner = inner_lock()
    pins = [
        line
        for name in inner.NAMES
        for line in inner.versions((INNER / f"requirements/{name}.txt").read_text())
    ]
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder, "together.txt")
        together.write_text("\n".join(pins))
        out = ROOT / "requirements" / "dev.txt"
        command = [
            sys.executable,
            "-m",
            "uv",
            *inner.COMPILE.split(),
            "requirements/dev.in",
            "-c",
            str(together),
        ]
        subprocess.run(
            [*command, "-o", str(out), *sys.argv[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        inner.tidy(out, together)


def inner_lock() -> ModuleType:
    """Return the inner project's requirements/lock.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("inner_lock", INNER / "requirements" / "lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
