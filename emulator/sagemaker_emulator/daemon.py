"""`up`, `down`, `status`: one emulator in the background, its variables in .emulator/env, its log there too.

The running server holds a lock on .emulator/lock for as long as it lives, so that `down` never signals a
stranger that was given an old process id, and a crash leaves nothing to clean up.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from sagemaker_emulator import environment, listening

STOP_SECONDS = 20.0  # shutdown asks jobs and endpoints to end first, and they have their grace


def up(port: int, home: Path, region: str | None) -> int:
    """Start one in the background unless one is up here; write .emulator/env; return the exit code."""
    home.mkdir(parents=True, exist_ok=True)
    state = _state(home)
    if state is not None:
        print(f"already up at {state['url']}; its variables: . {home / 'env'}")
        return 0
    command = [sys.executable, "-m", "sagemaker_emulator", "serve", "--port", str(port), "--home", str(home)]
    if region:
        command += ["--region", region]
    with (home / "emulator.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    assert process.stdout is not None
    first = process.stdout.readline().decode().strip()
    if first.startswith("up "):
        print(f"{first}; its variables: . {home / 'env'}")
        return 0
    process.wait()
    if first == "taken":
        return port_taken(port)
    print(f"sagemaker-emulator did not start; see {home / 'emulator.log'}", file=sys.stderr)
    return 1


def down(home: Path) -> int:
    """Stop the one that is up here, wait until it and all it started have ended; return the exit code."""
    state = _state(home)
    if state is None:
        print("nothing is up here")
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _state(home) is not None:
        if time.monotonic() > deadline:
            print(f"process {state['pid']} did not stop within {STOP_SECONDS:.0f} s", file=sys.stderr)
            return 1
        time.sleep(0.05)
    print("down")
    return 0


def status(home: Path) -> int:
    """Say whether one is up here: exit 0 when it is, 1 when not."""
    state = _state(home)
    print(f"up at {state['url']}, process {state['pid']}" if state else "down")
    return 0 if state else 1


def serve(port: int, home: Path, region: str | None) -> int:
    """Be the server, in the foreground, until SIGTERM or Ctrl-C."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["SAGEMAKER_EMULATOR_HOME"] = str(home)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with (home / "lock").open("a", encoding="utf-8") as lock:
        if not _lock(lock):
            print("locked", flush=True)
            return 1
        try:
            listener = listening.bind(port)
        except listening.PortTaken:
            print("taken", flush=True)
            return port_taken(port)
        from sagemaker_emulator import server  # and with it moto, which takes a second

        try:
            with server.running(listener) as url:
                _write_state(home, url, region)
                print(f"up at {url}", flush=True)
                server.wait_for_signal(stop)
        finally:
            for name in ("env", "state.json"):
                (home / name).unlink(missing_ok=True)
    return 0


def port_taken(port: int) -> int:
    """Say that the port is taken and what to do, in four lines; return the exit code 5."""
    print(
        f"✗ E509 port {port} is taken\n"
        f"  {listening.HOST}:{port}\n"
        f"  another program listens there, perhaps an emulator started elsewhere\n"
        f"  stop that program, or choose another port with --port",
        file=sys.stderr,
    )
    return 5


def _write_state(home: Path, url: str, region: str | None) -> None:
    (home / "env").write_text(environment.shell(environment.variables(url, home, region)), encoding="utf-8")
    state = {"pid": os.getpid(), "url": url}
    (home / "state.json").write_text(json.dumps(state), encoding="utf-8")


def _state(home: Path) -> dict[str, int | str] | None:
    """Return pid and url of the emulator that is up, or None; a lock nobody holds is left from a crash."""
    try:
        with (home / "lock").open(encoding="utf-8") as lock:
            if _lock(lock):
                return None
        return json.loads((home / "state.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
