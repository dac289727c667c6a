"""Where the seconds of `make local-test` go: its steps, its jobs, and what is neither.

In:   --turns (3) of a fresh bake, each in an emulator of its own; --before COMMIT, the same of an older
      template in turn with this one, its wheels from its own vendor/, every other package this environment's
Out:  Markdown: the seconds of each step (medians), whole and pipeline as multiples of the jobs' own seconds,
      the largest costs, what each program takes to start, and `make check` of the bake
Run:  .venv/bin/python benchmarks/local_test.py [--before f209334]

The command is `make local-test` in a warm environment, as a person waits for it; the rest is of a second run,
which is taken apart. There the whole is from the emulator's start to the end of the verb; a job's seconds are
those between its start and its end as SageMaker tells them, its parts those between its log lines. All of it
is wall time: run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import starts  # noqa: E402

from tools import bake as tool  # noqa: E402

WATCH = Path(__file__).with_name("job_times.py")
LARGEST = 10
AWS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "PYTHONDONTWRITEBYTECODE")
Costs = dict[str, float]  # what -> seconds


@dataclass
class Side:
    """One template's bake, and what was measured of it."""

    name: str
    project: Path
    overlay: Path  # its vendored wheels, unpacked
    runs: list[Costs] = field(default_factory=list)  # the partition of the wall clock, turn by turn
    steps: list[Costs] = field(default_factory=list)
    totals: list[Costs] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return what its Makefile would set, with its own wheels first."""
        kept = {name: value for name, value in os.environ.items() if name not in AWS}
        tracking = f"sqlite:///{self.project}/build/mlflow.db"
        named = {"MLFLOW_TRACKING_URI": tracking, "MLFLOW_DISABLE_TELEMETRY": "true"}
        return kept | named | {"GX_ANALYTICS_ENABLED": "false", "PYTHONPATH": str(self.overlay)}


def main() -> None:
    """Bake, release in turn, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--before", metavar="COMMIT", help="an older template to run beside this one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="local-test-") as folder:
        scratch = Path(folder)
        sides = [made("now", tool.copy_tracked, scratch)]
        if args.before:
            with worktree(args.before, scratch / "worktree") as old:
                sides.insert(0, made(args.before[:7], lambda target: copy_template(old, target), scratch))
        for _ in range(args.turns):
            for side in sides:
                release(side)
        tell(sides, args.turns)
        starts.tell(sides[-1].project, sides[-1].environment())
        print(f"\n`make check` of a bake, its second run: {checked(sides[-1]):.1f} s (wanted: 15 s)")


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out beside the repository, for as long as the block lasts."""
    tool.git(ROOT, "worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        tool.git(ROOT, "worktree", "remove", "--force", str(folder))


def copy_template(source: Path, target: Path) -> None:
    """Copy what makes up the template."""
    for name in tool.TEMPLATE:
        copy = shutil.copytree if (source / name).is_dir() else shutil.copy2
        copy(source / name, target / name)


def made(name: str, copy: Any, scratch: Path) -> Side:
    """Return a bake of the template that `copy` writes, and its wheels in a folder of their own."""
    template, overlay = scratch / f"{name}-template", scratch / f"{name}-wheels"
    template.mkdir()
    copy(template)
    project = tool.bake(template, scratch / name, {})
    tool.commit(project)
    wheels = [str(path) for path in (project / "vendor").glob("*.whl")]
    put = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
    subprocess.run([*put, "--target", str(overlay), *wheels], check=True)
    return Side(name, project, overlay)


def command(side: Side) -> float:
    """Return the seconds of `make local-test`, from the prompt to the prompt; what is installed stays."""
    shutil.rmtree(side.project / "build", ignore_errors=True)
    words = ["make", "--no-print-directory", "local-test", f"VENV={sys.prefix}"]
    ready = ["--old-file=setup"]  # the same environment for both sides: each has its own pins
    began = time.perf_counter()
    done = subprocess.run(
        [*words, *ready],
        cwd=side.project,
        env=side.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - began


def release(side: Side) -> None:
    """Run `make local-test` once as a command, once to be taken apart."""
    commanded = command(side)
    shutil.rmtree(side.project / "build", ignore_errors=True)
    (side.project / "build").mkdir()
    out = side.project / "build" / "times.json"
    words = [sys.executable, "-m", "sagemaker_emulator", "run", "--", sys.executable, str(WATCH), str(out)]
    began = time.time()
    done = subprocess.run(
        words, cwd=side.project, env=side.environment(), capture_output=True, text=True, check=False
    )
    ended = time.time()
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    told = json.loads(out.read_text())
    jobs = sum(job["end"] - job["start"] for job in told["jobs"])
    pipeline = span([moment for step in told["pipeline"] for moment in (step["start"], step["end"])])
    whole = told["ended"] - began  # asking about the jobs comes after it
    side.steps.append({step["name"]: step["seconds"] for step in told["steps"]})
    side.totals.append({"command": commanded, "whole": whole, "jobs": jobs, "pipeline": pipeline})
    side.runs.append(taken_apart(told, began))
    print(
        f"{side.name}: {commanded:.1f} s the command; {whole:.1f} s whole, {jobs:.1f} s jobs, "
        f"{ended - began:.1f} s with the asking",
        flush=True,
    )


def taken_apart(told: dict[str, Any], began: float) -> Costs:
    """Return where the wall clock went: jobs by log lines, steps less their jobs, the rest."""
    steps = {step["name"]: step["seconds"] for step in told["steps"]}
    costs: Costs = {"emulator: start": told["began"] - began}
    costs["verb: start, end and report"] = told["ended"] - told["began"] - sum(steps.values())
    for job in told["jobs"]:
        steps[job["step"]] -= job["end"] - job["start"]
        for part, seconds in job_parts(job).items():
            costs[f"{job['step']}: {part}"] = seconds
    costs |= {f"{name}: around its job" if name in JOBS else name: seconds for name, seconds in steps.items()}
    return costs


JOBS = ("validate", "train", "evaluate")


def job_parts(job: dict[str, Any]) -> Costs:
    """Return the parts of a job between its log lines; a training has epochs, the others a verdict."""
    first, last = job["lines"][0][0], job["lines"][-1][0]
    epochs = [at for at, word in job["lines"] if word == "epoch"]
    if not epochs:
        return {"start to verdict": first - job["start"], "end": job["end"] - first}
    parts = {"start to rows read": first - job["start"], f"{len(epochs)} epochs": epochs[-1] - first}
    return parts | {"ONNX export, MLflow's end": last - epochs[-1], "end": job["end"] - last}


def span(moments: list[float]) -> float:
    """Return the seconds from the first moment to the last."""
    return max(moments) - min(moments)


def middles(runs: list[Costs]) -> Costs:
    """Return the median of each figure over the turns."""
    found: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for name, seconds in run.items():
            found[name].append(seconds)
    return {name: median(values) for name, values in found.items()}


def table(first: str, sides: list[Side], rows: dict[str, list[str]]) -> None:
    """Print a Markdown table with a column for each side."""
    print(f"\n| {first} | " + " | ".join(side.name for side in sides) + " |")
    print("|---" * (len(sides) + 1) + "|")
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def tell(sides: list[Side], turns: int) -> None:
    """Print steps, totals and the largest costs."""
    steps = [middles(side.steps) for side in sides]
    rows = {name: [seconds(each, name) for each in steps] for name in steps[-1]}
    table(f"step, seconds, median of {turns}", sides, rows)
    totals = [middles(side.totals) for side in sides]
    rows = {
        name: [seconds(each, name) for each in totals] for name in ("command", "whole", "pipeline", "jobs")
    }
    for name in ("whole", "pipeline"):
        rows[f"{name} / jobs"] = [
            f"{median(run[name] / run['jobs'] for run in side.totals):.2f}" for side in sides
        ]
    table("`make local-test`, seconds", sides, rows)
    costs = [middles(side.runs) for side in sides]
    largest = sorted(costs[-1], key=costs[-1].__getitem__, reverse=True)[:LARGEST]
    table(
        f"{LARGEST} largest costs, seconds", sides, {n: [seconds(each, n) for each in costs] for n in largest}
    )


def seconds(costs: Costs, name: str) -> str:
    """Return one figure for a table."""
    return f"{costs[name]:.1f}" if name in costs else "-"


def checked(side: Side) -> float:
    """Return the seconds of `make check` in a bake, run a second time: the first fills caches."""
    command = ["make", "--no-print-directory", "--old-file=setup", "check", f"VENV={sys.prefix}"]
    for _ in range(2):
        began = time.perf_counter()
        subprocess.run(command, cwd=side.project, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
