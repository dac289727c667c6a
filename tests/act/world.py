"""A project on GitHub and AWS, all of it on this machine: what a merge starts really runs.

GitHub   a bare repository, its REST API (the generated project's own test server), its jobs run by act
AWS      an emulator, with IAM enforced: a job has the keys that its token is worth, and no others
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from conftest import INNER, ROOT

from act import rewrite, runner
from act.rewrite import Job
from act.runner import Done

sys.path.insert(0, str(INNER))
sys.path.insert(0, str(ROOT / "gitops"))
from doubles.account import GITHUB
from doubles.github import TOKEN, GitHub

REPOSITORY, REPOSITORY_ID, OWNER_ID = "acme/demo", "345", "12"
ACCOUNT = "123456789012"
OTHER = "222222222222"  # of production, where it is apart; its root user's key is its number
FAKE_GH = ROOT / "gitops/doubles/gh.py"
WHO = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


class World:
    """The repository, its GitHub and its AWS."""

    def __init__(self, folder: Path, root: Path, github: GitHub, aws: dict[str, str]) -> None:
        self.folder, self.root, self.github, self.aws = folder, root, github, aws
        self.variables: dict[str, str] = {}
        self.gh: dict[str, str] = {}  # what leads a verb to GitHub's settings
        self.runs = 0
        self.production = ACCOUNT
        self.slug, self.region = "income-model", aws["AWS_DEFAULT_REGION"]
        self.bucket = f"{self.slug}-{ACCOUNT}-{self.region}"

    def git(self, *words: str) -> str:
        """Return what git prints in the developer's clone."""
        command = ["git", "-C", str(self.root), *WHO, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def verb(self, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a verb in the developer's clone as the account's administrator, with `more` variables."""
        command, environment = [sys.executable, "-m", "pipelines", *words], os.environ | self.aws | more
        done = subprocess.run(
            command, cwd=self.root, env=environment, text=True, capture_output=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def merge(self, title: str, change: Callable[[Path], None]) -> str:
        """Change the repository, commit it to main, push; return the commit."""
        change(self.root)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", title)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def revert(self) -> None:
        """Take the last merge back, as a person would, and bring that to main."""
        self.git("revert", "--no-edit", "HEAD")
        self.git("push", "--quiet", "origin", "HEAD:main")

    def client(self, service: str, account: str = ACCOUNT) -> Any:
        """Return a client of this AWS for the administrator of an account."""
        return boto3.client(
            service,
            endpoint_url=self.aws["AWS_ENDPOINT_URL"],
            region_name=self.region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
        )

    def checkout(self, branch: str = "main") -> Path:
        """Return a clone of a branch as it is now, as actions/checkout leaves it."""
        self.runs += 1
        folder = self.folder / f"run-{self.runs}" / "checkout"
        origin = str(self.github.git_folder)
        subprocess.run(["git", "clone", "-q", "--branch", branch, origin, str(folder)], check=True)
        self._in(folder, "remote", "set-url", "origin", f"https://github.com/{REPOSITORY}.git")
        return folder

    def run(
        self,
        workflow: str,
        event: str = "push",
        ref: str = "refs/heads/main",
        at: Path | None = None,
        job: str = "",
        until: Callable[[], Any] | None = None,
        **payload: Any,
    ) -> Done:
        """Run a workflow, or one of its jobs with what it needs, for an event at `ref` or in `at`.

        `until`: its runner is lost, with all that it runs, as soon as this is true.
        """
        checkout = at or self.checkout(payload.get("pull_request", {}).get("head", {}).get("ref", "main"))
        scratch, number = checkout.parent, checkout.parent.name.removeprefix("run-")
        commit = self._in(checkout, "rev-parse", "HEAD")
        hidden = self._in(checkout, "ls-files", ".github").split()
        fork = payload.get("pull_request", {}).get("head", {}).get("repo", {}).get("full_name", REPOSITORY)
        context = {"event_name": event, "ref": ref, "sha": commit, "workflow": workflow}
        rewrite.rewrite(checkout, lambda job: self.token(job, **context) if fork == REPOSITORY else {})
        rewrite.inline(checkout, workflow)
        # What act needs rewritten is no change of the project's.
        self._in(checkout, "update-index", "--assume-unchanged", *hidden)
        given = {name: value for name, value in self.aws.items() if not name.startswith("AWS_ACCESS")}
        given.pop("AWS_SECRET_ACCESS_KEY")
        given |= {"GITHUB_API_URL": self.github.url, "GITHUB_RUN_ID": str(1000 + int(number))}
        given |= {
            "GITHUB_RUN_ATTEMPT": "1",
            "TESTS_VENV": str(Path(sys.prefix)),
            "NO_COLOR": "1",
            "TERM": "dumb",
        }
        given["TESTS_ORIGIN"] = str(self.github.git_folder)
        done = runner.run(
            checkout,
            workflow,
            event,
            {"ref": ref, **payload},
            scratch=scratch / "act",
            variables=self.variables,
            environment=given,
            secrets={"GITHUB_TOKEN": TOKEN},
            job=job,
            until=until,
        )
        done.id = 1000 + int(number)
        (scratch / "log.txt").write_text(done.output, "utf-8")
        runner.clean(scratch / "act")
        return done

    def token(self, job: Job, event_name: str, ref: str, sha: str, workflow: str) -> dict[str, str]:
        """Return the variables by which a job asks for its OIDC token, as GitHub's rules write it."""
        file = f"{REPOSITORY}/.github/workflows/{{}}@{ref}"
        facts = {
            "repository": REPOSITORY, "repository_id": REPOSITORY_ID, "repository_owner_id": OWNER_ID,
            "ref": ref, "sha": sha, "event_name": event_name, "environment": job.environment or None,
            "workflow_ref": file.format(workflow), "job_workflow_ref": file.format(job.file),
            "immutable_subject": True,
        }  # fmt: skip
        body = json.dumps({name: value for name, value in facts.items() if value is not None}).encode()
        url = f"{self.aws['AWS_ENDPOINT_URL']}/_emulator/oidc/jobs"
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as answer:
            told = json.load(answer)
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": told["url"],
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": told["token"],
        }

    def _in(self, folder: Path, *words: str) -> str:
        command = ["git", "-C", str(folder), *WHO, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def connect(self) -> str:
        """Connect the project to this AWS and this GitHub by its own verb; return what it printed.

        `gh` is the generated project's own test double: GitHub's settings lie in a file.
        """
        gh = self.folder / "gh"
        gh.mkdir()
        (gh / "gh").write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE_GH} "$@"\n', "utf-8")
        (gh / "gh").chmod(0o755)
        repository = GITHUB["repository"] | {"full_name": REPOSITORY, "id": int(REPOSITORY_ID)}
        repository["owner"] = {"id": int(OWNER_ID), "login": REPOSITORY.split("/")[0], "type": "Organization"}
        state = gh / "state.json"
        state.write_text(json.dumps(GITHUB | {"repository": repository}), "utf-8")
        self.gh = {"PATH": f"{gh}{os.pathsep}{os.environ['PATH']}", "GH_STATE": str(state)}
        return self.connected()

    def connected(self, *words: str, account: str = ACCOUNT) -> str:
        """Run `connect` as the administrator of an account; return what it printed."""
        done = self.verb("connect", "--yes", *words, **self.gh, AWS_ACCESS_KEY_ID=account)
        self.variables = json.loads(Path(self.gh["GH_STATE"]).read_text("utf-8"))["variables"]
        return done.stdout

    def connect_both(self) -> None:
        """Connect the project, and production in an account of its own."""
        self.connect()
        self.move_production()

    def move_production(self) -> None:
        """Give production an account of its own, by the commands that `connect` prints."""
        told = self.connected("--production-account", OTHER)
        (key,) = re.findall(r"pipelines connect --registry (\S+)", told)
        self.connected("--registry", key, account=OTHER)
        (switch,) = re.findall(r"pipelines connect (--production-account .*)", told)
        self.connected(*switch.split())
        self.production = OTHER

    def issues(self) -> list[dict[str, Any]]:
        """Return the issues, open or not."""
        return [each for each in self.github.issues.values() if "head" not in each]

    def pulls(self) -> list[dict[str, Any]]:
        """Return the open pull requests."""
        listed = self.github.issues.values()
        return [each for each in listed if "head" in each and each["state"] == "open"]

    def close(self, number: int) -> None:
        """Close a pull request that nobody wants merged."""
        self.github.issues[number]["state"] = "closed"

    def merge_pull(self, pull: dict[str, Any]) -> str:
        """Press a pull request's button; return the merge commit."""
        commit = self.github.merge(pull["number"])
        self.git("pull", "--quiet", "origin", "main")
        return commit

    def pull_request(
        self, branch: str, title: str, change: Callable[[Path], None], fork: bool = False
    ) -> int:
        """Open a pull request; return its number."""
        self.git("checkout", "--quiet", "-b", branch)
        change(self.root)
        self.git("commit", "--quiet", "--all", "-m", title)
        self.git("push", "--quiet", "origin", branch)
        self.git("checkout", "--quiet", "main")
        _, pull = self.github.create_pull({"title": title, "head": branch, "base": "main"})
        full = "somebody/demo" if fork else REPOSITORY
        pull["head"]["repo"] = {"full_name": full, "fork": fork}
        pull["base"]["repo"] = {"full_name": REPOSITORY, "fork": False}
        if fork:  # its token may only read
            said = "Resource not accessible by integration"
            self.github.refuse("POST", f"issues/{pull['number']}/comments", 403, said)
        return pull["number"]

    def plan(self, number: int) -> Done:
        """Run pull_request.yml's plan and comment for a pull request, without its checks and tests."""
        return self.checks(number, "comment")

    def checks(self, number: int, job: str = "") -> Done:
        """Run all of pull_request.yml for a pull request, or one job and what it needs."""
        pull, ref = self.github.issues[number], f"refs/pull/{number}/merge"
        return self.run("pull_request.yml", "pull_request", ref, job=job, number=number, pull_request=pull)

    def queue(self, number: int) -> Done:
        """Run pull_request.yml for a pull request in a merge queue."""
        head = self.github.issues[number]["head"]["ref"]
        ref, base = f"refs/heads/gh-readonly-queue/main/pr-{number}", self.git("rev-parse", "main")
        at = self.checkout(head)
        return self.run("pull_request.yml", "merge_group", ref, at=at, merge_group={"base_sha": base})

    def asked_by(self) -> str:
        """Return the commit that asked for what production serves."""
        sagemaker, served = self.client("sagemaker"), self.served()
        for item in sagemaker.list_model_packages(ModelPackageGroupName=self.slug)["ModelPackageSummaryList"]:
            told = sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
            if told["CustomerMetadataProperties"]["release_id"].startswith(served):
                return told["CustomerMetadataProperties"]["asked_by"]
        return ""

    def change_production_by_hand(self) -> None:
        """Have production serve what a release of another commit left, as somebody would in the console."""
        sagemaker = self.client("sagemaker", self.production)
        endpoint = f"{self.slug}-production"
        live = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
        oldest = {"SortBy": "CreationTime", "SortOrder": "Ascending"}  # that one came up, later ones need not
        listed = sagemaker.list_endpoint_configs(NameContains=endpoint, **oldest)["EndpointConfigs"]
        other = next(item["EndpointConfigName"] for item in listed if item["EndpointConfigName"] != live)
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=other)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig={"Delay": 1})
        assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"] == other

    def served(self) -> str:
        """Return the release that production answers with."""
        answer = self.verb("request", AWS_ACCESS_KEY_ID=self.production)
        return json.loads(answer.stdout.splitlines()[-1])["release_id"]

    def packages(self) -> dict[int, str]:
        """Return each package's approval, by version."""
        listed = self.client("sagemaker").list_model_packages(ModelPackageGroupName=self.slug)
        told = {
            item["ModelPackageVersion"]: item["ModelApprovalStatus"]
            for item in listed["ModelPackageSummaryList"]
        }
        return dict(sorted(told.items()))

    def trainings(self) -> int:
        """Return how many training jobs there ever were."""
        return len(self.client("sagemaker").list_training_jobs()["TrainingJobSummaries"])

    def wait_for_pipelines(self) -> None:
        """Wait until no execution of the pipeline runs any more."""
        sagemaker = self.client("sagemaker")
        while any(
            item["PipelineExecutionStatus"] in ("Executing", "Stopping")
            for item in sagemaker.list_pipeline_executions(PipelineName=self.slug)[
                "PipelineExecutionSummaries"
            ]
        ):
            time.sleep(1)

    def put(self, key: str, body: bytes) -> None:
        """Put an object into the project's bucket, as another program would."""
        self.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def outcome(self, key: str) -> dict[str, Any]:
        """Return the one outcome that is recorded of a commit, or of another key."""
        s3 = self.client("s3")
        return json.loads(s3.get_object(Bucket=self.bucket, Key=f"outcomes/{key}.json")["Body"].read())


