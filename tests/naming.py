"""What a document names that a reader may copy, and which of it does not exist; one function for each kind.

In:   a document's text and folder
Out:  the names that lead nowhere, empty where all is well
"""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, get_args

import typer
from conftest import INNER, ROOT
from pydantic import BaseModel
from sagemaker_gitops import cli

CODE = re.compile(r"\bE[1-9]\d{2}\b")
# Where the verbs and the jobs raise; what only repeats a code is not looked at.
SOURCES = ("gitops/sagemaker_gitops", "emulator/sagemaker_emulator")
JOBS = ("data_checks", "training", "inference", "pipelines")
SUFFIXES = r"\.(?:py|md|toml|lock|yml|json|txt|in|html|csv)"
FILE = re.compile(rf"^[\w.-]+(?:/[\w.*-]+)*(?:/|{SUFFIXES})$|^(?:Dockerfile|Makefile|\.github/CODEOWNERS)$")
# Made by running something, or a document's own example.
MADE = re.compile(
    r"^(?:build|vendor|\.emulator|\.venv|data/(?:mine|churn|yours))(?:/|$)|^production\.lock$|^\.cruft\.json$"
)
# Below /opt/ml of a job, in the archive, or below a release's address on S3.
ELSEWHERE = {
    "input/config/hyperparameters.json", "model.json", "golden.json", "release.json", "rollout.json",
    "evaluation.json", "validation.json", "model_report.html", "report/validation.json", "lock/data.lock",
    "outcomes/COMMIT.json", "outcomes/rollback-RUN.json", "champion/VERSION/", "checkpoints/",
    "EXECUTION/validate/", "EXECUTION/evaluate/evaluation/", "hashes.json", "tracking.json",
    "releases/ID/EXECUTION/", "validate/", "evaluate/", "evaluate/artifact/model.tar.gz",
    "evaluate/evaluation/evaluation.json",
    "images.json",  # in the emulator's state folder
}  # fmt: skip
ALIEN = {"evaluate.py", "inference.py", "train.py"}  # of the script that is left behind


def code_of(text: str) -> list[str]:
    """Return what stands in a document as code: spans, fenced lines, indented lines."""
    fenced = [
        line for block in re.findall(r"(?ms)^```\S*.*?\n(.*?)^```", text) for line in block.splitlines()
    ]
    prose = re.sub(r"(?ms)^```.*?^```", "", text)
    indented = re.findall(r"(?m)^ {4}(?! )(.*)$", prose)
    return [*re.findall(r"`([^`\n]+)`", prose), *fenced, *indented]


@cache
def raised() -> frozenset[str]:
    """Return every error code that the sources name."""
    folders = [*(ROOT / name for name in SOURCES), *(INNER / name for name in JOBS)]
    return frozenset(
        code
        for folder in folders
        for path in folder.rglob("*.py")
        for code in CODE.findall(path.read_text("utf-8"))
    )


def codes(text: str, _: Path) -> list[str]:
    """Return the error codes that nothing raises."""
    return sorted(set(CODE.findall(text)) - raised())


@cache
def targets() -> frozenset[str]:
    """Return the make targets of template and project."""
    found = (re.search(r"(?m)^\.PHONY: (.*)$", (place / "Makefile").read_text()) for place in (ROOT, INNER))
    return frozenset(name for match in found for name in match[1].split())


def make_targets(text: str, _: Path) -> list[str]:
    """Return the targets of `make` that no Makefile has."""
    words = [re.match(r"(?:.*&& )?make ((?:[a-z-]+ ?)+)", line) for line in code_of(text)]
    return [name for match in words if match for name in match[1].split() if name not in targets()]


@cache
def verbs() -> dict[str, set[str]]:
    """Return {verb: its options} of `python -m pipelines`, those of a group as "data push"."""

    def walk(command: Any, name: str) -> dict[str, set[str]]:
        own = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        inside = getattr(command, "commands", {})
        below = (walk(each, f"{name} {key}".strip()) for key, each in inside.items())
        return {name: own} | {key: options for part in below for key, options in part.items()}

    return walk(typer.main.get_command(cli.app), "")


RUN = re.compile(r"(?:^|[ /])python3? (?:-m (?P<module>[\w.]+)|(?P<file>[\w./-]+\.py))(?P<words>[^#;&|]*)")
INSTALLED = {"pip", "pytest", "zipfile"}  # of others: what they take is theirs


def commands(text: str, folder: Path) -> list[str]:
    """Return the verbs, modules and scripts that there are not, and the options that one does not take."""
    wrong = scripts(text, folder)
    for line in code_of(text):
        bare = re.match(r"([a-z]+(?: [a-z]+)?) --[a-z]", line)
        starts = [m.end() for m in re.finditer(r"-m pipelines ", line)] or (
            [0] if bare and known(bare[1]) else []
        )
        for start in starts:
            said = re.split(r"#|;|&&|\|", line[start:], maxsplit=1)[0]
            verb = known(said)
            if not verb:
                wrong += [said.split()[0]] if re.match("[a-z]", said) else []
                continue
            wrong += [
                f"{verb} {name}"
                for name in re.findall(r"(?<=\s)--[a-z-]+", said)
                if name not in verbs()[verb]
            ]
    return wrong


