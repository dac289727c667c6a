"""What the verbs of one workflow run have said, each in its own job: kept on S3 for the job that comes last.

Outputs of jobs would not do: those of a reusable workflow that failed are not promised to its caller.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipelines import errors
from pipelines.aws import Aws

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
            aws.write_bytes(uri, json.dumps(facts).encode())
    except (ClientError, BotoCoreError) as error:
        return f"this verb's story is not on S3: {errors.code(error) or type(error).__name__}"
    return ""


def read(aws: Aws, bucket: str, environ: Mapping[str, str] = os.environ) -> dict[str, dict[str, Any]]:
    """Return by verb what this run's verbs have said so far."""
    found = {}
    for verb in VERBS:
        uri = address(bucket, verb, environ)
        try:
            if uri:
                found[verb] = aws.read_json(uri)
        except ClientError as error:
            if not errors.missing(error):
                raise
    return found


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
