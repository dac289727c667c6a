"""One release's whole story, read from where it lies: registry, S3, ECR. It changes nothing.

In:   RELEASE: a version number, 6 digits or more of its id or commit, or nothing: what production serves;
      one that was refused or failed has no version, and its execution tells (unregistered.py)
Out:  one document, which explained.py shows; keys, counts, hashes and ids, no value of the data
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from sagemaker_gitops import errors, images, names, registry, standing, unregistered, watch
from sagemaker_gitops.aws import found
from sagemaker_gitops.errors import DeployFailed, SettingsError
from sagemaker_gitops.github import records
from sagemaker_gitops.registry import Package
from sagemaker_gitops.results import Results
from sagemaker_gitops.run import Run

VERSION = re.compile(r"[0-9]{1,11}")  # else 6 digits or more begin an id
BEGINNING = re.compile(r"[0-9a-f]{6,64}")  # of a release's id or commit; to read, fewer do than to promote
BY_HAND = re.compile(r"\(run (\d+)\)$")  # of a rollback by hand, as rollback.by_hand ends its reason
SHOWN, ROLLOUTS = 5, 10  # versions that an error names; rollouts that are read, the newest
Document = dict[str, Any]


def explain(run: Run, wanted: str) -> Document:
    """Return the whole story of a release, registered or not.

    Raises:
        SettingsError: E501, `wanted` can name no release; E508, there is no such release.
    """
    package = find(run, wanted)
    told = whole(run, package) if package else unregistered.tell(run, wanted)
    if not told:
        raise unknown(run, f"there is no release {wanted}")
    ids = package.metadata if package else told["ids"]
    ended = outcomes(run, ids, package.judged if package else "")
    told["documents"] |= {f"outcome {key}": records.uri(run.stack.bucket, key) for key in ended}
    return {
        "schema_version": 1,
        "project": run.project,
        "region": run.aws.region,
        **told,
        "outcomes": ended,
    }


def whole(run: Run, package: Package) -> Document:
    """Return the story of a release that was registered."""
    story, checks = checked(run, package)
    rolled = rollouts(run, package)
    return {
        "package": {
            "arn": package.arn,
            "version": package.version,
            "approval": package.approval,
            "why": package.judged,
            "created": package.created,
            "metadata": package.metadata,
        },
        "became": became(package, *serving(run)),
        "story": story,
        "rollouts": rolled,
        "documents": documents(run, package) | ({"last rollout": watch.uri(run, package)} if rolled else {}),
        "checks": checks,
    }


def find(run: Run, wanted: str) -> Package | None:
    """Return the package that is meant, None where none has that id; raise SettingsError E501 or E508."""
    if not wanted:
        if package := run.serving():
            return package
        raise unknown(run, "production serves no release")
    is_version, is_beginning = VERSION.fullmatch(wanted), BEGINNING.fullmatch(wanted)
    if not is_version and not is_beginning:
        raise SettingsError(f"""E501 '{wanted}' names no release
            the argument RELEASE
            it takes a version number, or the first 6 hex digits or more of a release's id or of its commit
            python -m pipelines status shows both of the last ones; left out it is what production serves""")
    listed = [item for item in registry.newest(run.aws, run.stack.group) if item.release_id]
    if is_version and (package := next((item for item in listed if item.version == int(wanted)), None)):
        return package
    if not is_beginning:
        raise unknown(run, f"there is no release {wanted}")
    mine = [item for item in listed if item.release_id.startswith(wanted)]
    mine = mine or [item for item in listed if item.metadata.get("commit_sha", "").startswith(wanted)]
    if (count := len({item.release_id for item in mine})) > 1:
        raise unknown(run, f"{wanted} names {count} releases")
    return mine[0] if mine else None


def unknown(run: Run, what: str) -> SettingsError:
    """Return the error for a release that is not there, with those that are."""
    listed = [item for item in registry.newest(run.aws, run.stack.group) if item.release_id]
    there = ", ".join(f"version {item.version} ({names.short(item.release_id)})" for item in listed[:SHOWN])
    more = f" and {len(listed) - SHOWN} earlier ones" if listed[SHOWN:] else ""
    return SettingsError(f"""E508 {what}
        registry group {run.stack.group}
        {f"it has {there}{more}" if there else "no release is registered"}
        {"name one of them: python -m pipelines explain RELEASE" if there else "release: make release"}""")


def serving(run: Run) -> tuple[Package | None, str]:
    """Return what production serves, and why nobody knows where that is so."""
    try:
        return run.serving(), ""
    except DeployFailed as error:
        return None, error.what


def became(package: Package, serves: Package | None, unsure: str = "") -> dict[str, str]:
    """Return what became of a release: a word for machines, and a sentence. Pure."""
    since = package.metadata.get("served_at", "")[:16].replace("T", " ")
    if serves and serves.arn == package.arn:
        return {"is": "serves", "sentence": f"serves production{f' since {since}' if since else ''}"}
    if package.approval == "Rejected":
        back = package.was_proven
        told = "taken back from production" if back else "rejected, never proven in production"
        return {"is": "taken back" if back else "rejected", "sentence": told}
    if standing.served(package):
        now = f"version {serves.version} serves" if serves else unsure or "production serves nothing"
        return {"is": "superseded", "sentence": f"served production from {since or 'some time'}; now {now}"}
    return {"is": "waiting", "sentence": f"waits: {standing.stands(package)}"}


def checked(run: Run, package: Package) -> tuple[Document, list[Document]]:
    """Return release.json, empty unless it is as registered; and of each document whether it is."""
    aws, told = run.aws, package.metadata
    left = Results(aws, run.stack.bucket, package.release_id, told.get("execution_id", "none"))
    bodies = {
        "release.json": (told.get("story_uri", ""), "story_sha256"),
        "evaluation.json": (left.evaluation_uri, "evaluation_sha256"),
    }
    checks, story = [], b""
    for name, (uri, key) in bodies.items():
        body = found(aws.read_bytes, uri=uri) if uri else None
        there = hashlib.sha256(body).hexdigest() if body is not None else None
        checks.append(compared(name, told.get(key), there))
        if name == "release.json" and checks[-1]["same"]:
            story = body or b""
    archive = found(aws.sha256, uri=package.model_data)
    checks.append(compared(package.model_data.rsplit("/", 1)[1], told.get("artifact_sha256"), archive))
    return read(story), [*checks, *of_images(run, package)]


def of_images(run: Run, package: Package) -> list[Document]:
    """Return of each image whether its tag still is the digest that was registered."""
    told = {
        key.removeprefix("image_"): value
        for key, value in package.metadata.items()
        if key.startswith("image_")
    }
    if not told:
        return []  # of a template that did not note them
    there = images.digests(run.aws, run.stack, package.metadata["code_id"])
    return [compared(f"image {target}", digest, there.get(target)) for target, digest in told.items()]


def compared(what: str, wanted: str | None, there: str | None) -> Document:
    """Return one check: as registered, or what is wrong."""
    why = "" if there == wanted else f"is {there}, registered was {wanted}"
    if wanted is None:
        why = "was never registered: the pipeline was cut off before the package was whole"
    elif there is None:
        why = f"is gone, registered was {wanted}"
    return {"what": what, "registered": wanted, "is": there, "same": not why, "why": why}


def read(body: bytes) -> Document:
    """Return a JSON object, empty where somebody has made it something else: a check says so."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def rollouts(run: Run, package: Package) -> list[Document]:
    """Return the evidence of each rollout, oldest first: S3 keeps the earlier ones as versions of one key."""
    uri = watch.uri(run, package)
    bucket, key = names.split_uri(uri)
    try:
        listed = run.aws.s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
        versions = sorted((item for item in listed if item["Key"] == key), key=lambda it: it["LastModified"])
        return [
            _rollout(run, bucket, key, item["VersionId"], item["LastModified"].isoformat())
            for item in versions[-ROLLOUTS:]
        ]
    except errors.TROUBLE as error:
        if errors.code(error) not in errors.REFUSED:
            raise
    body = found(run.aws.read_bytes, uri=uri)  # who may not list versions may read the last one
    return [read(body) | {"at": "", "version_id": ""}] if body else []


