"""What the verbs of one workflow run have said, each in its own job: kept on S3 for the job that comes last.

Outputs of jobs would not do: those of a reusable workflow that failed are not promised to its caller.
Nothing is deleted, no role may: what an outcome has told of already is told apart by its time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from sagemaker_gitops import errors
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.github.needs import read as jobs

# The job that runs each verb; staging and production are one to whoever calls deploy.yml.
JOBS = {
    "image": "image",
    "pipeline": "pipeline",
    "stage": "deploy",
    "promote": "deploy",
    "rollback": "rollback",
}
VERBS = tuple(JOBS)


def address(bucket: str, verb: str, environ: Mapping[str, str]) -> str | None:
    """Return where a verb's story of this run and attempt lies, or None outside of a workflow run."""
    run, commit = environ.get("GITHUB_RUN_ID"), environ.get("GITHUB_SHA")
    if not run or not commit or verb not in VERBS:
        return None
    return f"s3://{bucket}/outcomes/{commit}/{run}-{environ.get('GITHUB_RUN_ATTEMPT', '1')}/{verb}.json"


def leave(
    aws: Aws, bucket: str, verb: str, facts: dict[str, Any], environ: Mapping[str, str] = os.environ
) -> str:
    """Write a verb's story; return why that failed, or nothing: it must not hide how the verb ended."""
    uri = address(bucket, verb, environ)
    try:
        if uri:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            aws.write_bytes(uri, json.dumps(facts | {"at": at}).encode())
    except errors.TROUBLE as error:
        return f"this verb's story is not on S3: {errors.code(error) or type(error).__name__}"
    return ""


def read(
    aws: Aws, bucket: str, environ: Mapping[str, str] = os.environ, since: str = ""
) -> dict[str, dict[str, Any]]:
    """Return by verb what this run's verbs have said so far, later than `since` where it is given.

    Of earlier attempts only what went well: GitHub runs a job that succeeded no second time, unless all jobs
    are run again. A rollback that did, and has not succeeded, is told by its own story or by none.
    """
    now = int(environ.get("GITHUB_RUN_ATTEMPT", "1"))
    told: dict[str, dict[str, Any]] = {}
    kept = set(VERBS)
    if not any(job.name == "rollback" and job.result == "success" for job in jobs(environ.get("NEEDS", ""))):
        kept.remove("rollback")
    for attempt in range(now, 0, -1):
        for verb in VERBS:
            story = _one(aws, address(bucket, verb, {**environ, "GITHUB_RUN_ATTEMPT": str(attempt)}))
            new = bool(story) and (not since or story.get("at", "") > since)
            if story and new and (attempt == now or (verb in kept and story.get("verdict") == "done")):
                told.setdefault(verb, story)
    return told


def _one(aws: Aws, uri: str | None) -> dict[str, Any] | None:
    try:
        return aws.read_json(uri) if uri else None
    except ClientError as error:
        if not errors.missing(error):
            raise
    return None


def joined(needs: str, told: Mapping[str, dict[str, Any]]) -> str:
    """Return GitHub's toJSON(needs) with each verb's story among the outputs of its job."""
    try:
        jobs = json.loads(needs)
    except ValueError:
        jobs = {}
    for verb, story in told.items():
        job = jobs.setdefault(JOBS[verb], {"result": ""})
        job["outputs"] = {**(job.get("outputs") or {}), verb: json.dumps(story)}
    return json.dumps(jobs)
