"""build/report.html and the job summary: what happened, on one page that needs nothing else.

In:   the steps and facts of a story
Out:  build/report.html, build/<verb>.json, and a table for $GITHUB_STEP_SUMMARY where there is one
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from pipelines.errors import MLOpsError
from pipelines.settings import Settings
from pipelines.story import Story

BUILD = Path("build")
PAGE = Path(__file__).with_name("report.html")
# Brackets instead of braces: the repository is itself made by a template that reads braces.
BRACKETS = {
    "variable_start_string": "[[", "variable_end_string": "]]", "block_start_string": "[%",
    "block_end_string": "%]", "comment_start_string": "[#", "comment_end_string": "#]",
}  # fmt: skip


def write(
    story: Story, settings: Settings, verb: str, error: BaseException | None, folder: Path = BUILD
) -> Path:
    """Write the page, its facts as JSON and the summary; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    facts, page = outcome(story, verb, error), folder / "report.html"
    _replace(folder / f"{verb}.json", json.dumps(facts, indent=2) + "\n")
    _replace(page, render(story, settings, facts))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(markdown(facts, settings))
    return page


def outcome(story: Story, verb: str, error: BaseException | None) -> dict[str, Any]:
    """Return how a verb ended, for machines: steps, seconds, verdicts, ids."""
    known = error if isinstance(error, MLOpsError) else None
    return {
        "schema_version": 1,
        "verb": verb,
        "verdict": known.verdict if known else "stopped" if error else "done",
        "error": {"code": known.code, "lines": known.lines()} if known else None,
        "seconds": round(story.seconds(), 3),
        "steps": [step.as_json() for step in story.steps],
        **{
            name: story.facts.get(name)
            for name in ("ids", "package", "execution", "request", "shadow", "rollouts")
        },
    }


def render(story: Story, settings: Settings, facts: dict[str, Any]) -> str:
    """Return the page: everything is escaped, and the policy in its head lets no script run."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, **BRACKETS
    )
    environment.filters["number"] = number
    return environment.from_string(PAGE.read_text("utf-8")).render(
        project=settings.project,
        gate=settings.gate,
        facts=facts,
        longest=max((step["seconds"] for step in facts["steps"]), default=1) or 1,
        now=datetime.now(UTC),
        **{name: story.facts.get(name) for name in ("validation", "evaluation", "model_report")},
    )


def number(value: Any) -> str:
    """Show a number that may be missing."""
    return f"{value:.4f}" if isinstance(value, float) else "–" if value is None else f"{value:,}"


def markdown(facts: dict[str, Any], settings: Settings) -> str:
    """Return the job summary: a table of the steps, which a screen reader can read."""
    lines = [f"## {_cell(settings.project.name)}: {facts['verb']} {facts['verdict']}", ""]
    lines += ["```", *facts["error"]["lines"], "```", ""] if facts["error"] else []
    lines += ["| step | verdict | time | |", "| --- | --- | ---: | --- |"]
    for step in facts["steps"]:
        lines.append(
            f"| {step['name']} | {step['verdict']} | {step['seconds']:.1f} s | {_cell(step['note'])} |"
        )
    return "\n".join([*lines, "", ""])


def _cell(text: str) -> str:
    """Return text that stays in its table cell and is no markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.split())


def _replace(path: Path, text: str) -> None:
    """Write a file in one go: a reader never sees half of it."""
    half = path.with_suffix(path.suffix + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
