"""docs/from-a-notebook.md: its script, and its steps on a fresh project; some tenures are missing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from test_bring_your_own_data import edited, shell

from tools import bake as tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PAGE = (ROOT / "docs/from-a-notebook.md").read_text("utf-8")
SCRIPT, MOVED, SUITE, NETWORK = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE)
(COMMANDS,) = re.findall(r"\*\*6\. .*\n\n((?: {4}.*\n)+)", PAGE)
(SETTINGS,) = re.findall(r"\*\*4\. .*", PAGE)
GAP = 0.05  # of the tenures
LESS = 0.02  # AUC that the release may have below the script, whose test rows were in its mean and scale


@pytest.fixture
def project(template, tmp_path):
    """Return a project with the customers of the page beside it."""
    project = tool.bake(template, tmp_path, {"project_name": "Churn model"})
    (project / ".venv").symlink_to(sys.prefix)
    (project / "build").mkdir()
    customers(20_000).to_csv(project / "build/churn.csv", index=False)
    return project


def customers(count):
    """Return made-up customers who leave early, when they pay or call much; some tenures are missing."""
    draw = np.random.default_rng(7)
    tenure, calls = draw.integers(0, 90, count).astype(float), draw.poisson(3, count)
    charges, plan = draw.uniform(10, 150, count).round(2), draw.choice(["basic", "family", "business"], count)
    score = 0.4 * calls + 0.02 * charges - 0.06 * tenure + (plan == "basic") - 1.5
    churned = (draw.random(count) < 1 / (1 + np.exp(-score))).astype(int)
    tenure[draw.random(count) < GAP] = np.nan
    columns = {"tenure": tenure, "charges": charges, "calls": calls, "plan": plan, "churned": churned}
    return pd.DataFrame({"customer_id": range(1, count + 1), **columns})


def test_its_steps_lead_to_a_release_as_good_as_the_script(project, told):
    printed = scripted(project)
    (project / "build/to_parquet.py").write_text(MOVED, "utf-8")
    (project / "data_checks/suite.py").write_text(SUITE, "utf-8")
    model = project / "training/model.py"
    kept, _, _ = model.read_text("utf-8").partition("class TabularNet")
    model.write_text(kept + NETWORK, "utf-8")
    settings = project / "mlops.toml"
    settings.write_text(edited(settings.read_text("utf-8"), lines(SETTINGS)), "utf-8")
    shell(project, COMMANDS)
    assert tool.git(project, "status", "--porcelain") == ""
    auc = json.loads((project / "build/evaluation.json").read_bytes())["candidate"]["metrics"]["auc"]
    assert auc["value"] > printed - LESS
    (request,) = json.loads((project / "build/local-test.json").read_bytes())["request"]["answer"].values()
    assert isinstance(request[0], float)
    value, low, high = (f"{auc[name]:.3f}" for name in ("value", "low", "high"))
    told(f"\nthe script {printed:.3f}, the release {value} ({low} to {high})")


def scripted(project):
    """Return the AUC that the old script prints."""
    words = [sys.executable, "-c", SCRIPT]
    where = {"SM_CHANNEL_TRAIN": str(project / "build"), "SM_MODEL_DIR": str(project / "build")}
    done = subprocess.run(words, env=os.environ | where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1])


def lines(sentence):
    """Return the settings of a sentence as lines of mlops.toml: `[data]`: `key = "x"`, `label = "y"`."""
    return "\n".join(re.findall(r"`(\[\w+\]|\w+ = [^`]+)`", sentence))
