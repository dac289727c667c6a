"""What a step says of itself: the figures of the reports that its job left."""

from __future__ import annotations

import json

import pytest

from doubles.aws import RELEASE, Bucket, make_aws
from sagemaker_gitops.results import Results

FIGURES = {"value": 0.9, "low": 0.85, "high": 0.95, "n": 1234}


@pytest.mark.parametrize("gated", ["auc", "average_precision"])
def test_evaluate_shows_the_metric_that_the_gate_decides_by(gated):
    metrics = {"auc": FIGURES, "average_precision": FIGURES}
    rules = [{"metric": gated, "passed": True}]
    told = {"candidate": {"metrics": metrics}, "verdict": {"accepted": True, "reasons": [], "rules": rules}}
    key = f"releases/{RELEASE}/e/evaluate/evaluation/evaluation.json"
    results = Results(make_aws(s3=Bucket({key: json.dumps(told).encode()})), "bucket", RELEASE, "e")
    assert results.of("Evaluate") == ("done", f"{gated} 0.9000 (0.8500 to 0.9500), 1,234 rows held out")
