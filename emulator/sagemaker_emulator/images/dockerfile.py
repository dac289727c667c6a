"""Read a Dockerfile into its stages.

Parsed: FROM .. AS, ARG, ENV, COPY, ADD (of local files), WORKDIR, ENTRYPOINT, CMD, LABEL, EXPOSE, USER, with
line continuations, comments and ${NAME}, ${NAME:-default}, ${NAME:+other}. RUN is recorded; nothing here runs
it. HEALTHCHECK, STOPSIGNAL, SHELL, VOLUME and MAINTAINER change nothing that the emulator does. Anything else
is refused by line.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

IGNORED = {"HEALTHCHECK", "STOPSIGNAL", "SHELL", "VOLUME", "MAINTAINER"}
DOLLAR = "\0"
REFERENCE = re.compile(r"\\\$|\$(?:\{(\w+)(?:(:[-+])([^}]*))?\}|(\w+))")


class DockerfileError(Exception):
    """A line that cannot be understood or is not offered; the message names the line."""


@dataclass
class Copy:
    """One COPY or ADD: what, whence, where to."""

    sources: list[str]
    target: str
    stage: str | None  # None: the build context
    line: int


@dataclass
class Stage:
    """One FROM with all that follows it. What it inherits is resolved by the builder."""

    base: str
    name: str
    line: int
    workdir: str | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    exposed: list[str] = field(default_factory=list)
    user: str | None = None
    steps: list[Copy] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


def parse(text: str, build_args: Mapping[str, str]) -> list[Stage]:
    """Return the stages of a Dockerfile, in order. Raises DockerfileError."""
    stages: list[Stage] = []
    outer: dict[
        str, str
    ] = {}  # ARGs before the first FROM: seen by FROM lines, and by a stage that repeats the ARG
    scope: dict[str, str] = {}
    for number, word, rest in _instructions(text):
        if word == "ARG":
            names = scope if stages else outer
            _declare(names, rest, build_args, outer if stages else {})
        elif word == "FROM":
            stages.append(_from(_expand(rest, outer), number, len(stages)))
            inherited = next((s for s in stages[:-1] if s.name == stages[-1].base), None)
            scope = dict(inherited.env) if inherited else {}
        elif not stages:
            raise DockerfileError(f"line {number}: {word} before the first FROM")
        else:
            _apply(stages[-1], number, word, rest, scope)
    if not stages:
        raise DockerfileError("no FROM in it")
    return stages


def _apply(stage: Stage, number: int, word: str, rest: str, scope: dict[str, str]) -> None:
    if word == "RUN":
        stage.runs.append(rest)
    elif word in ("COPY", "ADD"):
        stage.steps.append(_copy(_expand(rest, scope), number, word))
    elif word in ("ENTRYPOINT", "CMD"):
        setattr(stage, word.lower(), _command(rest))
        if word == "ENTRYPOINT" and stage.cmd is None:
            stage.cmd = []  # an ENTRYPOINT resets the CMD of the base image
    elif word == "ENV":
        pairs = _pairs(rest, scope)
        stage.env.update(pairs)
        scope.update(pairs)
    elif word == "LABEL":
        stage.labels.update(_pairs(rest, scope))
    elif word == "WORKDIR":
        path = _expand(rest, scope).strip("\"'")
        base = stage.workdir or ""
        # A relative first WORKDIR hangs below the base image's; the builder joins it.
        stage.workdir = path if path.startswith("/") or not base else f"{base.rstrip('/')}/{path}"
    elif word == "EXPOSE":
        stage.exposed += _expand(rest, scope).split()
    elif word == "USER":
        stage.user = _expand(rest, scope)
    elif word not in IGNORED:
        raise DockerfileError(f"line {number}: {word} is not offered by this image store")


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, INSTRUCTION, rest), with continuations joined and heredocs taken as part of their RUN."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        start = index
        joined = ""
        while index < len(lines):
            line = lines[index]
            index += 1
            if line.lstrip().startswith("#") or (not line.strip() and not joined):
                if not joined:
                    break
                continue
            if line.rstrip().endswith("\\"):
                joined += line.rstrip()[:-1] + " "
                continue
            joined += line
            break
        if not joined.strip():
            continue
        word, _, rest = joined.strip().partition(" ")
        heredoc = re.search(r"<<-?[\"']?(\w+)", rest)
        if heredoc and word.upper() in ("RUN", "COPY", "ADD"):
            if word.upper() != "RUN":
                raise DockerfileError(f"line {start + 1}: {word.upper()} from a here-document is not offered")
            while index < len(lines) and lines[index].strip() != heredoc[1]:
                rest += "\n" + lines[index]
                index += 1
            index += 1
        yield start + 1, word.upper(), rest.strip()


def _from(rest: str, number: int, index: int) -> Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    if len(words) == 3 and words[1].upper() == "AS":
        return Stage(base=words[0], name=words[2], line=number)
    if len(words) == 1:
        return Stage(base=words[0], name=str(index), line=number)
    raise DockerfileError(f"line {number}: FROM expects IMAGE or IMAGE AS NAME")


def _copy(rest: str, number: int, word: str) -> Copy:
    stage = None
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        name, _, value = flag.partition("=")
        if name == "--from":
            stage = value
        elif name not in ("--chown", "--chmod", "--link"):
            raise DockerfileError(f"line {number}: {word} {name} is not offered by this image store")
    words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
    if len(words) < 2:
        raise DockerfileError(f"line {number}: {word} expects a source and a target")
    if word == "ADD" and any("://" in source for source in words[:-1]):
        raise DockerfileError(f"line {number}: ADD from a URL is not offered by this image store")
    return Copy(sources=words[:-1], target=words[-1], stage=stage, line=number)


def _command(rest: str) -> list[str]:
    if rest.startswith("["):
        try:
            words: Any = json.loads(rest)
            return [str(word) for word in words]
        except json.JSONDecodeError:
            pass  # Docker, too, then takes it as a shell line
    return ["/bin/sh", "-c", rest]


def _pairs(rest: str, scope: Mapping[str, str]) -> dict[str, str]:
    first = rest.split(None, 1)[0] if rest else ""
    if "=" not in first:  # the old form: ENV NAME the rest
        name, _, value = rest.partition(" ")
        return {name: _expand(value.strip(), scope)}
    # shlex would eat the backslash of \$NAME, which says that no variable is meant.
    pairs = (word.partition("=") for word in shlex.split(rest.replace("\\$", DOLLAR)))
    return {name: _expand(value, scope).replace(DOLLAR, "$") for name, _, value in pairs}


def _declare(scope: dict[str, str], rest: str, given: Mapping[str, str], outer: Mapping[str, str]) -> None:
    for word in shlex.split(rest):
        name, equals, default = word.partition("=")
        if name in given:
            scope[name] = given[name]
        elif equals:
            scope[name] = _expand(default, {**outer, **scope})
        elif name in outer:
            scope[name] = outer[name]


def _expand(text: str, scope: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0] == "\\$":
            return "$"
        found = scope.get(match[1] or match[4], "")
        if match[2] == ":-":
            return found or match[3]
        if match[2] == ":+":
            return match[3] if found else ""
        return found

    return REFERENCE.sub(value, text)
