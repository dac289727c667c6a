"""Score the candidate and the champion on the same held-out rows, judge, and pack what may be served.

In:   BASE/processing/input/model/model.tar.gz      the candidate, as training left it
      BASE/processing/input/test/*.parquet          rows that no training has seen
      BASE/processing/input/champion/champion.json  {"package": null} at first, else model.tar.gz beside it
Out:  BASE/processing/output/evaluation/            evaluation.json, golden.json, model_report.html
      BASE/processing/output/artifact/model.tar.gz  what gets registered and served
Run:  python -m training.evaluate --task binary --label income --key row_id --slices-only sex --policy '{}'
      [--waiver '{}']

A refused model is an answer, not a failure: the job ends with 0 whenever it could judge. Else it writes one
message to BASE/output/message and ends with 1. BASE is $SAGEMAKER_BASE_DIR or /opt/ml.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from training import archive, report
from training.assess import assess, read_truth
from training.errors import DataError, JobError, explain
from training.gate import decide
from training.golden import golden
from training.metrics import METRICS, directions
from training.policy import Policy
from training.scored import load_candidate, load_champion
from training.waiver import Waiver

log = logging.getLogger("training.evaluate")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return its exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        verdict = run(parse(argv), base / "processing")["verdict"]
    except Exception as error:
        message = base / "output" / "message"
        message.parent.mkdir(parents=True, exist_ok=True)
        reason = explain(error)
        message.write_text(reason + "\n")
        log.error("event=failed error=%s reason=%r", type(error).__name__, reason)
        return 1
    log.info("event=judged accepted=%s first_release=%s", verdict["accepted"], verdict["first_release"])
    for reason in verdict["reasons"]:
        log.info('event=reason text="%s"', reason)
    return 0


def run(args: argparse.Namespace, processing: Path) -> dict[str, Any]:
    """Score, judge, pack, report: the whole job on one screen. Returns evaluation.json.

    Raises:
        JobError: the candidate is about another task or label, or cannot be scored.
    """
    inputs, outputs = processing / "input", processing / "output"
    rows = read_rows(inputs / "test", args.key)
    with tempfile.TemporaryDirectory() as scratch:
        candidate = load_candidate(inputs / "model" / "model.tar.gz", Path(scratch) / "candidate", rows)
        for what in ("task", "label"):
            if getattr(candidate.contract, what) != getattr(args, what):
                raise JobError(f"the candidate's {what} is not the one that is to be judged")
        champion = load_champion(inputs / "champion", Path(scratch) / "champion", rows, candidate.contract)
    truth = read_truth(rows, candidate.contract)
    evaluation = assess(args.policy, rows, args.slices_only, truth, candidate, champion)
    today = datetime.now(UTC).date()
    verdict = decide(args.policy, evaluation, directions(args.task), today, args.waiver)
    evaluation["verdict"] = verdict.document()
    evaluation["tracking"] = candidate.tracking

    files = {**candidate.files, "golden.json": as_json(golden(candidate.predictor, rows))}
    hashes = {name: archive.sha256(content) for name, content in sorted(files.items())}
    served = files | {"hashes.json": as_json(hashes)}
    packed = archive.pack(served, outputs / "artifact" / "model.tar.gz")
    evaluation["artifact"] = {"sha256": packed, "files": hashes}

    folder = outputs / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "golden.json").write_bytes(files["golden.json"])
    (folder / "evaluation.json").write_bytes(as_json(evaluation))
    page = report.render(evaluation, args.policy, truth, candidate, champion)
    (folder / "model_report.html").write_text(page, encoding="utf-8")
    return evaluation


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint becomes the job's message."""

    def error(self, message: str) -> NoReturn:
        """Raise JobError instead of leaving with exit code 2 and nothing in output/message."""
        raise JobError(f"arguments: {message}")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments. Raises JobError for one that is unknown, missing or wrong."""
    parser = Parser(prog="training.evaluate", allow_abbrev=False)
    parser.add_argument("--task", required=True, choices=METRICS)
    parser.add_argument("--label", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--slices-only", default="", help="columns with commas between them")
    parser.add_argument("--policy", required=True, help="[gate] of mlops.toml as JSON")
    parser.add_argument("--waiver", default="", help="[gate.waiver] as JSON")
    args = parser.parse_args(argv)
    args.slices_only = [name for name in args.slices_only.split(",") if name]
    args.policy, args.waiver = Policy.parse(args.policy), Waiver.parse(args.waiver)
    return args


def read_rows(folder: Path, key: str) -> pa.Table:
    """Read all rows, ordered by key: the same data then gives the same resamples and golden requests.

    Raises:
        DataError: a file cannot be read, or there are rows without a key column.
    """
    try:
        # partitioning=None: a folder named "a=b" must not become a column.
        parts = [pq.read_table(path, partitioning=None) for path in sorted(folder.rglob("*.parquet"))]
        rows = pa.concat_tables(parts) if parts else pa.table({})
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the {folder.name} split cannot be read ({type(error).__name__})") from error
    if rows.num_rows and key not in rows.column_names:
        raise DataError(f"the {folder.name} split has no column {key}, the key")
    return rows.sort_by(key) if rows.num_rows else rows


def as_json(content: Any) -> bytes:
    """Return indented JSON; orjson writes NaN as null, which the gate refuses."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)


if __name__ == "__main__":
    sys.exit(main())
