"""build/report.html and the job summary: what happened, on one page that needs nothing else.

In:   the steps and facts of a story
Out:  build/report.html, build/<verb>.json; in GitHub a short table for $GITHUB_STEP_SUMMARY, and the facts
      that the run's outcome rests on as the output `story`
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.github.markup import table, text
from sagemaker_gitops.settings import Settings
from sagemaker_gitops.story import Story

BUILD = Path("build")
LEFT = ("evaluation.json", "validation.json")  # as the jobs wrote them, for the plan of a pull request
ON_THE_PAGE = ("registered", "validation", "evaluation", "model_report")  # beside what stands in the JSON
NOTE, LINE = 200, 1000  # characters: the stories of a run are one variable, and Linux takes 128 KiB
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
    for name in LEFT:
        if fact := story.facts.get(name.removesuffix(".json")):
            _replace(folder / name, json.dumps(fact, indent=2) + "\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.write(markdown(facts))
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as stream:
            stream.write(f"story={told(facts)}\n")
    _replace(page, render(story, settings, facts))
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
            for name in ("ids", "package", "taken_back", "execution", "request", "shadow", "rollouts")
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
        **{name: story.facts.get(name) for name in ON_THE_PAGE},
    )


def number(value: Any) -> str:
    """Show a number that may be missing."""
    return f"{value:.4f}" if isinstance(value, float) else "–" if value is None else f"{value:,}"


def markdown(facts: dict[str, Any]) -> str:
    """Return a job's part of the summary: its steps. What came of the release is told by its outcome."""
    code = f" ({facts['error']['code']})" if facts["error"] else ""
    rows = [
        (text(step["name"]), text(step["verdict"]), f"{step['seconds']:.1f} s", text(step["note"]))
        for step in facts["steps"]
    ]
    return (
        f"### {facts['verb']}: {facts['verdict']}{code}\n\n{table(['step', 'verdict', 'time', ''], rows)}\n\n"
    )


def told(facts: dict[str, Any]) -> str:
    """Return the facts as one line for the jobs that come after: short, all of them share one variable."""
    rollouts = [
        {"package": each.get("package"), "alarms": {"fired": _cut(each.get("alarms", {}).get("fired", {}))}}
        for each in facts["rollouts"] or ()
    ]
    steps = [step | {"note": step["note"][:NOTE]} for step in facts["steps"]]
    error = facts["error"] and facts["error"] | {"lines": [line[:LINE] for line in facts["error"]["lines"]]}
    short = facts | {"rollouts": rollouts, "steps": steps, "error": error, "request": None, "shadow": None}
    return json.dumps(short, separators=(",", ":"))


def _cut(fired: dict[str, str]) -> dict[str, str]:
    return {name: why[:NOTE] for name, why in list(fired.items())[:10]}


def _replace(path: Path, text: str) -> None:
    """Write a file in one go: a reader never sees half of it."""
    half = path.with_suffix(path.suffix + ".part")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
