"""The application without a socket: routes, status codes, error bodies, limits."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import app as module
from inference.app import App
from inference.predictor import Predictor
from tests.tiny_models import AGE, GAIN, make_model

ROWS = {"instances": [[30, None, "cook", True], [20, 1.5, None, False]]}
ANSWERS = [0.75026, 0.38107]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any


def make_app(folder: Path, **changes: Any) -> App:
    """Return an application around a tiny model."""
    return App(Predictor.load(make_model(folder, release="abc123", **changes)), package="7")


async def call(
    app: App, method: str, path: str, body: bytes = b"", kind: str = "application/json", **headers: str
):
    """Send one request in chunks and return what came back."""
    sent: list[dict[str, Any]] = []
    chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages[-1]["more_body"] = False

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    known = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in known.items()]
    await app({"type": "http", "method": method, "path": path, "headers": pairs}, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], head, json.loads(sent[1]["body"] or "null"))


def ask(
    app: App, method: str, path: str, body: bytes | dict = b"", kind: str = "application/json", **headers: str
):
    """Send one request and wait for its answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(call(app, method, path, raw, kind, **headers))


def test_predictions_come_back_in_the_order_of_the_rows_with_release_and_package(tmp_path):
    answer = ask(make_app(tmp_path), "POST", "/invocations", ROWS)
    assert answer.status == 200
    assert answer.body == {"predictions": pytest.approx(ANSWERS, abs=1e-4)}
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "release=abc123;package=7"
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) > 20


def test_multiclass_answers_hold_a_probability_for_each_class(tmp_path):
    body = ask(make_app(tmp_path, task="multiclass"), "POST", "/invocations", ROWS).body
    assert np.sum(body["predictions"], axis=1) == pytest.approx([1.0, 1.0], abs=1e-5)
    assert np.shape(body["predictions"]) == (2, 3)


def test_ping_answers(tmp_path):
    assert ask(make_app(tmp_path), "GET", "/ping").status == 200


@pytest.mark.parametrize(
    ("method", "path", "kind", "body", "status", "code"),
    [
        pytest.param("GET", "/", "", b"", 404, "not_found", id="an unknown path"),
        pytest.param(
            "POST", "/invocations/", "application/json", ROWS, 404, "not_found", id="a slash too many"
        ),
        pytest.param("GET", "/invocations", "", b"", 405, "method_not_allowed", id="reading predictions"),
        pytest.param(
            "POST", "/ping", "application/json", b"", 405, "method_not_allowed", id="posting a ping"
        ),
        pytest.param(
            "POST", "/invocations", "text/plain", b"x", 415, "unsupported_media_type", id="plain text"
        ),
        pytest.param("POST", "/invocations", "", ROWS, 415, "unsupported_media_type", id="no content type"),
        pytest.param(
            "POST", "/invocations", "application/x-npy", b"x", 415, "unsupported_media_type", id="npy"
        ),
        pytest.param(
            "POST", "/invocations", "application/json", b"{", 400, "malformed_json", id="half a body"
        ),
        pytest.param(
            "POST", "/invocations", "application/json", {"instances": []}, 400, "empty", id="no rows"
        ),
    ],
)
def test_what_the_client_got_wrong_has_its_own_status_and_code(
    tmp_path, method, path, kind, body, status, code
):
    answer = ask(make_app(tmp_path), method, path, body, kind)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert answer.body["error"].keys() == {"code", "message", "row", "column"}
    assert "x-amzn-sagemaker-custom-attributes" in answer.headers


def test_a_wrong_value_is_answered_with_row_and_column_and_logged_without_the_value(tmp_path, caplog):
    rows = {"instances": [[30, None, "cook", True], [30, None, "SECRET", True]]}
    with caplog.at_level(logging.INFO):
        answer = ask(make_app(tmp_path), "POST", "/invocations", rows)
    assert answer.status == 400
    assert (answer.body["error"]["row"], answer.body["error"]["column"]) == (1, "job")
    assert "SECRET" not in json.dumps(answer.body) + caplog.text
    assert (
        "event=error status=400 code=unknown_category row=1 column='job' release=abc123 package=7"
        in caplog.text
    )


def test_a_clients_own_column_name_is_answered_as_json_and_never_logged(tmp_path, caplog):
    forged = "x\nlevel=INFO event=ready SECRET"
    row = {"age": 30, "gain": None, "job": "cook", "member": True, forged: 1}
    with caplog.at_level(logging.INFO):
        answer = ask(make_app(tmp_path), "POST", "/invocations", {"instances": [row]})
    assert (answer.body["error"]["code"], answer.body["error"]["column"]) == ("extra_column", forged)
    assert "code=extra_column row=0 column=None release=abc123" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_wrong_method_says_which_one_is_right(tmp_path):
    assert ask(make_app(tmp_path), "GET", "/invocations").headers["allow"] == "POST"


def test_a_model_that_answers_nan_is_an_error_of_the_server_and_not_a_null(tmp_path):
    answer = ask(make_app(tmp_path, bias=float("nan")), "POST", "/invocations", ROWS)
    assert answer.status == 500
    assert answer.body["error"] | {"message": ""} == {
        "code": "not_finite",
        "message": "",
        "row": 0,
        "column": None,
    }


