"""Is the network worth its trouble? Adult census: test AUC against logistic regression and boosting.

In:   the sample in {{cookiecutter.project_slug}}/data/adult
Out:  a table: AUC of each model and split, the difference to logistic regression with a paired bootstrap
      interval, seconds and CPU seconds of the whole training job
Run:  .venv/bin/python benchmarks/model_quality.py [--seeds 1,2,3] [--resamples 1000]

The network is what the job writes: model.onnx, scored as the endpoint scores it. Key, label, sex and race are
no features, for any of the models. The baseline is given its best C by the validation split.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
INNER = ROOT / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(INNER))

from inference.encode import Contract  # noqa: E402
from inference.predictor import Predictor  # noqa: E402
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler  # noqa: E402
from training.features import encode_table  # noqa: E402
from training.resampled import aucs  # noqa: E402

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the baseline's C
SETTINGS = {"task": "binary", "label": "income", "key": "row_id", "slices-only": "sex,race"}
Splits = dict[str, pa.Table]


@dataclass(frozen=True)
class Result:
    """One split: the truth of its test rows, each model's scores on them, and seconds."""

    truth: np.ndarray
    network: np.ndarray
    regression: np.ndarray
    boosting: np.ndarray
    seconds: float  # of the whole job, start of Python included
    cpu_seconds: float  # the same on both cores together; the other work on a machine moves it least


def main() -> int:
    """Train and score on each split, print the table, return 1 where the network is no better."""
    parser = argparse.ArgumentParser(description="Test AUC against logistic regression, over several splits.")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    table = pq.read_table(INNER / "data" / "adult", partitioning=None)
    print("split     rows  network  logistic  boosting  network - logistic (95 %)    job s   CPU s")
    differences, seconds = [], []
    for seed in options.seeds.split(","):
        result = measure(split(table, seed))
        drawn = bootstrap(result, options.resamples)
        differences.append(drawn)
        seconds.append(result.seconds)
        print(row(seed, result, drawn), flush=True)
    mean = np.mean(differences, axis=0)  # the splits' resamples are independent: average draw by draw
    low, high = np.quantile(mean[1:], [0.025, 0.975])
    print(f"mean difference {mean[0]:+.4f} [{low:+.4f}, {high:+.4f}], slowest job {max(seconds):.1f} s")
    good = mean[0] >= 0.004 and low > 0
    print("above logistic regression by 0.004 or more, interval above 0: " + ("yes" if good else "NO"))
    return 0 if good else 1


def split(table: pa.Table, seed: str) -> Splits:
    """Cut the rows by the hash of their key, as data_checks does, with a seed in it."""
    keys = table["row_id"].to_pylist()
    digests = (hashlib.sha256(f"{seed}:{key}".encode()).digest() for key in keys)
    places = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
    edges = np.cumsum([0.0, *SHARES.values()])
    return {
        name: table.filter((places >= low) & (places < high))
        for name, low, high in zip(SHARES, edges, [*edges[1:-1], 1.0], strict=False)
    }


def measure(splits: Splits) -> Result:
    """Train all models on one split and score its test rows."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        seconds, cpu_seconds = train_network(base, splits)
        predictor = Predictor.load(base / "model")
        network = predictor.predict(encode_table(splits["test"], predictor.contract))
        contract = predictor.contract
    truth = labels(splits["test"])
    regression = baseline(contract, splits)
    boosting = boosted(contract, splits)
    return Result(truth, network, regression, boosting, seconds, cpu_seconds)


def train_network(base: Path, splits: Splits) -> tuple[float, float]:
    """Run the training job as SageMaker would; return its seconds and its CPU seconds."""
    for channel in ("train", "validation"):
        (base / "input" / "data" / channel).mkdir(parents=True)
        pq.write_table(splits[channel], base / "input" / "data" / channel / "part-0.parquet")
    (base / "input" / "config").mkdir()
    (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(SETTINGS))
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "training.train"],
        cwd=INNER,
        env=os.environ | {"SAGEMAKER_BASE_DIR": str(base)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, cpu


def baseline(contract: Contract, splits: Splits) -> np.ndarray:
    """Return logistic regression's scores: one-hot and standardised, C chosen on the validation split."""
    numbers, categories = names(contract)
    best, scores = 0.0, np.empty(0)
    for strength in STRENGTHS:
        model = make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
                (OneHotEncoder(handle_unknown="ignore"), categories),
            ),
            LogisticRegression(C=strength, max_iter=2000),
        )
        model.fit(frame(splits["train"], contract), labels(splits["train"]))
        reached = roc_auc_score(
            labels(splits["validation"]), model.decision_function(frame(splits["validation"], contract))
        )
        if reached > best:
            best, scores = reached, model.decision_function(frame(splits["test"], contract))
    return scores


def boosted(contract: Contract, splits: Splits) -> np.ndarray:
    """Return gradient boosting's scores with scikit-learn's defaults: what a network has to envy."""
    numbers, categories = names(contract)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254)
    model = make_pipeline(
        make_column_transformer((ordinal, categories), ("passthrough", numbers)),
        HistGradientBoostingClassifier(categorical_features=list(range(len(categories))), random_state=0),
    )
    model.fit(frame(splits["train"], contract), labels(splits["train"]))
    return model.decision_function(frame(splits["test"], contract))


def names(contract: Contract) -> tuple[list[str], list[str]]:
    """Return the names of the number and of the category features."""
    return [each.name for each in contract.numbers], [each.name for each in contract.categories]


def frame(table: pa.Table, contract: Contract) -> object:
    """Return the model's own features as scikit-learn likes them."""
    return table.select(list(contract.names)).to_pandas()


def labels(table: pa.Table) -> np.ndarray:
    """Return 1 for the positive class."""
    return (np.array(table["income"].to_pylist()) == ">50K").astype(np.int64)


def bootstrap(result: Result, resamples: int) -> np.ndarray:
    """Return the difference of AUCs on all rows, then on each resample of the same rows for both."""
    rows = len(result.truth)
    drawn = np.random.default_rng(0).multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    weights = np.vstack([np.ones(rows), drawn])
    return aucs(result.truth, result.network, weights) - aucs(result.truth, result.regression, weights)


def row(seed: str, result: Result, drawn: np.ndarray) -> str:
    """Return one split's line of the table."""
    scores = (result.network, result.regression, result.boosting)
    network, regression, boosting = (roc_auc_score(result.truth, each) for each in scores)
    low, high = np.quantile(drawn[1:], [0.025, 0.975])
    figures = (
        f"{network:7.4f}   {regression:7.4f}   {boosting:7.4f}   {drawn[0]:+.4f} [{low:+.4f}, {high:+.4f}]"
    )
    return f"seed {seed:3s} {len(result.truth):5d}  {figures} {result.seconds:8.1f} {result.cpu_seconds:7.1f}"


if __name__ == "__main__":
    sys.exit(main())
