"""GitHub's own parser and expression checker, from npm: what it finds below the .github of folders.

In:   package-lock.json; actions.json, the inputs and outputs of each action from elsewhere, by its commit
Out:  build/language-service/HASH, npm's packages beside the programs here: made once for each state of these
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from npm import installed

from workflows.contracts.sources import VARIABLES
from workflows.validators import Finding

HERE = Path(__file__).parent
PROGRAM = ("package.json", "package-lock.json", "json-hook.mjs", "check.mjs")


def language_service(folders: Sequence[Path]) -> Iterator[Finding]:
    """Yield what it says about each workflow and each action."""
    actions = json.loads((HERE / "actions.json").read_text("utf-8"))
    told = {
        "folders": [str(folder) for folder in folders],
        "actions": {used: described(used, **lists) for used, lists in actions.items()},
        "variables": sorted(VARIABLES),
    }
    command = ["node", "--import", "./json-hook.mjs", "check.mjs"]
    done = subprocess.run(
        command,
        cwd=installed("language-service", HERE, PROGRAM),
        input=json.dumps(told),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for said in json.loads(done.stdout):
        yield said["path"], said["message"]


def described(name: str, inputs: list[str], outputs: list[str]) -> dict[str, object]:
    """Return an action's metadata as GitHub would give it: none of ours has an input that is required."""
    empty = {"description": ""}
    return {
        "name": name,
        "inputs": dict.fromkeys(inputs, empty),
        "outputs": dict.fromkeys(outputs, empty),
    }
