"""Apply every breakage to a copy of its own, and tell which tool finds it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from conftest import INNER

from workflows import contracts, validators
from workflows.breakages import BREAKAGES
from workflows.reading import Facts, Project

Finders = dict[str, dict[str, list[str]]]  # breakage: tool: sentences


def copies(folder: Path) -> list[Path]:
    """Return the project as it is, then a copy for each breakage; ValueError names those that do not fit."""
    made, misfits = [], []
    for number in range(len(BREAKAGES) + 1):
        project = folder / f"{number:03}"
        shutil.copytree(INNER / ".github", project / ".github")
        subprocess.run(["git", "init", "--quiet", str(project)], check=True)
        made.append(project)
    for breakage, project in zip(BREAKAGES, made[1:], strict=True):
        try:
            breakage.apply(project)
        except ValueError as error:
            misfits.append(str(error))
    if misfits:
        raise ValueError("\n".join(misfits))
    return made


def by_contracts(facts: Facts) -> validators.Tool:
    """Return our contracts as one more tool; what they cannot even read is found, too."""

    def our_contracts(folders: Sequence[Path]) -> Iterator[validators.Finding]:
        for folder in folders:
            try:
                said = contracts.findings(Project(folder, facts))
            except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
                said = [f"not readable: {error!r}"]
            yield from ((str(folder / ".github"), sentence) for sentence in said)

    return our_contracts


def finders(said: validators.Found) -> Finders:
    """Return which tools find each breakage, with what each says of it and not of the project as it is."""
    found: Finders = {str(breakage): {} for breakage in BREAKAGES}
    for tool, by_folder in said.items():
        intact, *broken = by_folder.values()
        for breakage, sentences in zip(BREAKAGES, broken, strict=True):
            new = [sentence for sentence in sentences if sentence not in intact]
            if new:
                found[str(breakage)][tool] = new
    return found


def table(found: Finders) -> str:
    """Return one line for each breakage, then what only one tool finds, then the sum."""
    lines = [f"{says:42} {', '.join(tools) or '-'}" for says, tools in found.items()]
    lines.append("")
    for name in dict.fromkeys(name for tools in found.values() for name in tools):
        all_of = [says for says, tools in found.items() if name in tools]
        alone = [says for says in all_of if len(found[says]) == 1]
        lines.append(f"{name} finds {len(all_of)}, alone {len(alone)}: {'; '.join(alone) or '-'}")
    lines.append(f"{sum(map(bool, found.values()))} of {len(found)} breakages found")
    return "\n".join(lines)
