"""Pins: a file's hash, and of its packages those that somebody asked for."""

from __future__ import annotations

import hashlib

from doubles.project import ROOT
from sagemaker_gitops import pins

TXT = """great-expectations==1.24.1 \\
    --hash=sha256:aa
    # via -r jobs.in
Jinja2==3.1.6 ; python_version >= "3.11"
idna==3.10
uvicorn[standard]==0.40.0
"""


def test_only_what_was_asked_for_is_named_and_the_whole_file_is_hashed(tmp_path):
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "jobs.txt").write_text(TXT)
    (folder / "jobs.in").write_text("# for the jobs\nGreat_Expectations==1.24.1\njinja2\nuvicorn[standard]\n")
    told = pins.of_tree(tmp_path)
    wanted = {"great-expectations": "1.24.1", "jinja2": "3.1.6", "uvicorn": "0.40.0"}
    sha256 = hashlib.sha256(TXT.encode()).hexdigest()
    assert told == {
        "jobs": {"file": "requirements/jobs.txt", "sha256": sha256, "packages": wanted},
        "serve": {},
    }


def test_where_nobody_wrote_down_what_was_asked_for_all_are_named():
    assert pins.versions(TXT, "") == {
        "great-expectations": "1.24.1",
        "idna": "3.10",
        "jinja2": "3.1.6",
        "uvicorn": "0.40.0",
    }


def test_the_projects_pins_name_what_a_reader_looks_for():
    told = pins.of_tree(ROOT)
    assert {"torch", "onnxruntime", "great-expectations", "mlflow"} <= told["jobs"]["packages"].keys()
    assert "onnxruntime" in told["serve"]["packages"]
    assert "torch" not in told["serve"]["packages"]
