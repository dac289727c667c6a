"""What an execution's jobs left on S3: told beside the steps, or as the refusal that it means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sagemaker_gitops import names, report
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import DataRefused, DeployFailed, MLOpsError, ModelRefused
from sagemaker_gitops.story import counted

NAMED = 4  # warnings in a step's note


class Results:
    """The reports of one execution. Each is read when it is asked for, and only once."""

    def __init__(self, aws: Aws, bucket: str, release_id: str, execution_id: str) -> None:
        root = f"{names.release_prefix(bucket, release_id)}/{execution_id}"
        self.aws, self.validation_uri = aws, f"{root}/validate/report/validation.json"
        self.folder = f"{root}/evaluate/evaluation"
        self.evaluation_uri = f"{self.folder}/evaluation.json"

    @cached_property
    def validation(self) -> dict[str, Any]:
        """The data's verdict, each expectation, counts."""
        return self.aws.read_json(self.validation_uri)

    @cached_property
    def _evaluation_bytes(self) -> bytes:
        return self.aws.read_bytes(self.evaluation_uri)

    @property
    def evaluation_sha256(self) -> str:
        """The sha256 of evaluation.json as it was read, in hex."""
        return hashlib.sha256(self._evaluation_bytes).hexdigest()

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """Metrics of candidate and champion, the gate's verdict."""
        return json.loads(self._evaluation_bytes)

    @property
    def metric(self) -> str:
        """The metric that the gate has judged by; the first one where none of its rules has a metric."""
        metrics, rules = self.evaluation["candidate"]["metrics"], self.evaluation["verdict"]["rules"]
        return next((rule["metric"] for rule in rules if rule["metric"] in metrics), "") or next(
            iter(metrics)
        )

    def of(self, step: str) -> tuple[str, str]:
        """Return (verdict, note) of a step that has finished; an empty note for a step without a report."""
        if step == "Validate":
            checks = self.validation["expectations"]
            passed, unjudged = sum(check["success"] for check in checks), self.validation.get("not_judged", 0)
            note = f"{passed} of {len(checks) + unjudged} expectations, {self.validation['rows']:,} rows"
            note += f"; {unjudged} not judged" if unjudged else ""
            note += warned(self.validation["verdict"].get("warnings", []))
            return _verdict(self.validation), note
        if step == "Evaluate":
            name = self.metric
            metric = self.evaluation["candidate"]["metrics"][name]
            low, value, high = (_short(metric[key]) for key in ("low", "value", "high"))
            return "done", f"{name} {value} ({low} to {high}), {metric['n']:,} rows held out"
        if step == "Gate":
            verdict = self.evaluation["verdict"]
            note = _passed(verdict) if verdict["accepted"] else verdict["reasons"][0]
            return _verdict(self.evaluation), note
        return "done", ""

    def facts(self) -> dict[str, Any]:
        """Return what the report shows: the verdicts that were read, and the model's own page."""
        facts = {name: self.__dict__[name] for name in ("validation", "evaluation") if name in self.__dict__}
        if "evaluation" in facts:
            facts["model_report"] = self.aws.read_bytes(f"{self.folder}/model_report.html").decode()
        return facts

    def golden(self) -> dict[str, Any]:
        """Return the requests recorded with the model's answers; raise DeployFailed E402 for other ones."""
        uri = f"{self.folder}/golden.json"
        body = self.aws.read_bytes(uri)
        sha256 = hashlib.sha256(body).hexdigest()
        wanted = self.evaluation["artifact"]["files"].get("golden.json", "nothing")
        if sha256 != wanted:  # they would prove something else, or nothing
            raise DeployFailed(f"""E402 the golden requests are not the ones that evaluation recorded
                {uri}
                sha256 {sha256[:12]}, recorded was {wanted[:12]}
                find out who changed the object: S3 keeps its earlier version; then release again""")
        return json.loads(body)

    def refused(self, fail_step: str) -> MLOpsError:
        """Return the error for a refusal, with the reasons of the report that the execution left."""
        if fail_step == "RefuseData":
            return data_refused(self.validation["verdict"]["reasons"], self.validation_uri)
        return model_refused(self.evaluation["verdict"], self.evaluation_uri)


def warned(warnings: list[dict[str, Any]]) -> str:
    """Return which rules want to be looked at and refused nothing, by code and column."""
    named = ", ".join(f"{each['code']} {each['column'] or each['rule']}" for each in warnings[:NAMED])
    more = f" and {len(warnings) - NAMED} more" if warnings[NAMED:] else ""
    return f"; {len(warnings)} to look at: {named}{more}" if warnings else ""


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _verdict(report: dict[str, Any]) -> str:
    return "done" if report["verdict"]["accepted"] else "refused"


def _passed(verdict: dict[str, Any]) -> str:
    """Return what a model was measured by that the gate has accepted."""
    if waived := verdict.get("waived"):
        return f"absolute bar alone, {waived}"
    first = verdict["first_release"]
    return "absolute bar, first release" if first else "not clearly worse than the champion"


def data_refused(reasons: list[dict[str, Any]], uri: str) -> DataRefused:
    """Return the refusal of data: first reason in full, others by code and column. Keys and counts only."""
    first, *others = reasons
    return DataRefused(f"""{first["code"]} data refused: {" ".join(first["message"].split())}
        {uri}{_here("validation.json")}
        {rules_broken(first, others)}
        correct the data and its lock, or the rule in data_checks/suite.py; nothing was trained""")


def rules_broken(first: dict[str, Any], others: Sequence[dict[str, Any]]) -> str:
    """Return the first reason's rule, how many rows and the first of them; the others by code and column."""
    count, keys = first["count"], ", ".join(str(key) for key in first.get("row_keys", []))
    why = f"rule {first['rule']}" + (f", {counted(count, 'row')}" if count else "")
    why += f", the first: {keys}" if keys else ""
    if others:
        named = ", ".join(f"{other['code']} {other['column'] or other['rule']}" for other in others[:8])
        why += f"; and {len(others)} more: {named}"
    return why


def model_refused(verdict: dict[str, Any], uri: str) -> ModelRefused:
    """Return the refusal of a model: E302 where a metric is missing, else E301."""
    failed = [rule for rule in verdict.get("rules", []) if not rule["passed"]]
    code = "E302" if any(rule.get("value") is None for rule in failed) else "E301"
    first, *others = verdict["reasons"] or ["no reason given"]
    champion = "" if verdict.get("first_release") else ", the champion serves"
    more = f" And {len(others) - 1} more in that report." if others[1:] else ""
    kept = f"nothing was registered{champion}"
    todo = f"change model or data, or [gate] in mlops.toml; {kept}"
    if line := verdict.get("waiver_line"):
        todo = f"""{kept}; bring back what the champion needs, or let the absolute bar alone decide: write
            what follows below [gate] in mlops.toml, as its only waiver, run
            python -m pipelines definition --write and have both reviewed: {line}"""
        todo = " ".join(todo.split())
    return ModelRefused(f"""{code} model refused: {" ".join(first.split())}
        {uri}{_here("evaluation.json")}
        {others[0] + more if others else "that is the only reason"}
        {todo}""")


def _here(name: str) -> str:
    """Return where the verb lays a report's copy: an emulator's S3 may be gone when somebody reads this."""
    return f"; here: {report.BUILD / name}"
