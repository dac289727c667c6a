"""Data Docs: Great Expectations' page about the rows that lie here, written by the project's own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sagemaker_gitops.errors import DataRefused
from sagemaker_gitops.rehearsal import sampled
from sagemaker_gitops.settings import Settings


def write(settings: Settings, root: Path = Path()) -> str:
    """Write build/data_docs.html about the locked rows, or the sample where those are not here; say where.

    Raises:
        DataRefused: E201, the rows are not here, or a rule of the suite cannot be built.
    """
    own = sampled(settings, root)
    asked = ["--key", own.data.key, "--label", own.data.label, "--task", own.training.task]
    command = [sys.executable, "-m", "data_checks.docs", *asked, "--lock", own.data.lock]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["data_checks.docs gave no reason"]
        raise DataRefused(f"""E201 no Data Docs could be written
            {own.data.lock}
            {lines[-1].removeprefix("no Data Docs: ")}
            bring the files (python -m pipelines data propose), or correct data_checks/suite.py""")
    return done.stdout.strip()
