"""What release.json holds: one release's whole story, of which the package keeps the sha256.

Nothing in it depends on who writes it or when: where two runners complete one package, both write the same.
"""

from __future__ import annotations

import json
import os
from typing import Any

from sagemaker_gitops import jobs, pins
from sagemaker_gitops.github.outcome import Work
from sagemaker_gitops.registry import Package
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Tree


def tell(
    run: Run, work: Tree, left: Results, steps: list[dict[str, Any]], package: Package, **more: Any
) -> dict[str, Any]:
    """Return the story of what an execution has registered; `more` is what only its caller knows."""
    versions = more.pop("versions")
    return {
        "schema_version": 1,
        **work.ids.__dict__,
        "project": {"name": run.settings.project.name, "description": run.settings.project.description},
        "settings": work.settings.steering(),
        "pins": pins.of_tree(work.root),
        "data": {"lock": json.loads(work.lock.text), "versions": versions},
        "repository": run.stack.repository,
        "jobs": jobs.arns(steps),
        **judged(left.evaluation, work.settings.gate.metric),
        "evaluation_sha256": left.evaluation_sha256,
        "package": package.arn,
        "model_data": package.model_data,
        "registered_at": package.created,
        **more,
    }


def judged(evaluation: dict[str, Any], metric: str) -> dict[str, Any]:
    """Return what evaluation found: metrics beside the champion's, the verdict, hashes. No slice's value."""
    metrics, champion = evaluation["candidate"]["metrics"], evaluation.get("champion") or {}
    return {
        "tracking": evaluation.get("tracking") or {},
        "task": evaluation.get("task", ""),
        "rows": evaluation.get("rows", 0),
        "metrics": metrics,
        "champion": champion.get("package"),
        "champion_metrics": champion.get("metrics") or {},
        "difference": evaluation.get("difference") or {},
        "gate": {"metric": metric, "value": metrics[metric]["value"], "verdict": evaluation["verdict"]},
        "artifact": evaluation["artifact"],
    }


def by(run: Run) -> dict[str, str]:
    """Return who registers a release: the caller as AWS knows it, and the workflow run where there is one."""
    job = Work.of(os.environ)
    return {"registered_by": run.aws.caller, "registered_run": job.url if job.id else ""}
