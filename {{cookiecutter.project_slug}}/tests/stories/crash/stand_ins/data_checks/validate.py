"""Holds the data to its lock, and accepts it: the files of the real validation job, next to no work."""

import hashlib
import json
import os
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"


def main() -> None:
    """Write three splits and an accepting report; end red where a file is not the locked one."""
    locked = json.loads((BASE / "input/lock/data.lock").read_text("utf-8"))
    for file in locked["files"]:
        content = (BASE / "input/data" / file["key"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"], file["key"]
    for split in ("train", "validation", "test"):
        write(f"{split}/part-0.parquet", "rows\n")
    passed = {
        "rule": "locked",
        "column": None,
        "success": True,
        "unexpected_count": 0,
        "severity": "critical",
    }
    report = {
        "schema_version": 1,
        "verdict": {"accepted": True, "reasons": []},
        "rows": locked["rows"],
        "columns": [],
        "splits": {"train": 1, "validation": 1, "test": 1},
        "positives": None,
        "expectations": [passed],
    }
    write("report/validation.json", json.dumps(report))


def write(name: str, text: str) -> None:
    """Write one output."""
    path = BASE / "output" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
