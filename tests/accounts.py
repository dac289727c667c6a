"""AWS accounts of an emulator that enforces IAM, with stacks of the project, and GitHub's tokens for jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from conftest import INNER, ROOT

REGION, ACCOUNT, OTHER = "eu-west-1", "123456789012", "210987654321"
REPOSITORY = {"Repository": "octo/income", "OwnerId": "12", "RepositoryId": "345"}
MAIN = "refs/heads/main"


def emulator(*words, **environ):
    """Run the emulator of this tree; return what it says."""
    command = [sys.executable, "-m", "sagemaker_emulator", *words]
    places = {"cwd": ROOT / "emulator", "env": {**os.environ, **environ}}
    return subprocess.run(command, **places, check=True, capture_output=True, text=True).stdout


@contextmanager
def enforced(home: Path) -> Iterator[World]:
    """Yield the accounts of an emulator that enforces IAM; it ends with the block."""
    said = emulator("up", "--home", str(home), "--port", "0", "--region", REGION, "--iam")
    try:
        yield World(said.split()[2].rstrip(";"), home)
    finally:
        emulator("down", "--home", str(home))


@dataclass
class World:
    """One emulator; an account comes into being when somebody names it."""

    url: str
    home: Path

    def client(self, service, keys=None):
        """Return a client with these keys, or with those of an account's root user."""
        keys = keys or ACCOUNT
        if isinstance(keys, str):
            keys = {"AccessKeyId": keys, "SecretAccessKey": "test"}
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )

    def make(self, name, template, account=ACCOUNT, **parameters):
        """Make a stack of a template in infra/; return its outputs."""
        cloudformation = self.client("cloudformation", account)
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=(INNER / "infra" / template).read_text(),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": "project", "Value": name}],
        )
        (made,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE", made.get("StackStatusReason")
        return {item["OutputKey"]: item["OutputValue"] for item in made["Outputs"]}

    def take(self, arn, token):
        """Return the keys of a role's session for a job's token."""
        request = {"RoleArn": arn, "RoleSessionName": "a-job", "WebIdentityToken": token}
        return self.client("sts").assume_role_with_web_identity(**request)["Credentials"]

    def token(self, file, ref=MAIN, environment="", immutable=False, **changes):
        """Return the token that GitHub gives a job of a workflow file of the repository."""
        path = f"octo/income/.github/workflows/{file}.yml@{ref}"
        facts = {
            "repository": REPOSITORY["Repository"],
            "repository_id": REPOSITORY["RepositoryId"],
            "repository_owner_id": REPOSITORY["OwnerId"],
            "ref": ref,
            "sha": "a" * 40,
            "event_name": "push",
            "workflow_ref": path,
            "job_workflow_ref": path,
            "immutable_subject": immutable,
            **({"environment": environment} if environment else {}),
            **changes,
        }
        asked = urllib.request.Request(
            f"{self.url}/_emulator/oidc/jobs",
            data=json.dumps(facts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked) as answer:
            job = json.load(answer)
        request = urllib.request.Request(
            f"{job['url']}&audience=sts.amazonaws.com", headers={"Authorization": f"bearer {job['token']}"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["value"]

    def docker(self, folder, image):
        """Build the Dockerfile of a folder and push the image, as an administrator of its account."""
        account = image.partition(".")[0]
        keys = {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
        keys |= {"AWS_ENDPOINT_URL": self.url, "SAGEMAKER_EMULATOR_HOME": str(self.home)}
        for words in (["build", "--tag", image, str(folder)], ["push", image]):
            emulator("docker", *words, **keys)