@contextmanager
def made(folder: Path, project: Path) -> Iterator[World]:
    """Put a baked project on GitHub, connect it to an AWS, and take both away at the end."""
    root = folder / "clone"
    shutil.copytree(project, root)
    with GitHub(folder, REPOSITORY) as github, emulator(folder / "aws") as aws:
        world = World(folder, root, github, aws)
        if not (root / ".git").exists():
            world.git("init", "--quiet", "--initial-branch=main")
            world.git("add", "--all")
            world.git("commit", "--quiet", "-m", "Create the project")
        world.git("remote", "add", "origin", str(github.git_folder))
        world.git("push", "--quiet", "origin", "HEAD:main")
        yield world


@contextmanager
def emulator(home: Path) -> Iterator[dict[str, str]]:
    """Run an emulator with IAM enforced; yield an administrator's variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    clean.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "sagemaker_emulator"]
    up = ["up", "--port", "0", "--home", str(home), "--region", "eu-west-1", "--iam"]
    home.mkdir(parents=True)
    subprocess.run([*command, *up], cwd=home, env=clean, check=True, capture_output=True)
    try:
        lines = (home / "env").read_text("utf-8").splitlines()
        pairs = (
            shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines if "export " in line
        )
        yield dict(pairs)
    finally:
        subprocess.run(
            [*command, "down", "--home", str(home)], cwd=home, env=clean, check=True, capture_output=True
        )
