"""A stand-in for GitHub's token issuer: describe a job, and it gets a token that says what GitHub would say.

POST /_emulator/oidc/jobs     {"repository": "o/n", "repository_id": "1", ...} -> {"url": ..., "token": ...}
GET  url&audience=...         with `Authorization: bearer TOKEN`               -> {"value": JWT}
GET  /_emulator/oidc/jwks     the public key that goes with it
"""

from __future__ import annotations

import functools
import json
import secrets
import threading
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from sagemaker_emulator import itself
from sagemaker_emulator.access import tokens

ISSUER = "https://token.actions.githubusercontent.com"
KEY_ID = "emulator"
LIFE_SECONDS = 300
NEEDED = (
    *("repository", "repository_id", "repository_owner_id", "ref", "sha", "event_name"),
    *("workflow_ref", "job_workflow_ref"),
)
OPTIONAL = ("environment", "base_ref", "head_ref", "actor", "run_id", "immutable_subject")
# For tokens that ought to be refused.
BAD = ("expires_in", "issuer", "audience", "forged", "not_before", "key_id", "subject")
Answer = tuple[int, dict[str, Any] | None]

_lock = threading.Lock()
_jobs: dict[str, tuple[str, dict[str, Any]]] = {}


def answer(method: str, path: str, environ: dict[str, Any], body: bytes) -> Answer:
    """Answer one request under /_emulator/oidc/."""
    if (method, path) == ("POST", "jobs"):
        return _begin(body)
    if (method, path) == ("GET", "token"):
        return _give(environ)
    if (method, path) == ("GET", "jwks"):
        return 200, {"keys": [tokens.public(_key(), KEY_ID)]}
    return 404, {
        "message": f"no {method} oidc/{path}; there are POST oidc/jobs, GET oidc/token, GET oidc/jwks"
    }


def claims(job: dict[str, Any], audience: str, now: float) -> dict[str, Any]:
    """Return what GitHub's token of a job says. Pure, so a test can read it."""
    owner = job["repository"].partition("/")[0]
    begins = int(now + job.get("not_before", 0))
    given = {name: str(job[name]) for name in (*NEEDED, *OPTIONAL[:-1]) if job.get(name) not in (None, "")}
    return {
        "jti": str(uuid.uuid4()),
        "sub": job.get("subject") or subject(job),
        "aud": job.get("audience", audience),
        "iss": job.get("issuer", ISSUER),
        "iat": begins,
        "nbf": begins,
        "exp": int(now + job.get("expires_in", LIFE_SECONDS)),
        "ref_type": "tag" if job["ref"].startswith("refs/tags/") else "branch",
        "repository_owner": owner,
        "runner_environment": "github-hosted",
        "base_ref": "",
        "head_ref": "",
        "actor": owner,
        "run_id": "1",
        **given,
    }


def subject(job: dict[str, Any]) -> str:
    """Return the claim `sub`: the environment goes before a pull request, and that before the ref."""
    owner, _, name = job["repository"].partition("/")
    if job.get("immutable_subject"):
        owner, name = f"{owner}@{job['repository_owner_id']}", f"{name}@{job['repository_id']}"
    if job.get("environment"):
        what = f"environment:{str(job['environment']).replace(':', '%3A')}"
    elif job["event_name"] in ("pull_request", "pull_request_target"):
        what = "pull_request"
    else:
        what = f"ref:{job['ref']}"
    return f"repo:{owner}/{name}:{what}"


def public_key(key_id: str) -> Any | None:
    """Return the public key of an id, None for one that was never published."""
    return _key().public_key() if key_id == KEY_ID else None


def _begin(body: bytes) -> Answer:
    try:
        job = json.loads(body)
        missing = [name for name in NEEDED if not job.get(name)]
        unknown = [name for name in job if name not in (*NEEDED, *OPTIONAL, *BAD)]
    except (ValueError, AttributeError, TypeError):
        return 400, {"message": "the body is not JSON; expected an object with repository"}
    if missing or unknown:
        return 400, {"message": f"missing: {missing}; not known: {unknown}", "members": [*missing, *unknown]}
    number, bearer = uuid.uuid4().hex, secrets.token_urlsafe(24)
    with _lock:
        _jobs[number] = (bearer, job)
    return 201, {"url": f"{itself.url()}/_emulator/oidc/token?job={number}", "token": bearer}


def _give(environ: dict[str, Any]) -> Answer:
    query = parse_qs(environ.get("QUERY_STRING", ""))
    with _lock:
        bearer, job = _jobs.get(query.get("job", [""])[0], (None, {}))
    scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if bearer is None or scheme.lower() != "bearer" or not secrets.compare_digest(given, bearer):
        return 401, {"message": "expected the token that POST oidc/jobs gave for this job, as a bearer"}
    audience = query.get("audience", [f"https://github.com/{job['repository'].partition('/')[0]}"])[0]
    key = _stranger() if job.get("forged") else _key()
    return 200, {"value": tokens.made(claims(job, audience, time.time()), key, job.get("key_id", KEY_ID))}


@functools.cache
def _key() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def _stranger() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)
