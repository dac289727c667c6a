"""Take out of notebooks what running them has left: rows of the data, and noise in every diff.

In:   notebooks, as arguments; without any, all that lie beside this file
Out:  the same ones with cells and nothing else; --check changes none
Exit: 0, and the names of those it stripped; with --check 1 where there is something to take out.
      As a commit hook it stops the commit all the same: pre-commit sees that the file has changed
Run:  .venv/bin/python notebooks/strip.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def main(words: list[str]) -> int:
    """Strip each notebook that is named, or say which ones need it."""
    named = [Path(word) for word in words if word != "--check"] or sorted(HERE.glob("*.ipynb"))
    left = [path for path in named if path.read_text(encoding="utf-8") != stripped(path)]
    if "--check" in words:
        for path in left:
            sys.stderr.write(f"{path.name} holds what running it has left: python notebooks/strip.py\n")
        return 1 if left else 0
    for path in left:
        path.write_text(stripped(path), encoding="utf-8")
        sys.stdout.write(f"stripped {path.name}\n")
    return 0


def stripped(path: Path) -> str:
    """Return a notebook's text without outputs, counts and metadata, as Jupyter itself would write it."""
    book = json.loads(path.read_text(encoding="utf-8"))
    book["cells"] = [bare(cell) for cell in book["cells"]]
    book["metadata"] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return json.dumps(book, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def bare(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell as its author wrote it."""
    ran = {"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {}
    return cell | {"metadata": {}} | ran


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
