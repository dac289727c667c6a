"""Where a proxy, a hotel's login page or another server answers for AWS: four lines, never a traceback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sagemaker_gitops import errors

PAGE = b"<!DOCTYPE html><html><title>Please log in</title></html>"
Answers = Callable[[int, str, bytes], str]


@pytest.fixture
def answers(monkeypatch) -> Iterator[Answers]:
    """Return a function: every request is answered so; the address where."""
    told: list[tuple[int, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, kind, body = told[-1]
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"

    def answer(status: int, kind: str, body: bytes) -> str:
        told.append((status, kind, body))
        return address

    yield answer
    server.shutdown()
    server.server_close()


@pytest.fixture
def with_keys(run, monkeypatch):
    """Return the runner of verbs, with credentials and no proxy."""
    for name in errors.PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return run


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param((407, "text/html", PAGE), "HTTP 407, an HTML page", id="a proxy asks for a password"),
        pytest.param((200, "text/html", PAGE), "HTTP 200, an HTML page", id="a network's login page"),
        pytest.param((403, "text/html", PAGE), "HTTP 403, an HTML page", id="a filter forbids"),
        pytest.param((200, "text/plain", b""), "HTTP 200, an empty answer", id="nothing"),
        pytest.param((200, "text/plain", b"hello"), "HTTP 200, no XML", id="another server"),
    ],
)
def test_what_answers_in_place_of_aws_is_named_with_its_address(with_keys, answers, monkeypatch, answer, why):
    address = answers(*answer)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    code, told, _ = with_keys("status")
    assert (code, len(told)) == (6, 4)
    assert told[0] == "✗ E603 what answered is not AWS"
    assert told[1] == f"  {address}"
    assert told[2] == f"  GetCallerIdentity was answered with {why}"
    assert all(word in told[3] for word in ("AWS_ENDPOINT_URL", "HTTPS_PROXY"))


def test_the_page_of_a_proxy_on_the_way_is_told_without_the_proxys_password(with_keys, answers, monkeypatch):
    """AWS's address is right: what leads there is not."""
    address = answers(407, "text/html", PAGE)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://sts.example.invalid")
    monkeypatch.setenv("HTTP_PROXY", address.replace("//", "//ada:secret@"))
    code, told, _ = with_keys("status")
    assert (code, told[1]) == (6, "  http://sts.example.invalid")
    assert "set: HTTP_PROXY" in told[3]
    assert "secret" not in "".join(told)


@pytest.mark.parametrize("address", ["nonsense", "http://", "http:// spaces"])
def test_an_address_that_is_none_is_said(with_keys, monkeypatch, address):
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    code, told, _ = with_keys("status")
    assert (code, len(told)) == (6, 4)
    assert told[0] == "✗ E604 boto3 cannot use the address of AWS"
    assert "AWS_ENDPOINT_URL" in told[1]
