"""validation.json: the verdict and how it came about. Names, counts and row keys, never a value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_checks import intake, rules, split
from data_checks.contract import Expectation, Outcome, Reason
from data_checks.reference import Reference

SCHEMA_VERSION = 1


@dataclass
class Report:
    """What is known so far; the data is accepted while nothing critical speaks against it."""

    rows: int = 0
    types: Mapping[str, str] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(split.NAMES, 0))
    positives: dict[str, int] | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    champion: dict[str, str] | None = None  # what drift was measured against
    expected: int = 0  # rules that there are: what is refused early leaves some of them unjudged

    @property
    def accepted(self) -> bool:
        """Silence means yes."""
        return not self.reasons

    def note_intake(self, taken: intake.Intake) -> None:
        """Note what the files themselves say."""
        self.rows, self.types = taken.rows, taken.types
        self.reasons += taken.reasons
        for rule in intake.RULES[: 3 if taken.types else 1]:  # unread files say nothing about columns
            count = sum(reason.rule == rule for reason in taken.reasons)
            self.outcomes.append(Outcome(Expectation(rule), not count, count))

    def note(self, outcomes: Iterable[Outcome]) -> None:
        """Note how rules went; a broken critical one refuses the data."""
        for outcome in outcomes:
            self.outcomes.append(outcome)
            if not outcome.success:
                critical = outcome.rule.severity == "critical"
                (self.reasons if critical else self.warnings).append(rules.reason(outcome))

    def compared_with(self, champion: Reference | None) -> None:
        """Note whose training rows the data was compared with."""
        if champion:
            self.champion = {"package": champion.package, "release_id": champion.release_id}

    def unmeasured(self, why: str) -> None:
        """Warn that drift was not measured."""
        rule, told = Expectation("no_drift"), f"Nobody knows whether the data moved: {why}."
        self.warnings.append(Reason(rule.code, rule.column, rule.rule, 0, (), told))

    def refuse_files(self, keys: Sequence[str]) -> None:
        """Note files that broke off while they were read."""
        self.reasons += [intake.bad_file(key, "cannot be read to its end") for key in keys]

    def content(self) -> dict[str, Any]:
        """Return what validation.json holds."""
        return {
            "schema_version": SCHEMA_VERSION,
            "verdict": {
                "accepted": self.accepted,
                "reasons": [asdict(reason) for reason in self.reasons],
                "warnings": [asdict(reason) for reason in self.warnings],
            },
            "rows": self.rows,
            "columns": [{"name": name, "type": kind} for name, kind in self.types.items()],
            "splits": self.splits,
            "positives": self.positives,
            "compared_with": self.champion,
            "expectations": [
                {
                    "rule": outcome.rule.rule,
                    "column": outcome.rule.column,
                    "success": outcome.success,
                    "unexpected_count": outcome.count,
                    "severity": outcome.rule.severity,
                }
                | ({} if outcome.measured is None else {"measured": round(outcome.measured, 6)})
                for outcome in self.outcomes
            ],
            "not_judged": max(0, self.expected - len(self.outcomes)),
        }

    def write(self, path: Path) -> None:
        """Write validation.json."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.content(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
