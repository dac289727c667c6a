"""`sagemaker-emulator docker build|push|login`: the docker commands a release uses, against the image store.

Set DOCKER="python -m sagemaker_emulator docker" and call `$DOCKER build --target T --tag URI .`, then
`$DOCKER push URI`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from sagemaker_emulator.images.build import build
from sagemaker_emulator.images.dockerfile import DockerfileError
from sagemaker_emulator.images.store import Image, ImageMissing, Store

REGISTRY = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<repository>[^:@]+)"
    r"(:(?P<tag>[\w.-]+))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
USER_AGENT = "emulator-docker"  # PutImage from here stands for a push with all its layers
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def main(argv: list[str]) -> int:
    """Do one docker command; say what is wrong in one line and return 1, as docker does."""
    args = _parser().parse_args(argv)
    store = Store(Path(os.environ.get("SAGEMAKER_EMULATOR_HOME", ".emulator")).resolve())
    try:
        if args.verb == "build":
            _build(store, args)
        elif args.verb == "login":
            _login(sys.stdin.read().strip())
            print("Login Succeeded")
        else:
            _push(store, args.uri)
    except (DockerfileError, ImageMissing, PushRefused, OSError) as error:
        reason = f"no such image: {error}" if isinstance(error, ImageMissing) else str(error)
        print(f"sagemaker-emulator docker {args.verb}: {reason}", file=sys.stderr)
        return 1
    return 0


class PushRefused(Exception):
    """ECR would not take the image; the message says why."""


def _build(store: Store, args: argparse.Namespace) -> None:
    dockerfile = args.file or args.context / "Dockerfile"
    given = dict(word.partition("=")[::2] for word in args.build_arg)
    build_args = {name: value or os.environ.get(name, "") for name, value in given.items()}
    for tag in args.tag:
        image = build(store, tag, args.context.resolve(), dockerfile.resolve(), args.target, build_args)
        print(f"built {tag} sha256:{image.digest[:12]}")


def _login(password: str) -> None:
    """Keep what GetAuthorizationToken gave, as docker does, where only this user reads it."""
    try:
        json.loads(base64.b64decode(password, validate=True))
    except ValueError:
        raise PushRefused("login attempt failed with status: 400 Bad Request") from None
    path = _logins()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(password)


def _logins() -> Path:
    return Path(os.environ.get("SAGEMAKER_EMULATOR_HOME", ".emulator")).resolve() / "docker-login"


def _credentials() -> dict[str, str]:
    """Return the credentials of whoever logged in; without a login those of the environment."""
    path = _logins()
    return json.loads(base64.b64decode(path.read_text())) if path.exists() else {}


def _push(store: Store, uri: str) -> None:
    where = REGISTRY.fullmatch(uri)
    if where is None:
        raise PushRefused(f"{uri} is not in ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG)")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    image = store.local(uri)
    manifest = _manifest(image)
    digest = f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"
    config = Config(user_agent_extra=USER_AGENT)
    ecr = boto3.client("ecr", region_name=where["region"], config=config, **_credentials())
    try:
        _put(ecr, where, manifest, digest)
    except (BotoCoreError, ClientError) as error:
        raise PushRefused(f"{uri}: {error}") from None
    print(f"pushed {uri} {digest}")


def _put(ecr: Any, where: re.Match[str], manifest: str, digest: str) -> None:
    names = {"registryId": where["account"], "repositoryName": where["repository"]}
    try:
        ecr.put_image(
            **names,
            imageManifest=manifest,
            imageManifestMediaType=MANIFEST,
            imageTag=where["tag"] or "latest",
            imageDigest=digest,
        )
    except ecr.exceptions.ImageAlreadyExistsException:
        return  # the very same image under the very same tag: docker push calls that done


def _manifest(image: Image) -> str:
    """Return a registry manifest that names the content, so that ECR's digest is a function of it."""
    size = sum(path.stat().st_size for path in image.files.rglob("*") if path.is_file()) if image.files else 0
    layer = {"mediaType": f"{MANIFEST}.layer", "size": size, "digest": f"sha256:{image.digest}"}
    config = {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 0,
        "digest": layer["digest"],
    }
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    return json.dumps(document, sort_keys=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sagemaker-emulator docker", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("build", help="read a Dockerfile and keep what it COPYs")
    make.add_argument("--target")
    make.add_argument("--tag", "-t", action="append", required=True)
    make.add_argument("--file", "-f", type=Path)
    make.add_argument("--build-arg", action="append", default=[])
    for flag in ("--platform", "--provenance", "--progress"):  # accepted: they change nothing here
        make.add_argument(flag)
    for flag in ("--quiet", "--pull", "--no-cache", "--load"):
        make.add_argument(flag, action="store_true")
    make.add_argument("context", type=Path)
    push = verbs.add_parser("push", help="put a built image into ECR")
    push.add_argument("uri")
    login = verbs.add_parser("login", help="push as whoever GetAuthorizationToken gave the password to")
    login.add_argument("--username", "-u", required=True)
    login.add_argument("--password-stdin", action="store_true", required=True)
    login.add_argument("registry", nargs="?")
    return parser
