"""An AWS with all that a release needs but the pipeline: stack, images, packages as it leaves them."""

from __future__ import annotations

import copy
import hashlib
import os
import secrets
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import orjson
from sagemaker_gitops import images, names, registry, stack
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run
from sagemaker_gitops.tree import Tree

from tests.drill import surgery
from tests.drill.honest import Model
from training import archive

HERE = Path(__file__).parent
BATCHES = (1, 1, 1, 1, 1, 2, 1, 1, 1, 5, 1, 1, 1, 3)  # rows of the client's requests, over and over
CLIENT_ROWS = 120


class World:
    """Stack and images; what was registered, by release, and what each release is known to answer."""

    def __init__(self, run: Run, work: Tree) -> None:
        self.run, self.work = run, work
        self.labels: dict[str, str] = {}
        self.truths: dict[str, list[Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.images = ("", "")  # the project's own, and the broken one

    def set_up(self) -> None:
        """Make stack and images with the verbs that a release has, and the broken image on top."""
        stack.apply(self.run.aws, self.run.project, self.run.story.begin("stack"))
        code_id = self.work.ids.code_id
        images.publish(self.run.aws, self.run.stack, code_id, self.run.story.begin("image"))
        repository = self.run.stack.repository
        own, broken = f"{repository}:{names.image_tags(code_id)['serve']}", f"{repository}:drill"
        _docker(
            "build",
            "--file",
            str(HERE / "Dockerfile"),
            "--build-arg",
            f"BASE={own}",
            "--tag",
            broken,
            str(HERE),
        )
        _docker("push", broken)
        self.images = own, broken

    def register(self, label: str, model: Model, honest: Model, fault: str = "") -> Package:
        """Register a release as the pipeline does: archive, evaluation, golden requests, metadata."""
        aws, bucket = self.run.aws, self.run.stack.bucket
        release_id = hashlib.sha256(f"{label}{secrets.token_hex(8)}".encode()).hexdigest()
        execution = secrets.token_hex(6)
        root = f"{names.release_prefix(bucket, release_id)}/{execution}/evaluate"
        packed, served = pack(model, release_id)
        golden = _json(model.golden)
        evaluation = copy.deepcopy(model.evaluation)
        evaluation["candidate"]["release_id"] = release_id
        files = {name: archive.sha256(content) for name, content in served.items()}
        evaluation["artifact"] = {
            "sha256": archive.sha256(packed),
            "files": files | {"golden.json": archive.sha256(golden)},
        }
        body = _json(evaluation)
        aws.write_bytes(f"{root}/artifact/model.tar.gz", packed)
        aws.write_bytes(f"{root}/evaluation/golden.json", golden)
        aws.write_bytes(f"{root}/evaluation/evaluation.json", body)
        package = self._create(release_id, execution, root, fault)
        self.labels[release_id] = label
        self.truths[release_id] = surgery.predict(honest, self.bodies)
        # What proves it, as registry.complete notes it: of no training there is no story to tell.
        proof = {"artifact_sha256": archive.sha256(packed), "evaluation_sha256": archive.sha256(body)}
        return registry.annotate(aws, package, proof | {"story_sha256": archive.sha256(b"none")})

    def label(self, release_id: str) -> str:
        """Return what a release is called here."""
        return self.labels.get(release_id, release_id[:12])

    def _create(self, release_id: str, execution: str, root: str, fault: str) -> Package:
        ids, environment = self.work.ids, {"DRILL_FAULT": fault} if fault else {}
        told = {"release_id": release_id, "code_id": ids.code_id, "snapshot_id": ids.snapshot_id}
        answer = self.run.aws.sagemaker.create_model_package(
            ModelPackageGroupName=self.run.stack.group,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": self.images[bool(fault)],
                        "ModelDataUrl": f"{root}/artifact/model.tar.gz",
                        "Environment": environment,
                    }
                ],
                "SupportedContentTypes": ["application/json", "text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={**told, "commit_sha": ids.commit_sha, "execution_id": execution},
        )
        return registry.describe(self.run.aws, answer["ModelPackageArn"])


def pack(model: Model, release_id: str) -> tuple[bytes, dict[str, bytes]]:
    """Return the served archive of a model under a release's id, and its files; every hash fits."""
    contract = {**model.contract, "release_id": release_id}
    golden = _json(model.own_golden or model.golden)
    files = {"model.json": _json(contract), "model.onnx": model.graph, "golden.json": golden}
    hashes = _json({name: archive.sha256(content) for name, content in sorted(files.items())})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tar.gz"
        archive.pack(files | {"hashes.json": hashes}, path)
        return path.read_bytes(), files


def requests(model: Model) -> list[dict[str, Any]]:
    """Return what the client sends: unseen rows, most of them alone, and rows of the rarest category."""
    rows = list(model.rows[:: max(1, len(model.rows) // CLIENT_ROWS)][:CLIENT_ROWS])
    if model.rare:
        column, value, _ = model.rare
        golden = [row for case in model.golden["cases"] for row in case["body"]["instances"]]
        rows[20:20] = [row for row in golden if row[column] == value][:2]
    bodies, at = [], 0
    while at < len(rows):
        size = BATCHES[len(bodies) % len(BATCHES)]
        bodies.append({"instances": rows[at : at + size]})
        at += size
    return bodies


def _json(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def _docker(*words: str) -> None:
    command = [*shlex.split(os.environ.get("DOCKER", "docker")), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"the drill's image could not be made: {shlex.join(words)}\n{done.stdout}{done.stderr}"
        )
