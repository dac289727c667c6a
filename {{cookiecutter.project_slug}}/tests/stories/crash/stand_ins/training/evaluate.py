"""Accepts the candidate, records golden requests and packs what is served: the real job's files, no work."""

import argparse
import hashlib
import json
import os
from pathlib import Path

from training import archive

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"
METRIC = {"value": 0.9, "low": 0.89, "high": 0.91, "n": 100}
CASES = ([[1.0]], [[2.0], [3.0]])  # the rows of each golden request


def main() -> None:
    """Write the artifact and the evaluation."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task")
    parser.add_argument("--policy", type=json.loads)
    args, _ = parser.parse_known_args()
    model = archive.unpack(BASE / "input/model/model.tar.gz")["model.json"]
    facts = json.loads(model)
    champion = json.loads((BASE / "input/champion/champion.json").read_text("utf-8"))
    if champion["package"]:  # a champion comes with the archive that it serves
        assert "model.json" in archive.unpack(BASE / "input/champion/model.tar.gz")
    files = {"model.json": model, "golden.json": json.dumps(golden(facts["bias"])).encode()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    packed = archive.pack(
        files | {"hashes.json": json.dumps(hashes).encode()}, BASE / "output/artifact/model.tar.gz"
    )
    evaluation = judged(facts["release_id"], champion, args.task, args.policy["metric"]) | {
        "artifact": {"sha256": packed, "files": hashes}
    }
    folder = BASE / "output/evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(evaluation), "utf-8")
    (folder / "golden.json").write_bytes(files["golden.json"])
    (folder / "model_report.html").write_text("<html></html>", "utf-8")


def golden(bias: float) -> dict:
    """Return the requests with what this model answers."""
    cases = [{"body": {"instances": rows}, "predictions": [row[0] + bias for row in rows]} for rows in CASES]
    return {"schema_version": 1, "content_type": "application/json", "tolerance": 1e-6, "cases": cases}


def judged(release_id: str, champion: dict, task: str, metric: str) -> dict:
    """Return what evaluation.json says of candidate, champion and verdict."""
    first = champion["package"] is None
    return {
        "schema_version": 1,
        "task": task,
        "rows": 100,
        "candidate": {"release_id": release_id, "metrics": {metric: METRIC}, "calibration": []},
        "champion": None if first else {**champion, "metrics": {metric: METRIC}, "calibration": []},
        "difference": {metric: {"value": 0.0, "low": -0.01, "high": 0.01}},
        "slices": [],
        "verdict": {"accepted": True, "first_release": first, "reasons": [], "rules": []},
    }


if __name__ == "__main__":
    main()
