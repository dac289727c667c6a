"""What the drill shows: one row for each scene, totals, and the same as JSON and as one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from rich.table import Table
from rich.text import Text
from sagemaker_gitops.report import BRACKETS

from tests.drill.load import Tally
from tests.drill.scenes import Row
from tests.drill.troubles import TROUBLES

COLUMNS = (
    "", "release", "preset", "staging", "verdict", "found by", "found in", "asked", "failed", "retried",
    "wrong", "later", "serves",
)  # fmt: skip
RIGHT = {"found in", "asked", "failed", "retried", "wrong", "later"}
NOTHING = "Nothing was shown: no broken kind and no trouble was played."
NOTES = (
    "staging: what staging said; the drill goes on to production all the same, as if staging had missed it",
    "found in: from the new fleet's first traffic to the turn, in seconds as AWS waits them; where it never "
    "had traffic: *real seconds from UpdateEndpoint, since containers start at their own speed",
    "asked: requests of the client during the rollout; failed: of them, with SageMaker as it is; "
    "retried: of these, those that failed with the README's client as well",
    "wrong: answered with status 200 and not with what that release is known to answer",
    "later: requests that failed or were wrong once the verdict was there; serves: production in the end",
)


@dataclass(frozen=True)
class Remarks:
    """What else has to be known of a drill."""

    unreachable: str | None = None  # the alarm that cannot ring
    left_out: Sequence[str] = ()  # kinds that this model cannot be broken in


def cells(row: Row) -> list[str]:
    """Return a row as text."""
    after = row.after.failed_as_is + row.after.wrong
    numbers = [row.during.requests, row.during.failed_as_is, row.during.failed, row.during.wrong, after]
    return [
        "✓" if row.ok else "✗", row.name, row.preset, row.staging.removeprefix("refused "), row.verdict,
        row.found_by,
        found_after(row), *map(str, numbers), row.live,
    ]  # fmt: skip


def found_after(row: Row) -> str:
    """Return how long it took to find a release out: AWS's seconds, or real ones with a star."""
    if row.starting is not None:
        return f"{row.starting:.1f} s*"
    return "" if row.detected is None else f"{row.detected:.0f} s"


def totals(rows: list[Row]) -> dict[str, Any]:
    """Add up what the drill is judged by."""
    during, after = sum((row.during for row in rows), Tally()), sum((row.after for row in rows), Tally())
    bad, good = [row for row in rows if row.bad], [row for row in rows if not row.bad]
    return {
        "bad": len(bad),
        "bad_stopped": sum(row.verdict != "promoted" and row.ok for row in bad),
        "good": len(good),
        "good_right": sum(row.ok for row in good),
        "false_greens": sum(row.verdict == "promoted" and row.expected != "promoted" for row in rows),
        "during": asdict(during),
        "after": asdict(after),
    }


def sentences(sums: dict[str, Any]) -> list[str]:
    """Return the totals in words."""
    during, after = sums["during"], sums["after"]
    return [
        f"{sums['bad_stopped']} of {sums['bad']} broken releases stopped, {sums['good_right']} of "
        f"{sums['good']} others as they had to be, {sums['false_greens']} false greens",
        f"during rollouts {during['requests']:,} requests: SageMaker as it is {during['failed_as_is']} "
        f"failed, with the retrying client {during['failed']}; {during['wrong']} wrong answers",
        f"after rollouts {after['requests']:,} requests: {after['failed_as_is']} failed, "
        f"{after['wrong']} wrong",
    ]


def rich_table(rows: list[Row]) -> Table:
    """Return the rows for a terminal."""
    shown = Table(box=None, padding=(0, 1), header_style="bold")
    for name in COLUMNS:
        shown.add_column(name, justify="right" if name in RIGHT else "left", overflow="fold")
    for row in rows:
        mark, *others = cells(row)
        shown.add_row(Text(mark, "green" if row.ok else "red"), *map(Text, others))
    return shown


def handicap(unreachable: str | None) -> str:
    """Return the sentence that says which alarm was made unable to ring; empty where none was."""
    if not unreachable:
        return ""
    why = "what it alone finds must get through and turn this red"
    return f"The alarm -{unreachable} was made unable to ring: {why}."


def omitted(left_out: Sequence[str]) -> str:
    """Return the sentence that names the kinds which were not played; empty where all were."""
    return (
        f"left out: {', '.join(left_out)} (this model has nothing to break in that way)" if left_out else ""
    )


def write(rows: list[Row], seconds: float, project: str, folder: Path, remarks: Remarks) -> Path:
    """Write drill.json and drill.html; return the page's path."""
    sums = totals(rows)
    facts = {
        "schema_version": 1, "verdict": "passed" if passed(rows) else "failed", "seconds": round(seconds, 1),
        "unreachable": remarks.unreachable, "left_out": list(remarks.left_out), "totals": sums,
        "rows": [row.as_json() for row in rows],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drill.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, **BRACKETS
    )
    page = environment.from_string(Path(__file__).with_name("drill.html").read_text("utf-8")).render(
        project=project, rows=[(row, cells(row)) for row in rows], columns=COLUMNS, right=RIGHT, notes=NOTES,
        sentences=sentences(sums), passed=passed(rows), seconds=seconds, now=datetime.now(UTC),
        handicap=handicap(remarks.unreachable), omitted=omitted(remarks.left_out),
        nothing="" if shows_any(rows) else NOTHING,
    )  # fmt: skip
    path = folder / "drill.html"
    path.write_text(page, encoding="utf-8")
    return path


def passed(rows: list[Row]) -> bool:
    """Whether every scene was as it had to be, and not all of them plain good releases."""
    return shows_any(rows) and all(row.ok for row in rows)


def shows_any(rows: list[Row]) -> bool:
    """Whether a broken kind or a trouble was played."""
    return any(row.bad or row.name in {trouble.name for trouble in TROUBLES} for row in rows)
