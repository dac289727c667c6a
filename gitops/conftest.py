"""The tests work on a project of the template: where it lies, or a bake that GITOPS_PROJECT names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[1]
sys.path.insert(0, os.environ.get("GITOPS_PROJECT", str(TEMPLATE / "{{cookiecutter.project_slug}}")))

from doubles.project import ROOT
from pipelines.__main__ import main
from pipelines.settings import Settings
from tests.conftest import TABLES, make_settings


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where verbs are run."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(name="make_settings")
def _make_settings() -> Callable[..., Settings]:
    """Return the maker of settings."""
    return make_settings


AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "GITHUB_ACTIONS",
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a runner of verbs on a machine that has no AWS credentials."""
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)

    def verb(*words: str, **changes: object) -> tuple[int, list[str], str]:
        (tmp_path / "mlops.toml").write_text(toml(**changes))
        code = main(["--settings", str(tmp_path / "mlops.toml"), *words])
        captured = capsys.readouterr()
        return code, captured.err.splitlines(), captured.out

    return verb


def toml(**changes: object) -> str:
    """Return the tables of right settings as TOML, but for changes by table.key."""
    tables = {name: dict(table) for name, table in TABLES.items()}
    for dotted, value in changes.items():
        table, key = dotted.split(".")
        tables[table][key] = value
    lines = []
    for name, table in tables.items():
        plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())]
        for key in table.keys() - plain.keys():
            lines += [
                f"[{name}.{key}]",
                *(f"{inner} = {json.dumps(value)}" for inner, value in table[key].items()),
            ]
    return "\n".join(lines)