def _rollout(run: Run, bucket: str, key: str, version: str, at: str) -> Document:
    body = run.aws.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
    return read(body) | {"at": at, "version_id": version}


def outcomes(run: Run, ids: dict[str, str], judged: str) -> dict[str, Document]:
    """Return how runs ended that were about a release, by key: its commit's, who asked's, a rollback's."""
    keys = [ids.get("commit_sha", ""), ids.get("asked_by", "")]
    keys += [f"rollback-{job}" for job in BY_HAND.findall(judged)]
    recorded = {key: records.recorded(run.aws, run.stack.bucket, key) for key in filter(None, keys)}
    mine = ids.get("release_id")
    return {key: item for key, item in recorded.items() if item and item.get("release_id") == mine}


def documents(run: Run, package: Package) -> dict[str, str]:
    """Return where each document of a release lies, by what it holds. Pure: nothing is asked."""
    root = names.release_prefix(run.stack.bucket, package.release_id)
    left = Results(run.aws, run.stack.bucket, package.release_id, package.metadata.get("execution_id", ""))
    return {
        "the story": f"{root}/release.json",
        "data.lock": f"{root}/lock/data.lock",
        "data checks": left.validation_uri,
        "evaluation": left.evaluation_uri,
        "golden requests": f"{left.folder}/golden.json",
        "model report": f"{left.folder}/model_report.html",
        "archive": package.model_data,
    }
