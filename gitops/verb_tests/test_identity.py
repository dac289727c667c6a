"""A job of Actions and its role: keys that end are renewed, and what hinders that is told."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.credentials
import pytest

from sagemaker_gitops import errors
from sagemaker_gitops.aws import Aws
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import token

ROLE = "arn:aws:iam::123456789012:role/income-model-eu-west-1-deploy"
NOW = datetime.datetime.now(datetime.UTC)
SKEWED = (
    "Signature expired: 20260101T100000Z is now earlier than 20260101T100500Z (20260101T101000Z - 5 min.)"
)
REFUSAL = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>SignatureDoesNotMatch</Code><Message>{SKEWED}</Message></Error></ErrorResponse>"""
SESSION = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA{number:016}</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class World:
    """GitHub's tokens and STS on one port: what was asked, and how things are."""

    def __init__(self) -> None:
        self.hours = 0  # since the job began
        self.tokens = True  # GitHub gives any
        self.skewed = False  # AWS's clock is not ours
        self.asked: list[str] = []
        self.keys: list[str] = []  # that GetCallerIdentity was signed with

    def answer(self, path: str, body: str, signed: str) -> tuple[int, str]:
        """Answer as GitHub or STS does."""
        if path.startswith("/token"):
            self.asked.append("token")
            if not self.tokens:
                return 403, "no"
            return 200, json.dumps({"value": f"a.token-{self.asked.count('token')}.b"})
        operation = body.partition("Action=")[2].partition("&")[0]
        self.asked.append(operation)
        if self.skewed:
            return 403, REFUSAL
        if operation == "GetCallerIdentity":
            self.keys.append(signed.partition("Credential=")[2].partition("/")[0])
            return 200, IDENTITY
        assert f"token-{self.asked.count('token')}" in body, "an old token"
        until = NOW + datetime.timedelta(hours=self.hours + 1)
        return 200, SESSION.format(number=self.asked.count("token"), until=until.isoformat())


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve it; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, text = world.answer(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[World]:
    """Return a world in which a job of Actions has no keys of its own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    made = World()
    with serving(made) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{url}/token?job=1")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer")
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        yield made


@pytest.fixture
def aws(world: World, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Return the door to AWS, whose clock runs with the world's hours."""
    made = Aws("eu-west-1")

    def now() -> datetime.datetime:
        return NOW + datetime.timedelta(hours=world.hours)

    monkeypatch.setattr(botocore.credentials, "_local_now", now)
    made._credentials._time_fetcher = now
    return made


def test_a_job_of_several_hours_takes_its_role_again_with_a_token_of_that_hour(aws, world):
    for hours in range(6):
        world.hours = hours
        assert aws.account() == "123456789012"
        assert aws.account() == "123456789012"
    assert world.asked.count("token") == world.asked.count("AssumeRoleWithWebIdentity") == 6
    assert len(set(world.keys)) == 6


def test_where_github_gives_no_other_token_the_job_says_so_and_can_go_on_later(aws, world):
    aws.account()
    world.hours, world.tokens = 2, False
    with pytest.raises(AccessError, match="E608 GitHub gave this job no OIDC token") as refused:
        aws.account()
    assert "403" in refused.value.why
    assert "run it again" in refused.value.todo
    assert world.asked.count("GetCallerIdentity") == 1  # nothing is sent with keys that have ended
    world.tokens = True
    assert aws.account() == "123456789012"


def test_a_clock_that_is_ten_minutes_off_is_one_clear_error_after_one_request(world, monkeypatch):
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    world.skewed = True
    with pytest.raises(Exception, match="Signature expired") as raised:
        Aws("eu-west-1").account()
    told = errors.translate(raised.value)
    assert told is not None
    assert (told.code, told.exit_code, told.what) == ("E611", 6, "this machine's clock is wrong, says AWS")
    assert SKEWED in told.why
    assert world.asked == ["GetCallerIdentity"]


def test_a_role_that_aws_refuses_is_asked_for_once(aws, world):
    world.skewed = True
    with pytest.raises(AccessError, match="E609"):
        aws.account()
    assert world.asked == ["token", "AssumeRoleWithWebIdentity"]


def test_a_job_without_its_variable_is_told_which(monkeypatch, world):
    monkeypatch.setenv("AWS_ROLE_ARN", "")
    with pytest.raises(AccessError, match="E607 this repository is not connected") as refused:
        Aws("eu-west-1")
    assert "python -m pipelines connect" in refused.value.todo


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a.e30", "a.W10"])
def test_claims_of_what_is_no_token_are_none(text):
    assert token.claims(text) == {}
