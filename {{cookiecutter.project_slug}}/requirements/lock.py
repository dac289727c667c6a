"""Pin what the .in files ask for: one version of each package, in all of them, for every system.

In:   *.in beside this file; the present *.txt, whose versions stay unless --upgrade is given
Out:  *.txt with hashes, each installable alone and all of them together
Run:  .venv/bin/python requirements/lock.py [--upgrade | --upgrade-package NAME]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("uv", "serve", "jobs", "verbs", "dev", "notebook")
EVERYWHERE = "--universal --fork-strategy fewest --python-version 3.11"
COMPILE = f"pip compile --quiet --no-header --generate-hashes {EVERYWHERE}"


def main() -> None:
    """Resolve everything together first, then each file within that."""
    changes = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder, "together.txt")
        present = [HERE / f"{name}.txt" for name in NAMES if (HERE / f"{name}.txt").exists()]
        together.write_text("\n".join(line for pins in present for line in versions(pins.read_text())))
        lock(together, [f"requirements/{name}.in" for name in NAMES], changes)
        together.write_text("\n".join(versions(together.read_text())))
        for name in NAMES:
            lock(
                HERE / f"{name}.txt",
                [f"requirements/{name}.in", "--constraint", str(together)],
                ["--upgrade"],
            )
            tidy(HERE / f"{name}.txt", together)


def lock(out: Path, sources: list[str], changes: list[str]) -> None:
    """Compile `sources` into `out`, from the project's root, where the paths of wheels begin."""
    command = [sys.executable, "-m", "uv", *COMPILE.split(), *sources, "--output-file", str(out), *changes]
    subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.DEVNULL)


def versions(pins: str) -> list[str]:
    """Return the lines that name a version, markers included, without hashes."""
    return re.findall(r"^[a-z0-9][^\n\\]*==[^\n\\]*[^\s\\]", pins, flags=re.MULTILINE)


def tidy(file: Path, together: Path) -> None:
    """Drop the mention of the temporary file, and PyTorch's hashes: each index has a build of its own."""
    pins = re.sub(rf"\n    #   -c {re.escape(str(together))}(?=\n)", "", file.read_text())
    file.write_text(re.sub(r"^(torch==[^ \\\n]+)( \\\n    --hash=\S+)+", r"\1", pins, flags=re.MULTILINE))


if __name__ == "__main__":
    main()
