"""What happens to a release around it: AWS rolls back in silence, answers get lost, the runner dies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagemaker_gitops import delivery, endpoints, registry
from sagemaker_gitops.errors import DeployFailed
from sagemaker_gitops.registry import Package
from sagemaker_gitops.run import Run

from tests.drill import faults
from tests.drill.scenes import Act

REPEATS = 2  # of a release whose runner was killed
UPDATING_SECONDS = 60.0  # within which a release must have asked for the update


@dataclass(frozen=True)
class Trouble:
    """One trouble, which befalls a good release."""

    name: str
    says: str
    act: Act
    expected: str
    silent: bool = False  # no alarm may ring


def under(*wanted: dict[str, Any]) -> Act:
    """Return a release to production while these faults are set; they must have struck."""

    def act(run: Run, package: Package) -> None:
        endpoint = run.endpoint("production")
        made = [
            faults.inject(**({"endpoint": endpoint} if "service" not in told else {}), **told)
            for told in wanted
        ]
        try:
            delivery.to_production(run, package)
        except Exception as error:
            must_have_struck(made, error)
            raise
        else:
            must_have_struck(made)
        finally:
            faults.clear()

    return act


def must_have_struck(made: list[str], cause: Exception | None = None) -> None:
    """Raise where a fault never struck: whatever came of the release did not come of it."""
    missed = [fault for fault in made if not faults.hits(fault)]
    if missed:
        what = f"; the release raised {type(cause).__name__}: {cause}" if cause else ""
        raise RuntimeError(f"{len(missed)} of {len(made)} faults never struck{what}") from cause


def killed(run: Run, package: Package) -> None:
    """Kill the process that releases while the endpoint is being updated, then release again.

    The alarms soon send back what nobody watches, and a process starts at its own speed while minutes pass in
    a second: the one that goes on may come too late. It says so, holds nothing against the release, and asks
    to release it once more.
    """
    preset = run.settings.environments.production.rollout.preset
    command = [sys.executable, "-m", "tests.drill.promote", preset, package.release_id]
    first = subprocess.Popen(command)
    try:
        until(lambda: updating(run))
    finally:
        first.kill()
        first.wait()
    for _ in range(REPEATS):
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        if again.returncode == 0:
            return
        if registry.describe(run.aws, package.arn).approval == "Rejected":
            break
    what, *rest = [*again.stdout.strip().removeprefix("✗ ").splitlines(), "", "", ""][:4]
    raise DeployFailed("\n".join([what or f"E402 exit {again.returncode}", *rest]))


def updating(run: Run) -> bool:
    """Say whether production is on its way to another release."""
    return endpoints.moving(endpoints.describe(run.aws, run.endpoint("production")))


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + UPDATING_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError("the release never asked for an update")
        time.sleep(0.1)


def on_wire(kind: str, operation: str, **more: Any) -> dict[str, Any]:
    """Return a fault of one SageMaker operation."""
    return {"kind": kind, "service": "sagemaker", "operation": operation, **more}


TROUBLES = (
    Trouble(
        "lost response",
        "the answer to UpdateEndpoint never arrives",
        under(on_wire("drop-after", "UpdateEndpoint")),
        "promoted",
    ),
    Trouble(
        "throttling",
        "AWS refuses calls that come too often",
        under(
            on_wire("throttle", "UpdateEndpoint", times=2),
            on_wire("throttle", "CreateEndpointConfig", times=1),
            on_wire("throttle", "DescribeEndpoint", times=2),
        ),
        "promoted",
    ),
    Trouble("runner killed", "the process that releases is killed and started again", killed, "promoted"),
    Trouble(
        "silent rollback",
        "SageMaker goes back and gives no reason",
        under({"kind": "silent-rollback"}),
        "rolled back",
        silent=True,
    ),
)
