"""A release that has no package: refused, failed, under way, or its package is gone. It changes nothing.

In:   a release's id or its beginning, as explain.py takes it
Out:  its part of explain.py's document: ids, steps, verdicts and what stopped it, as far as the release came
"""

from __future__ import annotations

from typing import Any

from sagemaker_gitops import execution, jobs, lineage, names, registry
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import MLOpsError
from sagemaker_gitops.execution import OVER, Execution
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run

IDS = {
    "release_id": "ReleaseId",
    "code_id": "CodeId",
    "snapshot_id": "SnapshotId",
    "commit_sha": "CommitSha",
}  # as an execution's parameters name them
ENDS = {"Failed": "failed", "Stopped": "was stopped", "CompletedWithFailures": "ended with failures"}
Document = dict[str, Any]


def tell(run: Run, wanted: str) -> Document:
    """Return what became of a release by its last execution; empty where none is of it."""
    known = execution.executions(run.aws, run.project)
    listed = [item for item in known if names.of_display(item.display).startswith(names.short(wanted))]
    given = execution.given(run.aws, listed[0].arn) if listed else {}
    if not given.get("ReleaseId", "").startswith(wanted):
        return {}
    ids, last = {key: given.get(name, "") for key, name in IDS.items()}, listed[0]
    results = Results(run.aws, run.stack.bucket, ids["release_id"], last.id)
    steps = execution.steps(run.aws, last.arn)
    stopped = what_stopped(run, last, results, steps)
    return {
        "package": None,
        "ids": ids,
        "became": became(last, stopped, steps),
        "stopped": stopped.lines() if stopped else [],
        "execution": last.arn,
        "attempts": len(listed),
        "jobs": jobs.arns(steps),
        **left(run, ids["release_id"], results, steps),
    }


def line(run: Run, newest: Execution) -> list[str]:
    """Return how an execution ended that made no version of its release, and the next command, in a line."""
    release = names.of_display(newest.display)
    if newest.status not in ENDS or not release or registry.find(run.aws, run.stack.group, release):
        return []
    steps = execution.steps(run.aws, newest.arn)
    broke = next((f" in {step['StepName']}" for step in steps if step["StepStatus"] in ENDS), "")
    refusal = execution.refusal(steps)
    told = f"was refused ({refusal['StepName']})" if refusal else ENDS[newest.status] + broke
    return [f"release {release} {told}; look: python -m pipelines explain {release}"]


def what_stopped(
    run: Run, last: Execution, results: Results, steps: list[dict[str, Any]]
) -> MLOpsError | None:
    """Return the error that its verb ended with; None while it runs, or where the report of it is gone."""
    if last.status not in OVER or last.status == "Succeeded":
        return None
    if fail := execution.refusal(steps):
        return found(lambda: results.refused(fail["StepName"]))
    told = run.aws.sagemaker.describe_pipeline_execution(PipelineExecutionArn=last.arn)
    return jobs.failure(run.aws, last.arn, told, steps)


def became(last: Execution, stopped: MLOpsError | None, steps: list[dict[str, Any]]) -> dict[str, str]:
    """Return what became of it: a word for machines, and a sentence. Pure."""
    if last.status not in OVER:
        return {"is": "runs", "sentence": f"not registered yet: execution {last.id} runs"}
    made = [step["Metadata"] for step in steps if "RegisterModel" in step.get("Metadata", {})]
    if made:  # somebody has deleted it since
        arn = made[0]["RegisterModel"]["Arn"]
        told = (
            f"was registered as version {names.package_version(arn)}, which is gone from the registry: {arn}"
        )
        return {"is": "gone", "sentence": told}
    if stopped is None:
        told = f"never registered: execution {last.id} ended as {last.status}"
        return {"is": "not registered", "sentence": told}
    return {"is": stopped.verdict, "sentence": f"never registered: {stopped.code} {stopped.what}"}


def left(run: Run, release_id: str, results: Results, steps: list[dict[str, Any]]) -> Document:
    """Return what the jobs that have succeeded left, and where it lies; what is gone is left out."""
    ended = {step["StepName"] for step in steps if step["StepStatus"] == "Succeeded"}
    lock = f"{names.release_prefix(run.stack.bucket, release_id)}/lock/data.lock"
    told: Document = {"documents": {"data.lock": lock}, "lock": found(run.aws.read_json, uri=lock)}
    if "Validate" in ended and (note := found(lambda: results.of("Validate")[1])):
        told["data checks"] = note
        told["documents"]["data checks"] = results.validation_uri
    if "Evaluate" in ended and (judged := found(lambda: lineage.judged(results.evaluation, results.metric))):
        told["judged"] = judged
        told["documents"] |= {
            "evaluation": results.evaluation_uri,
            "model report": f"{results.folder}/model_report.html",
        }
    return told
