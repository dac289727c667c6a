"""A release's story as the model card of its package: what Studio shows beside the version.

In:   release.json, as lineage.py tells it
Out:  ModelCard of UpdateModelPackage: JSON within AWS's limits; what does not fit is cut, never left to fail

AWS's "model package model card schema" is that of model cards, less what the package itself says:
docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema, and
sagemaker.core.shapes.model_card_shapes of AWS's SDK. Counts, keys and hashes only: a card is encrypted with a
key of ours only where CreateModelPackage was given one, and then all who may look at a package would need it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

STATUS = "PendingReview"  # of four: a machine wrote it, and no person has read it yet
SHORT, LINE, LONG, OBSERVED = 255, 1024, 2048, 2096  # characters that the schema allows, by kind of text
JOB_ARN, GROUP = 256, 63
FILES, PARAMETERS, METRICS = (
    15,
    50,
    20,
)  # entries of a list: within the schema's, and all in 100,000 characters
Document = dict[str, Any]


def request(story: Document) -> dict[str, str]:
    """Return the ModelCard of UpdateModelPackage. On one line: its pattern `.*` has no line break."""
    return {"ModelCardContent": json.dumps(card(story), ensure_ascii=False), "ModelCardStatus": STATUS}


def card(story: Document) -> Document:
    """Return the model card of a release, as the schema wants it."""
    project, data = story["project"], story["settings"]["data"]
    slices = ", ".join(data["slices_only"])
    factors = f"Metrics are compared in slices of {slices} too; the model never sees these columns."
    return {
        "model_overview": {
            "model_creator": cut(f"{project['name']}, commit {story['commit_sha']}", LINE),
            "model_artifact": [cut(story["model_data"], LINE)],
        },
        "intended_uses": {
            "purpose_of_model": cut(project["description"], LONG),
            "intended_uses": cut(f"It predicts {data['label']} ({story['task']}).", LONG),
            "factors_affecting_model_efficiency": cut(factors if slices else "No slices are compared.", LONG),
            "risk_rating": "Unknown",  # nobody has told: that is a person's to say
        },
        "training_details": training(story),
        "evaluation_details": [evaluation(story)],
        "additional_information": {
            "caveats_and_recommendations": cut(f"The whole story: {story['uri']}", LONG),
            "custom_details": {key: cut(text, LINE) for key, text in details(story).items()},
        },
    }


def training(story: Document) -> Document:
    """Return how it was trained: job, data, image, settings, and where the run is recorded."""
    asked = story["settings"].get("training", {})
    return {
        "training_observations": cut(recorded(story["tracking"]), LINE),
        "training_job_details": {
            "training_arn": cut(story["jobs"].get("Train", ""), LINE),
            "training_datasets": datasets(story),
            "training_environment": {"container_image": [cut(image(story, "jobs"), LINE)]},
            "user_provided_hyper_parameters": [
                {"name": cut(name, SHORT), "value": cut(value, SHORT)}
                for name, value in list(asked.items())[:PARAMETERS]
            ],
        },
    }


def recorded(tracking: Document) -> str:
    """Return in words where MLflow has the run of a training."""
    if tracking.get("state") == "done":
        return f"MLflow run {tracking['run']}, experiment {tracking['experiment']}, at {tracking['uri']}"
    if tracking.get("state") == "lost":
        return f"no MLflow run: {tracking['uri']} did not take it"
    if tracking.get("state") == "off":
        return "no MLflow run: tracking is off (training.tracking_uri is empty)"
    return "no MLflow run is told of"


def datasets(story: Document) -> list[str]:
    """Return each file with its object version and sha256, or the whole in one line where they are many."""
    lock, versions = story["data"]["lock"], story["data"]["versions"]
    root = f"{story['uri'].split('/releases/')[0]}/{lock['prefix'].strip('/')}"
    if len(lock["files"]) > FILES:
        return [cut(f"{root}: {len(lock['files'])} files, snapshot {story['snapshot_id']}", LINE)]
    return [
        cut(f"{root}/{file['key']}?versionId={versions.get(file['key'])} sha256 {file['sha256']}", LINE)
        for file in lock["files"]
    ]


def image(story: Document, target: str) -> str:
    """Return an image by its digest: a tag could be another one's tomorrow."""
    return f"{story['repository']}@{story['images'].get(target)}"


def evaluation(story: Document) -> Document:
    """Return the gate's verdict, and the metrics of candidate and champion on the rows held out."""
    verdict, rival = story["gate"]["verdict"], story["champion_metrics"]
    groups = {"candidate": story["metrics"], "champion": rival, "difference": story["difference"]}
    return {
        "name": "held-out rows",
        "evaluation_observation": cut(" ".join([said(verdict), *verdict["reasons"]]), OBSERVED),
        "evaluation_job_arn": cut(story["jobs"].get("Evaluate", ""), JOB_ARN),
        "datasets": [cut(f"{story['rows']:,} rows of the test split", LINE)],
        "metadata": {"champion": cut(story["champion"] or "none", LINE), "verdict": said(verdict)},
        "metric_groups": [
            {"name": cut(name, GROUP), "metric_data": list(numbers(metrics))}
            for name, metrics in groups.items()
            if metrics
        ],
    }


def said(verdict: Document) -> str:
    """Return a verdict in a word."""
    return "accepted" if verdict["accepted"] else "refused"


def numbers(metrics: Document) -> Iterable[Document]:
    """Yield each metric that has a value, with its interval."""
    for name, entry in list(metrics.items())[:METRICS]:
        if isinstance(value := entry.get("value"), int | float):
            notes = f"95% interval {entry.get('low')} to {entry.get('high')}, {entry.get('n')} rows"
            yield {"name": cut(name, SHORT), "type": "number", "value": value, "notes": cut(notes, LINE)}


def details(story: Document) -> dict[str, str]:
    """Return ids, hashes and pins, each under a name of its own."""
    told = {key: story[key] for key in ("release_id", "code_id", "snapshot_id", "commit_sha")}
    told |= {"execution": story["execution"], "story": story["uri"], "mlflow": recorded(story["tracking"])}
    told |= {f"image {target}": image(story, target) for target in story["images"]}
    told |= {f"pins {name}": pinned(entry) for name, entry in story["pins"].items() if entry}
    told |= {"artifact sha256": story["artifact"]["sha256"], "evaluation sha256": story["evaluation_sha256"]}
    return told | {f"sha256 {name}": sha256 for name, sha256 in story["artifact"]["files"].items()}


def pinned(entry: Document) -> str:
    """Return a file of pins in a line: its sha256, and the versions that matter."""
    packages = ", ".join(f"{name} {version}" for name, version in entry["packages"].items())
    return f"{entry['file']} sha256 {entry['sha256']}: {packages}"


def cut(text: object, most: int) -> str:
    """Return text on one line that is no longer than the schema allows."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
