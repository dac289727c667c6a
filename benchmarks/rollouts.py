"""Twenty healthy rollouts under load, on the emulator: does any request fail, and what does p99 do meanwhile?

In:   --rounds (5) of each strategy, --clients (4) that ask all the time and never try twice
Out:  a table, one row each for canary, linear, all at once, rolling: requests, how many failed, p99 before,
      during and after; exit 1 where one failed, or an answer was not that of the release which it names
Run:  .venv/bin/python benchmarks/rollouts.py

Two instances of the template's own server behind one endpoint, with a tiny model; plain boto3 asks for the
updates, with an alarm on the new fleet's 5xx. Bakes are AWS's minutes, scaled to --minute seconds; latency is
not scaled. Clients, emulator and containers share this machine: what counts is the change while it lasts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent)]

import fleet  # noqa: E402

SETTLED_SECONDS = 3  # of load before each rollout, and after it
PAUSE = 0.02  # seconds between two requests of one client
MINUTE = 60  # AWS's seconds
BAKE, FINAL = 2 * MINUTE, 2 * MINUTE


def blue_green(kind: str, **size: Any) -> dict[str, Any]:
    """Return the policy that starts a second fleet; with a size, in steps of one of its two instances."""
    sizes = {name: {"Type": "CAPACITY_PERCENT", "Value": 50} for name in size.values()}
    routing = {"Type": kind, **sizes, "WaitIntervalInSeconds": BAKE if sizes else 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": FINAL}
    return {"BlueGreenUpdatePolicy": policy}


ONE_AT_A_TIME = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": BAKE}
STRATEGIES = {
    "canary": blue_green("CANARY", step="CanarySize"),
    "linear": blue_green("LINEAR", step="LinearStepSize"),
    "all at once": blue_green("ALL_AT_ONCE"),
    "rolling": {"RollingUpdatePolicy": ONE_AT_A_TIME},
}
PHASES = ("before", "during", "after")


@dataclass
class Figures:
    """What the clients met in the rollouts of one strategy."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by phase
    failed: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)  # seconds of each update


@dataclass
class Load:
    """Clients that ask until the block ends."""

    endpoint: fleet.Endpoint
    clients: int
    figures: Figures
    phase: str = "before"
    releases: set[str] = field(default_factory=set)  # that answered in this phase

    def __enter__(self) -> Load:
        """Start the clients."""
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def turn(self, phase: str) -> None:
        """Count what is asked from now on under another phase."""
        self.phase, self.releases = phase, set()

    def _run(self) -> None:
        runtime = fleet.client("sagemaker-runtime")
        while not self._stop.wait(PAUSE):
            phase, began = self.phase, time.perf_counter()
            try:
                release = self.endpoint.ask(runtime)
            except Exception as error:
                self.figures.failed.append(f"{phase}: {type(error).__name__}: {error}")
                continue
            self.figures.seconds[phase].append(time.perf_counter() - began)
            if phase == self.phase:
                self.releases.add(release)


def main() -> int:
    """Start an emulator and this program again under it; there, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rollouts of each strategy")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--minute", type=float, default=1.0, help="seconds for a minute of waiting")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        return measure(args.rounds, args.clients)
    paths = [str(ROOT / "emulator"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "sagemaker_emulator", "run", "--region", "us-east-1"]
    command += ["--minute", str(args.minute), "--", sys.executable, *sys.argv, "--inside"]
    return subprocess.run(command, env=environment, check=False).returncode


def measure(rounds: int, clients: int) -> int:
    """Roll out, in turn by every strategy; print the table."""
    began = time.monotonic()
    figures = {strategy: Figures() for strategy in STRATEGIES}
    with tempfile.TemporaryDirectory() as folder:
        endpoint = fleet.Endpoint(Path(folder))
        for _ in range(rounds):
            for strategy, deployment in STRATEGIES.items():
                roll(endpoint, Load(endpoint, clients, figures[strategy]), deployment)
        endpoint.delete()
    tell(figures, time.monotonic() - began)
    return int(any(each.failed for each in figures.values()))


def roll(endpoint: fleet.Endpoint, load: Load, deployment: dict[str, Any]) -> None:
    """Bring the endpoint to its other release under load."""
    with load:
        time.sleep(SETTLED_SECONDS)
        load.turn("during")
        began = time.monotonic()
        wanted = endpoint.update(deployment)
        load.figures.took.append(time.monotonic() - began)
        load.turn("after")
        time.sleep(SETTLED_SECONDS)
    if load.releases != {wanted}:
        load.figures.failed.append(f"after the rollout answered {sorted(load.releases)}")


def tell(figures: dict[str, Figures], seconds: float) -> None:
    """Print one row for each strategy."""
    rollouts = sum(len(each.took) for each in figures.values())
    print(f"{rollouts} healthy rollouts of {fleet.INSTANCES} instances under load, in {seconds:.0f} s")
    print(f"{'':12} rollouts  requests  failed   p99 ms: before  during   after   update s")
    for strategy, each in figures.items():
        requests = sum(map(len, each.seconds.values())) + len(each.failed)
        before, during, after = (1000 * p99(each.seconds[phase]) for phase in PHASES)
        told = f"{strategy:12} {len(each.took):8} {requests:9,} {len(each.failed):7}"
        mean = sum(each.took) / len(each.took)
        print(f"{told} {before:16.0f} {during:7.0f} {after:7.0f} {mean:10.1f}")
    for trouble in [trouble for each in figures.values() for trouble in each.failed][:10]:
        print(f"  {trouble}")


def p99(seconds: list[float]) -> float:
    """Return what one in a hundred takes longer than."""
    return sorted(seconds)[int(0.99 * len(seconds))] if seconds else float("nan")


if __name__ == "__main__":
    sys.exit(main())