def scripts(text: str, folder: Path) -> list[str]:
    """Return the modules and files that `python` cannot run, and the options that are nowhere in them."""
    wrong = []
    for said in (match for line in code_of(text) for match in RUN.finditer(line)):
        name = said["module"] or said["file"]
        if name in INSTALLED or name == "pipelines" or MADE.match(name):  # verbs are looked at by themselves
            continue
        file = name if said["file"] else name.replace(".", "/")
        ends = ("",) if said["file"] else (".py", "/__main__.py")
        places = (place / f"{file}{end}" for place in (folder, INNER, ROOT) for end in ends)
        found = next((path for path in places if path.is_file()), None)
        source = found.read_text("utf-8") if found else ""
        wrong += [] if found else [name]
        options = re.findall(r"(?<=\s)--[a-z-]+", said["words"]) if found else []
        wrong += [f"{name} {option}" for option in options if f'"{option}"' not in source]
    return wrong


def known(said: str) -> str:
    """Return the verb that a command begins with; of a group the verb below it."""
    words = said.split()
    return next((name for name in (" ".join(words[:2]), *words[:1]) if name in verbs()), "")


def paths(text: str, folder: Path) -> list[str]:
    """Return the paths in code that neither project nor template have."""
    spans = re.findall(r"`([^`\s]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    named = [name for name in spans if FILE.match(name) and not MADE.match(name)]
    return [name for name in named if name not in ELSEWHERE | ALIEN and not there(name, folder)]


PAGES = {path.name for path in (ROOT / "docs").glob("*.md")}  # which the project's README names


def there(name: str, folder: Path) -> bool:
    """Say whether a path is one of the project, of the template, or anywhere below the document's folder."""
    if any(next(place.glob(name), None) for place in (INNER, ROOT, folder)):
        return True
    if name in PAGES or (folder not in (ROOT, INNER) and next(folder.rglob(name), None)):
        return True
    bare = "/" not in name and [*INNER.glob(f"*/{name}"), *INNER.glob(f".github/*/{name}")]
    return bool(bare)


@cache
def tables() -> dict[str, set[str]]:
    """Return {table of mlops.toml: its keys}, as the project's settings have them."""
    spec = importlib.util.spec_from_file_location("inner_settings", INNER / "pipelines" / "settings.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(
        spec
    )  # pydantic looks its names up there
    spec.loader.exec_module(module)

    def walk(kind: Any, name: str) -> dict[str, set[str]]:
        own = {field.alias or key: field.annotation for key, field in kind.model_fields.items()}
        found = {name: set(own)}
        for key, told in own.items():
            for each in (told, *get_args(told)):
                if isinstance(each, type) and issubclass(each, BaseModel):
                    found |= walk(each, f"{name}.{key}".strip("."))
        return found

    return walk(module.Settings, "")


def settings(text: str, _: Path) -> list[str]:
    """Return the tables, and the keys of a table, that mlops.toml cannot have."""
    named = set(re.findall(r"`\[([a-z_.]+)\]`", text))
    wrong = sorted(named - tables().keys())
    key = r"`[a-z_]+(?: = [^`]+)?`"
    listed = rf"((?:{key}(?:, | and | or ))*{key}) (?:in|of|below) `\[([a-z_.]+)\]`"
    pairs = [(keys, table) for keys, table in re.findall(listed, text) if table in tables()]
    pairs += [(keys, table) for table, keys in re.findall(r"`\[([a-z_.]+)\]`: ((?:`[^`]+`(?:, )?)+)", text)]
    for keys, table in pairs:
        found = re.findall(r"`([a-z_]+)(?: = [^`]+)?`", keys)
        wrong += [f"{table}.{key}" for key in found if key not in tables().get(table, ())]
    anywhere = set().union(*tables().values())
    spans = re.findall(r"`([a-z_]+) = [^`]+`", text)
    return wrong + [key for key in spans if key not in anywhere]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def links(text: str, folder: Path) -> list[str]:
    """Return the relative links whose file or anchor is not there."""
    prose, wrong = re.sub(r"(?ms)^```.*?^```", "", text), []
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose):
        file, _, anchor = link.partition("#")
        target = folder / file
        content = (
            text
            if not file
            else target.read_text("utf-8")
            if target.suffix == ".md" and target.exists()
            else ""
        )
        headings = {slug(line) for line in re.findall(r"(?m)^#+ (.*)$", content)}
        if (file and not target.exists()) or (anchor and anchor not in headings):
            wrong.append(link)
    return wrong
