"""`gh` for tests: what GitHub has lies in one JSON file, and every call is written down there.

The tests put a two-line script named gh on PATH that runs this file; GH_STATE names the JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FILE = Path(os.environ["GH_STATE"])
MISSING = ("gh: Not Found (HTTP 404)", 1)


def main(words: list[str]) -> int:
    """Answer one call."""
    state = json.loads(FILE.read_text("utf-8"))
    state["calls"].append(words)
    try:
        answer, code = _answer(state, words)
    finally:
        FILE.write_text(json.dumps(state), encoding="utf-8")
    print(answer, file=sys.stderr if code else sys.stdout)
    return code


def _answer(state: dict[str, Any], words: list[str]) -> tuple[str, int]:
    if refused := next((text for part, text in state["refuse"].items() if part in " ".join(words)), ""):
        return refused, 1
    if words[:2] == ["auth", "status"]:
        return "", 0 if state["login"] else 1
    if words[:2] == ["variable", "set"]:
        state["variables"][words[2]] = words[words.index("--body") + 1]
        return "", 0
    if words[:2] == ["variable", "delete"]:
        del state["variables"][words[2]]
        return "", 0
    assert words[0] == "api", words
    if "-X" not in words:
        told = _get(state, words[1].split("?")[0])
        return MISSING if told is None else (json.dumps(told), 0)
    return _write(state, words[words.index("-X") + 1], words[3], words[4:])


def _get(state: dict[str, Any], path: str) -> Any:
    root = f"repos/{state['repository']['full_name']}"
    if path == "user":
        return state["login"]
    if path.lower().startswith(root.lower()):
        rest = path[len(root) :]
        parts = rest.split("/")
        if rest == "/actions/variables":
            return _listed(state["variables"])
        if rest == "/environments":
            return {"environments": list(state["environments"].values())}
        if rest.startswith("/environments/") and parts[2] in state["environments"]:
            environment = state["environments"][parts[2]]
            if parts[3] == "variables":
                return _listed(environment.get("variables", {}))
            return {"branch_policies": [{"name": name} for name in environment["branches"]]}
        return {"": state["repository"]}.get(rest) or state["paths"].get(rest)
    return None


def _listed(variables: dict[str, str]) -> dict[str, Any]:
    return {"variables": [{"name": name, "value": value} for name, value in variables.items()]}


def _write(state: dict[str, Any], verb: str, path: str, fields: list[str]) -> tuple[str, int]:
    parts = path.split("/")
    name = parts[4]
    if verb == "PUT":
        rules = {"protection_rules": [{"type": "required_reviewers"}] if "reviewers" in str(fields) else []}
        policy = {"deployment_branch_policy": {"custom_branch_policies": True}, "branches": []}
        state["environments"][name] = {"name": name} | rules | policy
    elif name not in state["environments"]:
        return MISSING
    else:
        state["environments"][name]["branches"].append("main")
    return "{}", 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
