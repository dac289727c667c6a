"""What boto3 makes of throttled, broken and lost answers, as the door to AWS configures it: real requests."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.endpoint
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sagemaker_gitops import aws as door
from sagemaker_gitops import execution

THROTTLED = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
BROKEN = (500, {"__type": "InternalFailure", "message": "internal"})
AWAY = (503, {"__type": "ServiceUnavailable", "message": "away"})
NO_QUOTA = (400, {"__type": "ResourceLimitExceeded", "message": "The service limit 'ml.m5.large' is 0"})
LOST, HANGS = "lost", "hangs"
RIGHT = (200, {"PipelineExecutionArn": "arn:aws:sagemaker:eu-west-1:1:pipeline/p/execution/e"})


class Scripted(BaseHTTPRequestHandler):
    """Answers by a script; what it was sent it keeps."""

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.script.pop(0) if self.server.script else RIGHT
        if answer == HANGS:
            self.server.over.wait(5)
        if answer in (LOST, HANGS):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, told = answer
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sagemaker(monkeypatch):
    """Return an AWS that answers by its script; pauses between two attempts are noted, not waited for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.asked, server.script, server.pauses, server.over = [], [], [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(botocore.endpoint.time, "sleep", server.pauses.append)
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


def start(aws: door.Aws) -> execution.Execution:
    return execution.start(aws, "income-model", "ab" * 32, 0, {"ReleaseId": "ab" * 32})


def started(aws: door.Aws) -> str:
    """Return the execution, or what kept it from starting."""
    try:
        return start(aws).id
    except ClientError as refused:
        return str(refused)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([THROTTLED] * 2, id="throttled twice"),
        pytest.param([THROTTLED] * 7, id="throttled seven times"),
        pytest.param([BROKEN, AWAY], id="broken, then away"),
        pytest.param([LOST, BROKEN, LOST], id="lost, broken, lost"),
    ],
)
def test_what_may_succeed_the_next_time_is_asked_for_again_after_growing_pauses(sagemaker, script):
    sagemaker.script = list(script)
    assert started(door.Aws("eu-west-1")) == "e"
    assert len(sagemaker.asked) == len(sagemaker.pauses) + 1 == len(script) + 1
    assert all(0 <= pause <= 20 for pause in sagemaker.pauses)


def test_a_lost_answer_to_a_start_is_asked_for_with_the_same_token(sagemaker):
    sagemaker.script = [LOST, LOST]
    start(door.Aws("eu-west-1"))
    assert len(sagemaker.asked) == 3
    assert {asked["ClientRequestToken"] for asked in sagemaker.asked} == {execution.token("ab" * 32, 0)}


def test_what_is_throttled_for_good_is_given_up(sagemaker):
    sagemaker.script = [THROTTLED] * 99
    with pytest.raises(ClientError, match="ThrottlingException"):
        start(door.Aws("eu-west-1"))
    assert len(sagemaker.asked) == door.RETRIES


def test_a_quota_is_not_asked_for_twice(sagemaker):
    sagemaker.script = [NO_QUOTA] * 9
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        start(door.Aws("eu-west-1"))
    assert len(sagemaker.asked) == 1


def test_an_answer_that_never_comes_is_waited_for_so_long_and_no_longer(sagemaker):
    aws = door.Aws("eu-west-1")
    assert aws.sagemaker.meta.config.read_timeout == door.READ_SECONDS <= 90
    sagemaker.script = [HANGS, HANGS]
    impatient = aws._client("sagemaker", 2, 0.2)
    with pytest.raises(ReadTimeoutError):
        impatient.start_pipeline_execution(PipelineName="p", ClientRequestToken="a" * 32)
    assert len(sagemaker.asked) == 2
