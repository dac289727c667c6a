"""The OIDC token by which a job of GitHub Actions proves what it is; AWS trades it for the keys of a role.

A token lives for minutes and a role's keys for an hour: a job that runs longer asks for another of each.
Source: GitHub's documentation of OpenID Connect in Actions; AWS's of AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from typing import Any

import requests

from sagemaker_gitops.errors import AccessError

AUDIENCE = "sts.amazonaws.com"
SECONDS = 10


def role(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the role that this job is to take, or None where it has credentials of another kind.

    Raises:
        AccessError: E607, a job of Actions may ask for a token but the variable with its role is empty.
    """
    if "ACTIONS_ID_TOKEN_REQUEST_URL" not in environ or environ.get("AWS_ACCESS_KEY_ID"):
        return None
    if arn := environ.get("AWS_ROLE_ARN"):
        return arn
    raise AccessError("""E607 this repository is not connected to an AWS account
        AWS_ROLE_ARN, which the job takes from a variable of the repository
        it is empty: nobody has made the role and the variable, or this job may not see it
        on a laptop with AWS and GitHub credentials: python -m pipelines connect""")


def session_name(environ: Mapping[str, str] = os.environ) -> str:
    """Return the name by which CloudTrail tells this job: RoleSessionName, 2 to 64 of [A-Za-z0-9=,.@-]."""
    return f"github-{environ.get('GITHUB_RUN_ID', '0')}-{environ.get('GITHUB_RUN_ATTEMPT', '1')}"


def ask(environ: Mapping[str, str] = os.environ) -> str:
    """Return a new token; raise AccessError E608 where GitHub gives none."""
    url = environ["ACTIONS_ID_TOKEN_REQUEST_URL"]
    headers = {"Authorization": f"bearer {environ.get('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')}"}
    try:
        answer = requests.get(url, params={"audience": AUDIENCE}, headers=headers, timeout=SECONDS)
        answer.raise_for_status()
        return answer.json()["value"]
    except (requests.RequestException, ValueError, KeyError) as error:
        why = f"{type(error).__name__} {getattr(getattr(error, 'response', None), 'status_code', '')}"
        raise AccessError(f"""E608 GitHub gave this job no OIDC token
            ACTIONS_ID_TOKEN_REQUEST_URL
            {why}
            the job needs `permissions: id-token: write`; else run it again""") from None


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unverified: for messages only. Nothing secret stands in it."""
    try:
        payload = token.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return told if isinstance(told, dict) else {}


def refused(arn: str, token: str, why: str) -> AccessError:
    """Return the error for a role that did not take this job's token."""
    told = claims(token)
    sent = ", ".join(f"{name} {told[name]}" for name in ("sub", "job_workflow_ref", "ref") if told.get(name))
    return AccessError(f"""E609 AWS refused this workflow's identity
        {arn}
        GitHub sent {sent or "nothing that can be read"}; AWS: {why}
        compare with what the role wants: python -m pipelines doctor; connect again rewrites it""")
