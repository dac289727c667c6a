"""checkov reads the templates as an auditor would: nothing fails, each skip says why in the template."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pypi
import pytest
from conftest import INNER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
PINS = Path(__file__).parent / "checkov" / "requirements.txt"
TEMPLATES = {"github.yml", "network.yml", "production.yml", "stack.yml"}


def checked(folder):
    """Return what checkov, which asks nobody, says of the templates in a folder."""
    python = pypi.installed("checkov", PINS)
    command = [python, "-m", "checkov.main", "-d", ".", "--framework", "cloudformation", "--skip-download"]
    done = subprocess.run([*command, "--output", "json"], cwd=folder, capture_output=True, text=True)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_nothing_fails_and_every_skip_says_why(told):
    report = checked(INNER / "infra")
    found, skipped, summary = report["results"], report["results"]["skipped_checks"], report["summary"]
    told(f"\ncheckov {summary['checkov_version']}: {summary['passed']} checks passed")
    for each in skipped:
        told(f"  skipped {each['check_id']} {each['resource']}: {reason(each)}")
    assert [(each["check_id"], each["resource"]) for each in found["failed_checks"]] == []
    assert found["parsing_errors"] == []
    assert {each["file_path"].lstrip("/") for each in found["passed_checks"]} == TEMPLATES
    assert all(len(reason(each)) > 30 for each in skipped)


def test_what_an_auditor_would_mind_fails(tmp_path):
    infra = shutil.copytree(INNER / "infra", tmp_path / "infra")
    for name, old, new in (
        ("stack.yml", "ImageTagMutability: IMMUTABLE", "ImageTagMutability: MUTABLE"),
        ("production.yml", "EnableKeyRotation: true", "EnableKeyRotation: false"),
    ):
        text = (infra / name).read_text()
        assert old in text
        (infra / name).write_text(text.replace(old, new))
    failed = {
        (each["file_path"].lstrip("/"), each["resource"])
        for each in checked(infra)["results"]["failed_checks"]
    }
    assert {
        ("stack.yml", "AWS::ECR::Repository.Repository"),
        ("production.yml", "AWS::KMS::Key.Key"),
    } <= failed


def reason(skip):
    """Return what the template says of a check that is left out."""
    return skip["check_result"].get("suppress_comment") or ""
