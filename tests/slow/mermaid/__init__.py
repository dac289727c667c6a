"""Mermaid's own parser, from npm: what it finds in texts.

In:   package-lock.json
Out:  build/mermaid/HASH, npm's packages beside the program here: made once for each state of these
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from npm import installed

HERE = Path(__file__).parent
PROGRAM = ("package.json", "package-lock.json", "parse.mjs")


def parsed(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return type, nodes and edges of each text, or its `error`."""
    command = ["node", "parse.mjs"]
    done = subprocess.run(
        command,
        cwd=installed("mermaid", HERE, PROGRAM),
        input=json.dumps(texts),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
