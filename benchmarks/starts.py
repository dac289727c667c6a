"""What each program of a release takes to start: the interpreter and its imports, before it does anything."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

PROGRAMS = {  # what starts in a release, and what it has imported before it works
    "emulator": "import sagemaker_emulator.server",
    "verb": "import pipelines.__main__",
    "SDK, for the definition": "from sagemaker_gitops import sdk; sdk.load()",
    "validate": "from data_checks import validate, gx_import; gx_import.great_expectations()",
    "train": "import training.train",
    "MLflow, beside train": "import training.recording; from mlflow import MlflowClient",
    "evaluate": "import training.evaluate",
    "server": "import inference.server",
}


def tell(project: Path, environment: dict[str, str]) -> None:
    """Print what each program's start costs, and the packages that cost most of it."""
    print("\n| program | interpreter and imports, seconds | most of it, seconds |\n|---|---|---|")
    for name, imports in PROGRAMS.items():
        took = median(started(project, environment, imports) for _ in range(3))
        print(f"| {name} | {took:.2f} | {', '.join(heaviest(project, environment, imports))} |")


def started(project: Path, environment: dict[str, str], imports: str) -> float:
    """Return the seconds of a process that imports and ends at once."""
    ending = "; import os; os._exit(0)"
    began = time.perf_counter()
    command = [sys.executable, "-c", imports + ending]
    subprocess.run(command, cwd=project, env=environment, check=True)
    return time.perf_counter() - began


def heaviest(project: Path, environment: dict[str, str], imports: str) -> list[str]:
    """Return the three packages whose own modules take longest, by -X importtime."""
    command = [sys.executable, "-X", "importtime", "-c", imports]
    done = subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, text=True)
    own: dict[str, float] = defaultdict(float)
    for micros, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", done.stderr, re.MULTILINE):
        own[module.split(".")[0]] += int(micros) / 1e6
    largest = sorted(own, key=own.__getitem__, reverse=True)[:3]
    return [f"{package} {own[package]:.2f}" for package in largest]