def test_an_unforeseen_error_is_a_500_without_its_text(tmp_path, caplog):
    def fail(content_type: str, body: bytes) -> None:
        raise RuntimeError("SECRET")

    app = make_app(tmp_path)
    app.predictor = type("Broken", (), {"answer": staticmethod(fail), "contract": app.predictor.contract})()
    answer = ask(app, "POST", "/invocations", ROWS)
    assert (answer.status, answer.body["error"]["code"]) == (500, "internal")
    assert "SECRET" not in json.dumps(answer.body) + caplog.text
    assert "event=failed error=RuntimeError at=" in caplog.text


@pytest.mark.parametrize("announced", [{}, {"content_length": "99999999"}], ids=["unannounced", "announced"])
def test_a_body_over_the_limit_is_refused_and_not_kept(tmp_path, monkeypatch, announced):
    monkeypatch.setattr(module, "MAX_BODY_BYTES", 1_000_000)
    answer = ask(make_app(tmp_path), "POST", "/invocations", b" " * 1_000_001, **announced)
    assert (answer.status, answer.body["error"]["code"]) == (413, "too_large")
    assert answer.headers["connection"] == "close"


def test_a_body_at_the_limit_is_taken(tmp_path, monkeypatch):
    body = json.dumps(ROWS).encode()
    monkeypatch.setattr(module, "MAX_BODY_BYTES", len(body))
    assert ask(make_app(tmp_path), "POST", "/invocations", body).status == 200


def test_an_endless_body_is_cut_off_at_twice_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_BODY_BYTES", 1_000_000)
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": bytes(65536), "more_body": True}

    response = asyncio.run(module.read_body(receive, {}))
    assert response.status == 413
    assert read <= 2_000_000 + 2 * 65536


def test_a_client_that_goes_away_gets_no_answer(tmp_path):
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        pytest.fail("an answer to nobody")

    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": []}
    asyncio.run(make_app(tmp_path)(scope, receive, send))


def test_a_large_body_is_parsed_off_the_event_loop_so_that_ping_is_answered_meanwhile(tmp_path):
    app, order, release = make_app(tmp_path), [], threading.Event()
    answer = app.predictor.answer

    def slow(content_type: str, body: bytes) -> np.ndarray:
        release.wait(10)
        return answer(content_type, body)

    app.predictor = type("Slow", (), {"answer": staticmethod(slow), "contract": app.predictor.contract})()
    large = json.dumps({"instances": [[30, None, "cook", True]] * 30_000}).encode()
    assert len(large) > module.LARGE_BODY_BYTES

    async def both() -> None:
        async def invoke() -> None:
            result = await call(app, "POST", "/invocations", large)
            order.append(len(result.body["predictions"]))

        task = asyncio.create_task(invoke())
        await asyncio.sleep(0.05)
        order.append((await call(app, "GET", "/ping")).status)
        release.set()
        await task

    asyncio.run(both())
    assert order == [200, 30_000]


def test_a_body_that_does_not_arrive_is_given_up_and_frees_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    monkeypatch.setattr(module, "LARGE_IN_MEMORY", 1)
    app = make_app(tmp_path)

    async def stalled() -> list[int]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": []}
        await asyncio.wait_for(app(scope, asyncio.Event().wait, send), 5)
        after = await call(app, "POST", "/invocations", json.dumps(ROWS).encode())
        return [sent[0]["status"], after.status]

    assert asyncio.run(stalled()) == [408, 200]


def test_only_a_few_large_bodies_are_read_at_a_time_and_small_ones_need_not_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGE_IN_MEMORY", 2)
    app, reading = make_app(tmp_path), []

    async def crowd() -> int:
        async def receive() -> dict[str, Any]:
            reading.append(1)
            return await asyncio.Event().wait()

        scope = {"type": "http", "method": "POST", "path": "/invocations"}
        scope["headers"] = [(b"content-length", b"9000000")]
        tasks = [asyncio.create_task(app(scope, receive, None)) for _ in range(5)]
        await asyncio.sleep(0.05)
        body = json.dumps(ROWS).encode()
        answer = await call(app, "POST", "/invocations", body, content_length=str(len(body)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return answer.status

    assert asyncio.run(crowd()) == 200
    assert len(reading) == 2


def test_a_model_of_numbers_takes_npy(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([[30.0, np.nan]]))
    app = make_app(tmp_path, features=[AGE, GAIN], weights=(0.05, 0.01))
    assert ask(app, "POST", "/invocations", stream.getvalue(), "application/x-npy").status == 200


def test_concurrent_answers_are_those_of_one_after_the_other(tmp_path):
    app = make_app(tmp_path)
    bodies = [json.dumps({"instances": [[age, None, "cook", True]]}).encode() for age in range(50)]

    async def together() -> list[Any]:
        answers = await asyncio.gather(*[call(app, "POST", "/invocations", body) for body in bodies])
        return [answer.body for answer in answers]

    assert asyncio.run(together()) == [ask(app, "POST", "/invocations", body).body for body in bodies]
