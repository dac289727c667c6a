"""The server as a process: it starts, answers, says why it does not, and goes when told."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.server import CONNECTIONS
from tests.tiny_models import add_golden, make_model

ROOT = Path(__file__).parents[2]
ROW = [30, None, "cook", True]


def make_base(folder: Path, prediction: float = 0.75026) -> Path:
    """Lay out what SageMaker mounts: a served model directory below the base."""
    add_golden(make_model(folder / "model", release="abc123"), [ROW], [prediction])
    return folder


def start(base: Path, port: int = 0) -> subprocess.Popen[str]:
    """Start the container's command."""
    changes = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "INFERENCE_HOST": "127.0.0.1",
    }
    command = [sys.executable, "-m", "inference.server", "serve"]
    environment = {**os.environ, **changes, "MODEL_PACKAGE_VERSION": "7"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for_end(process: subprocess.Popen[str]) -> str:
    """Return what a process printed until it ended by itself; one that goes on serving is stopped."""
    try:
        return process.communicate(timeout=30)[0]
    finally:
        process.kill()


@contextmanager
def serving(base: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server on a free port until it answers, and end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start(base, port)
    try:
        for _ in range(200):
            try:
                if ask(port, "GET", "/ping")[0] == 200:
                    break
            except OSError:
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
        yield process, port
    finally:
        process.kill()
        process.wait()


def ask(port: int, method: str, path: str, body: bytes = b"", kind: str = "application/json"):
    """Send one request on its own connection and return status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"Content-Type": kind})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.headers), content


def heard(port: int, body: bytes) -> tuple[int, bytes]:
    """Ask for predictions; return status and body, 0 where the server hung up."""
    try:
        status, _, content = ask(port, "POST", "/invocations", body)
    except (OSError, http.client.HTTPException):
        return 0, b""
    return status, content


def test_it_answers_as_sagemaker_asks_and_drains_on_sigterm(tmp_path):
    body = json.dumps({"instances": [ROW]}).encode()
    with serving(make_base(tmp_path)) as (process, port):
        status, headers, content = ask(port, "POST", "/invocations", body)
        assert status == 200
        assert json.loads(content)["predictions"] == pytest.approx([0.75026], abs=1e-4)
        assert headers["x-amzn-sagemaker-custom-attributes"] == "release=abc123;package=7"
        assert ask(port, "POST", "/invocations", b" " * (25 * 1024 * 1024 + 1))[0] == 413
        assert ask(port, "POST", "/invocations", body)[0] == 200

        large = json.dumps({"instances": [ROW] * 200_000}).encode()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.putrequest("POST", "/invocations")
        client.putheader("Content-Type", "application/json")
        client.putheader("Content-Length", str(len(large)))
        client.endheaders(large[:-1])
        time.sleep(0.3)  # the server has all but the last byte when the signal comes
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        client.send(large[-1:])
        with client.getresponse() as answer:
            status, content = answer.status, answer.read()
        output, _ = process.communicate(timeout=20)
    assert status == 200
    assert len(json.loads(content)["predictions"]) == 200_000
    assert process.returncode == 0
    assert "event=ready" in output
    assert all(line.startswith("level=") for line in output.splitlines())
    assert "Traceback" not in output


HOSTILE = {
    "larger than the limit": (b" " * (25 * 1024 * 1024 + 1), 413),
    "empty": (b"", 400),
    "half a body": (b'{"instances": [[30', 400),
    "not UTF-8": (b'{"instances": [[30, null, "\xff", true]]}', 400),
    "NaN": (b'{"instances": [[NaN, null, "cook", true]]}', 400),
    "nested a hundred thousand times": (b"[" * 100_000, 400),
    "a million rows, the last one wrong": (
        b'{"instances": [' + b'[1,2,"cook",true],' * 999_999 + b'[1,2,"cook",9]]}',
        400,
    ),
}
MEMORY = 1.5 * 2**30  # a million rows are 18 MB of text and 4 million Python objects


def test_hostile_bodies_cost_a_4xx_each_and_the_server_answers_on_in_bounded_memory(tmp_path):
    good = json.dumps({"instances": [ROW]}).encode()
    with serving(make_base(tmp_path)) as (process, port):
        right = heard(port, good)
        for name, (body, status) in HOSTILE.items():
            assert (name, heard(port, body)[0]) == (name, status)  # within a minute
            assert heard(port, good) == right, name
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():  # macOS has none
            (peak,) = [line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line]
            assert int(peak) * 1024 < MEMORY
        assert process.poll() is None


def test_two_hundred_requests_at_once_get_the_answers_of_one_after_the_other(tmp_path):
    jobs = ("clerk", "cook", "smith")
    bodies = [
        json.dumps({"instances": [[number % 100, number / 7, jobs[number % 3], True]] * (1 + number % 5)})
        for number in range(200)
    ]
    with serving(make_base(tmp_path)) as (_, port):
        alone = [heard(port, body.encode()) for body in bodies]
        gate = threading.Barrier(len(bodies))

        def at_once(body: str) -> tuple[int, bytes]:
            gate.wait(30)
            return heard(port, body.encode())

        with ThreadPoolExecutor(len(bodies)) as pool:
            together = list(pool.map(at_once, bodies))
    assert {status for status, _ in alone} == {200}
    assert len(set(alone)) > 150  # the answers do differ
    assert together == alone


def test_connections_beyond_the_limit_are_told_so_and_the_server_recovers(tmp_path):
    with serving(make_base(tmp_path)) as (_, port):
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        assert ask(port, "GET", "/ping")[0] == 503
        for connection in crowd:
            connection.close()
        time.sleep(0.5)
        assert ask(port, "GET", "/ping")[0] == 200


def test_it_loads_neither_pytorch_nor_what_only_jobs_need(tmp_path):
    code = "import sys, inference.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "torch",
        "pandas",
        "pyarrow",
        "sklearn",
        "great_expectations",
        "mlflow",
        "boto3",
        "onnx",
    }


def break_nothing_but_the_answer(base: Path) -> None:
    """Record another golden answer than the model gives."""
    make_base(base, prediction=0.7)


def remove_everything(base: Path) -> None:
    """Leave an empty model directory."""
    for path in (base / "model").iterdir():
        path.unlink()


def remove_the_hashes(base: Path) -> None:
    """Leave a model that nobody vouches for."""
    (base / "model" / "hashes.json").unlink()


def vouch_for_less(base: Path) -> None:
    """Take the golden requests out of hashes.json."""
    path = base / "model" / "hashes.json"
    hashes = json.loads(path.read_text())
    del hashes["golden.json"]
    path.write_text(json.dumps(hashes))


def swap_the_graph(base: Path) -> None:
    """Put another graph under the old hashes."""
    make_model(base / "other", bias=-3.0)
    (base / "other" / "model.onnx").rename(base / "model" / "model.onnx")


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        pytest.param(remove_everything, "hashes.json is missing", id="an empty directory"),
        pytest.param(remove_the_hashes, "hashes.json is missing", id="no hashes"),
        pytest.param(vouch_for_less, "hashes.json does not name golden.json", id="golden requests unproven"),
        pytest.param(swap_the_graph, "model.onnx is not the file that was evaluated", id="a swapped graph"),
        pytest.param(
            break_nothing_but_the_answer, "golden request 0 of 1 got another answer", id="other answers"
        ),
    ],
)
def test_a_broken_model_directory_ends_it_at_once_with_one_line(tmp_path, breaking, words):
    breaking(make_base(tmp_path))
    process = start(tmp_path)
    output = wait_for_end(process)
    assert process.returncode == 1
    assert output.count("\n") == 1
    assert "event=refused" in output
    assert words in output


def test_a_port_that_is_taken_ends_it_without_a_traceback(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(make_base(tmp_path), taken.getsockname()[1])
        output = wait_for_end(process)
    assert process.returncode != 0
    assert "address already in use" in output
    assert "Traceback" not in output
