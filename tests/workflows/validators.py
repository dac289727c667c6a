"""The public validators as one function: folders in, what each tool finds in each of them out.

Every tool starts once, however many folders there are, and comes from the environment that runs this.
Messages carry no line numbers, so that what a breakage adds can be told from what was there before.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TOOLS = Path(sys.executable).parent
Found = dict[str, dict[Path, list[str]]]  # tool: folder: sentences
Finding = tuple[str, str]  # path, sentence
Tool = Callable[[Sequence[Path]], Iterator[Finding]]


def findings(folders: Sequence[Path], tools: Sequence[Tool] = ()) -> Found:
    """Return what each tool, by default each here, finds below the .github of each folder."""
    found: Found = {}
    for tool in tools or (actionlint, zizmor, check_jsonschema):
        by_folder: dict[Path, list[str]] = {folder: [] for folder in folders}
        for path, said in tool(folders):
            owner = next(folder for folder in folders if Path(path).is_relative_to(folder))
            where = Path(path).relative_to(owner / ".github")
            by_folder[owner].append(f"{where}: {said}" if where.name else said)
        found[tool.__name__.replace("_", "-")] = by_folder
    return found


def actionlint(folders: Sequence[Path]) -> Iterator[Finding]:
    """Workflows: keys, expressions, calls and, through shellcheck, the scripts in them."""
    paths = below(folders, "workflows/*.yml")
    for checker, key in (("", whole), (str(TOOLS / "shellcheck"), scripts)):
        same = alike(paths, key)
        words = ["-no-color", "-format", "{{json .}}", "-pyflakes", "", "-shellcheck", checker]
        for said in json.loads(run("actionlint", *words, *same)):
            where = f"/{said['filepath'].lstrip('/')}"  # or an action that one of them uses
            if bool(checker) == (said["kind"] == "shellcheck"):
                for path in same.get(where, [where]):
                    yield path, f"{said['message']} [{said['kind']}]"


def zizmor(folders: Sequence[Path]) -> Iterator[Finding]:
    """Security, at its strictest; a file that it could not read is a finding."""
    words = ["--offline", "--persona", "auditor", "--no-progress", "--color", "never", "--format", "json"]
    done = start("zizmor", *words, *map(str, folders))
    for said in json.loads(done.stdout):
        place = next(at for at in said["locations"] if at["symbolic"]["kind"] == "Primary")
        path = place["symbolic"]["key"]["Local"]["verbatim_path"]
        yield path, f"{said['desc']}: {place['symbolic']['annotation']} [{said['ident']}]"
    read = set(re.findall(r"completed (\S+)", done.stderr))
    for path in sorted(set(below(folders, "**/*.yml")) - read):
        yield path, "cannot be read [input]"


SCHEMAS = {
    "vendor.github-workflows": "workflows/*.yml",
    "custom.github-workflows-require-timeout": "workflows/*.yml",
    "vendor.github-actions": "actions/*/action.yml",
    "vendor.dependabot": "dependabot.yml",
}


def check_jsonschema(folders: Sequence[Path]) -> Iterator[Finding]:
    """The schemas of SchemaStore, and the one that asks for time limits."""
    for schema, pattern in SCHEMAS.items():
        same = alike(below(folders, pattern), own)
        told = json.loads(
            run("check-jsonschema", "--builtin-schema", schema, "--output-format", "json", *same)
        )
        for said in (*told["errors"], *told.get("parse_errors", ())):
            best = said.get("best_deep_match") or said
            for path in same[said["filename"]]:
                yield path, f"{said.get('path', '')} {best['message']} [{schema}]"


def below(folders: Sequence[Path], pattern: str) -> list[str]:
    """Return the files below the .github of every folder."""
    return [str(path) for folder in folders for path in sorted((folder / ".github").glob(pattern))]


def alike(paths: Sequence[str], key: Callable[[Path], list[str]]) -> dict[str, list[str]]:
    """Return one path of each set of files that say the same, with the set: only the one is looked at."""
    sets: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        sets.setdefault((Path(path).name, *key(Path(path))), []).append(path)
    return {same[0]: same for same in sets.values()}


def own(path: Path) -> list[str]:
    """Return the text of a file."""
    return [path.read_text("utf-8")]


def scripts(path: Path) -> list[str]:
    """Return the scripts in a file; from the first of many lines on, all that follows."""
    return re.findall(r"run: (?![|>]).*|run: [|>][\s\S]*", path.read_text("utf-8"))


def whole(path: Path) -> list[str]:
    """Return the texts of a file and of what it uses of its own repository, and so on."""
    root = next(folder.parent for folder in path.parents if folder.name == ".github")
    seen, ahead = {}, [path]
    while ahead:
        file = ahead.pop()
        if file not in seen and file.is_file():
            seen[file] = file.read_text("utf-8")
            used = re.findall(r"uses: [$.]/(\S+)", seen[file])
            ahead += [root / name if name.endswith(".yml") else root / name / "action.yml" for name in used]
    return list(seen.values())


def run(tool: str, *words: str) -> str:
    """Return what a tool prints; what it finds is no reason to stop, that it says nothing is."""
    done = start(tool, *words)
    assert done.stdout.startswith(("[", "{")), f"{tool}: {done.stdout}{done.stderr}"
    return done.stdout


def start(tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment from the root, so that the paths it prints are whole."""
    command = [str(TOOLS / tool), *words]
    return subprocess.run(command, cwd="/", capture_output=True, encoding="utf-8", check=False)
