"""What an execution's jobs left on S3: read once, noted beside the steps, kept for registry and report."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pipelines import names
from pipelines.aws import Aws


class Results:
    """The reports of one execution. Each is read when it is asked for, and only once."""

    def __init__(self, aws: Aws, bucket: str, release_id: str, execution_id: str) -> None:
        self.aws, self.root = aws, names.execution_prefix(bucket, release_id, execution_id)

    @property
    def validation_uri(self) -> str:
        """Where the data's verdict lies."""
        return f"{self.root}/validate/report/validation.json"

    @property
    def evaluation_uri(self) -> str:
        """Where the model's verdict lies."""
        return f"{self.root}/evaluate/evaluation/evaluation.json"

    @cached_property
    def validation(self) -> dict[str, Any]:
        """The data's verdict, each expectation, counts."""
        return self.aws.read_json(self.validation_uri)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """Metrics of candidate and champion, the gate's verdict."""
        return self.aws.read_json(self.evaluation_uri)

    def of(self, step: str) -> tuple[str, str]:
        """Return (verdict, note) of a step that has finished; an empty note for a step without a report."""
        if step == "Validate":
            checks = self.validation["expectations"]
            passed = sum(check["success"] for check in checks)
            note = f"{passed} of {len(checks)} expectations, {self.validation['rows']:,} rows"
            return _verdict(self.validation), note
        if step == "Evaluate":
            name, metric = next(iter(self.evaluation["candidate"]["metrics"].items()))
            low, value, high = (_short(metric[key]) for key in ("low", "value", "high"))
            return "done", f"{name} {value} ({low} to {high}), {metric['n']:,} rows held out"
        if step == "Gate":
            verdict = self.evaluation["verdict"]
            first = (
                "absolute bar, first release" if verdict["first_release"] else "no worse than the champion"
            )
            return _verdict(self.evaluation), first if verdict["accepted"] else verdict["reasons"][0]
        return "done", ""

    def facts(self) -> dict[str, Any]:
        """Return what the report shows: the verdicts that were read, and the model's own page."""
        facts = {name: self.__dict__[name] for name in ("validation", "evaluation") if name in self.__dict__}
        if "evaluation" in facts:
            page = f"{self.root}/evaluate/evaluation/model_report.html"
            facts["model_report"] = self.aws.read_bytes(page).decode()
        return facts


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _verdict(report: dict[str, Any]) -> str:
    return "done" if report["verdict"]["accepted"] else "refused"
