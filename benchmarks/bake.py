"""Time a bake: cookiecutter from its start to the hooks' last line, the way a user runs it.

In:   the tracked template
Out:  a line with best, median and worst of a few bakes, in seconds
Run:  python benchmarks/bake.py [TURNS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools import bake as tool


def main() -> None:
    """Bake a few times and print the figures."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as template, tempfile.TemporaryDirectory() as out:
        tool.copy_tracked(Path(template))
        tool.commit(Path(template))
        seconds = [timed(Path(template), Path(out, str(turn))) for turn in range(turns)]
    middle = statistics.median(seconds)
    print(f"bake: best {min(seconds):.2f} s, median {middle:.2f} s, worst {max(seconds):.2f} s; wanted: 2 s")


def timed(template: Path, out: Path) -> float:
    """Return the seconds of one bake."""
    began = time.perf_counter()
    tool.bake(template, out, {})
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
