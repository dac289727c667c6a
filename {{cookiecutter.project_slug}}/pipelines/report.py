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


def write(
    story: Story, settings: Settings, verb: str, error: BaseException | None, folder: Path = BUILD
) -> Path:
    """Write the page, its facts as JSON and the summary; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = outcome(story, verb, error)
    _replace(folder / f"{verb}.json", json.dumps(facts, indent=2) + "\n")
    page = folder / "report.html"
    _replace(page, render(story, settings, facts))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(markdown(facts, settings))
    return page


def outcome(story: Story, verb: str, error: BaseException | None) -> dict[str, Any]:
    """Return how a verb ended, for machines: steps, seconds, verdicts, ids."""
    known = error if isinstance(error, MLOpsError) else None
    verdict = "done" if error is None else known.verdict if known else "stopped"
    return {
        "schema_version": 1,
        "verb": verb,
        "verdict": verdict,
        "error": {"code": known.code, "lines": known.lines()} if known else None,
        "seconds": round(story.seconds(), 3),
        "steps": story.as_json(),
        "ids": story.facts.get("ids"),
        "package": story.facts.get("package"),
        "execution": story.facts.get("execution"),
        "request": story.facts.get("request"),
    }


def render(story: Story, settings: Settings, facts: dict[str, Any]) -> str:
    """Return the page: everything is escaped, and the policy in its head lets no script run."""
    # Brackets instead of braces: the repository is itself made by a template that reads braces.
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    environment.filters["number"] = number
    longest = max((step["seconds"] for step in facts["steps"]), default=1) or 1
    return environment.from_string(PAGE.read_text("utf-8")).render(
        project=settings.project,
        facts=facts,
        longest=longest,
        now=datetime.now(UTC),
        validation=story.facts.get("validation"),
        evaluation=story.facts.get("evaluation"),
        model_report=story.facts.get("model_report"),
        gate=settings.gate,
    )


def number(value: Any) -> str:
    """Show a number that may be missing."""
    return f"{value:.4f}" if isinstance(value, float) else "–" if value is None else f"{value:,}"


def markdown(facts: dict[str, Any], settings: Settings) -> str:
    """Return the job summary: a table of the steps, which a screen reader can read."""
    rows = [
        f"| {step['name']} | {step['verdict']} | {step['seconds']:.1f} s | {_cell(step['note'])} |"
        for step in facts["steps"]
    ]
    error = facts["error"]
    lines = [f"## {_cell(settings.project.name)}: {facts['verb']} {facts['verdict']}", ""]
    lines += ["```", *error["lines"], "```", ""] if error else []
    return "\n".join([*lines, "| step | verdict | time | |", "| --- | --- | ---: | --- |", *rows, "", ""])


def _cell(text: str) -> str:
    """Return text that stays in its table cell and is no markup."""
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return " ".join(escaped.split())


def _replace(path: Path, text: str) -> None:
    """Write a file in one go: a reader never sees half of it."""
    half = path.with_suffix(path.suffix + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
