"""Roles, sessions, tokens of GitHub's kind and decisions, for the tests of enforced IAM."""

from __future__ import annotations

import json
import os
import urllib.request

import boto3

REGION = "us-east-1"
ACCOUNT = "123456789012"
OTHER = "210987654321"
GITHUB = "https://token.actions.githubusercontent.com"
CLAIM = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
RELEASE = "octo/churn/.github/workflows/release.yml@refs/heads/main"
JOB = {
    "repository": "octo/churn",
    "repository_id": "77",
    "repository_owner_id": "5",
    "ref": "refs/heads/main",
    "sha": "0" * 40,
    "event_name": "push",
    "workflow_ref": "octo/churn/.github/workflows/main.yml@refs/heads/main",
    "job_workflow_ref": RELEASE,
}


def allow(actions, resource="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def deny(actions, resource="*", **more):
    return allow(actions, resource, **more) | {"Effect": "Deny"}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(principal, action="sts:AssumeRole", **more):
    return policy({"Effect": "Allow", "Principal": principal, "Action": action, **more})


def root(account=ACCOUNT):
    """Return a boto3 session of an account's root user."""
    return boto3.Session(account, "anything", region_name=REGION)


def make_role(name, *statements, trust=None, account=ACCOUNT, **more):
    """Make a role and return its ARN; its own account may assume it unless told otherwise."""
    iam = root(account).client("iam")
    trust = trust or trusting({"AWS": f"arn:aws:iam::{account}:root"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*statements))
    return arn


def session(arn, account=ACCOUNT, by=None, **more):
    """Return a boto3 session of a role."""
    sts = (by or root(account)).client("sts")
    return of_credentials(sts.assume_role(RoleArn=arn, RoleSessionName="me", **more)["Credentials"])


def of_credentials(given):
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return boto3.Session(*keys, region_name=REGION)


def ask(method, path, body=None, headers=None):
    """Ask the emulator itself; return its JSON."""
    url = path if path.startswith("http") else os.environ["AWS_ENDPOINT_URL"] + path
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def decisions(**wanted):
    """Return the decisions that have these values."""
    listed = ask("GET", "/_emulator/iam/decisions")["decisions"]
    return [each for each in listed if all(each[key] == value for key, value in wanted.items())]


def token(audience=AUDIENCE, **changes):
    """Return the token that GitHub would give a job."""
    facts = {key: value for key, value in {**JOB, **changes}.items() if value is not None}
    job = ask("POST", "/_emulator/oidc/jobs", facts)
    bearer = {"Authorization": f"bearer {job['token']}"}
    return ask("GET", f"{job['url']}&audience={audience}", headers=bearer)["value"]


def make_provider(account=ACCOUNT):
    """Make GitHub's provider, once an account; return its ARN."""
    iam = root(account).client("iam")
    known = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    for each in known:
        if each["Arn"].endswith(f"/{CLAIM}"):
            return each["Arn"]
    made = iam.create_open_id_connect_provider(Url=GITHUB, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40])
    return made["OpenIDConnectProviderArn"]
