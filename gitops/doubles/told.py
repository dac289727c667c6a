"""Makers: release.json of a whole release, and an S3 and a registry that hold it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from doubles.aws import ARCHIVE, GROUP, RELEASE, STACK, Bucket, Client, packages

COMMIT, EXECUTION = "f" * 40, "exec1"
ROOT = f"releases/{RELEASE}"
EVALUATION = b'{"slices": [{"column": "sex", "value": "a value of the data"}]}'
AT = datetime(2026, 11, 23, 15, 40, tzinfo=UTC)
ENTRY = {"value": 0.92, "low": 0.91, "high": 0.93, "n": 4949}
JOB = "arn:aws:sagemaker:eu-west-1:123456789012"
FILE = {"key": "batch=1/part-0.parquet", "size": 7, "sha256": "7f" * 32, "rows": 9, "version_id": None}


def make_story(**changes: Any) -> dict[str, Any]:
    """Return release.json as lineage.py tells it."""
    return {
        "schema_version": 1,
        "release_id": RELEASE,
        "code_id": "c0" * 32,
        "snapshot_id": "da" * 32,
        "commit_sha": COMMIT,
        "project": {"name": "Income", "description": "Who earns more than 50,000 dollars"},
        "settings": {"data": {"label": "income", "slices_only": ["sex"]}, "training": {"epochs": 12}},
        "pins": {
            "jobs": {
                "file": "requirements/jobs.txt",
                "sha256": "1a" * 32,
                "packages": {"torch": "2.13.0"},
            },
            "serve": {},
        },
        "data": {
            "lock": {"prefix": "data/adult", "key": "row_id", "rows": 9, "files": [FILE]},
            "versions": {FILE["key"]: "v-one"},
        },
        "repository": STACK.repository,
        "images": {"jobs": f"sha256:{'2b' * 32}", "serve": f"sha256:{'3c' * 32}"},
        "jobs": {"Train": f"{JOB}:training-job/train-1", "Evaluate": f"{JOB}:processing-job/evaluate-1"},
        "tracking": {"state": "done", "uri": "sqlite:///runs.db", "experiment": "income", "run": "4d" * 16},
        "task": "binary",
        "rows": 4949,
        "metrics": {"auc": ENTRY},
        "champion": f"{GROUP}/1",
        "champion_metrics": {"auc": ENTRY | {"value": 0.9}},
        "difference": {"auc": {"value": 0.02, "low": -0.01, "high": 0.03, "n": 4949}},
        "gate": {
            "metric": "auc",
            "value": 0.92,
            "verdict": {"accepted": True, "first_release": False, "reasons": ["auc is 0.9200."]},
        },
        "artifact": {"sha256": hashlib.sha256(ARCHIVE).hexdigest(), "files": {"model.onnx": "5e" * 32}},
        "evaluation_sha256": hashlib.sha256(EVALUATION).hexdigest(),
        "package": f"{GROUP}/2",
        "model_data": "s3://bucket/2.tar.gz",
        "registered_at": AT.isoformat(),
        "execution": f"{JOB}:pipeline/income-model/execution/{EXECUTION}",
        "uri": f"s3://bucket/{ROOT}/release.json",
    } | changes


def registered(approval: str = "Approved", serving: int | None = 2, **metadata: str) -> tuple[Client, Bucket]:
    """Return registry and bucket with two versions; the second is the whole release of make_story."""
    story = make_story()
    body = json.dumps(story).encode()
    client = packages("Approved", approval, serving=serving, production="proven")
    known = client.answers["describe_model_package"]
    facts = {
        "release_id": RELEASE,
        "execution_id": EXECUTION,
        "code_id": story["code_id"],
        "snapshot_id": story["snapshot_id"],
        "commit_sha": COMMIT,
        "story_uri": story["uri"],
        "story_sha256": hashlib.sha256(body).hexdigest(),
        "evaluation_sha256": story["evaluation_sha256"],
        "artifact_sha256": story["artifact"]["sha256"],
        "image_serve": story["images"]["serve"],
        "served_at": "2026-11-23T16:00:00+00:00",
        "judged_by": "arn:aws:sts::123456789012:assumed-role/income-model-eu-west-1-deploy/a-job",
        "judged_at": "2026-11-23T15:50:00+00:00",
    } | metadata

    def describe(ModelPackageName: str) -> object:
        told = known(ModelPackageName)
        if ModelPackageName.endswith("/2"):
            told["CustomerMetadataProperties"] |= facts
            told |= {"CreationTime": AT, "ApprovalDescription": "proven on staging, the gate decides"}
        return told

    client.answers["describe_model_package"] = describe
    objects = {
        f"{ROOT}/release.json": body,
        f"{ROOT}/{EXECUTION}/evaluate/evaluation/evaluation.json": EVALUATION,
        "2.tar.gz": ARCHIVE,
    }
    return client, Bucket(objects)


def pushed(digest: str = make_story()["images"]["serve"]) -> Client:
    """Return an ECR where every tag is this digest."""
    return Client(describe_images={"imageDetails": [{"imageDigest": digest}]})
