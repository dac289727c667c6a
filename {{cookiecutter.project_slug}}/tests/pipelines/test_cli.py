"""The verbs as a shell sees them: exit codes, four lines, nothing started."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from pipelines import __main__ as cli
from tests.conftest import TABLES

VERBS = (
    "plan",
    "stack",
    "image",
    "release",
    "promote",
    "rollback",
    "prune",
    "status",
    "report",
    "request",
    "definition",
    "local-test",
    "data",
)
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
        code = cli.main(["--settings", str(tmp_path / "mlops.toml"), *words])
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


@pytest.mark.parametrize("verb", ["status", "stack", "rollback", "prune", "request"])
def test_without_credentials_a_verb_says_so_and_ends_with_6(run, verb):
    code, err, _ = run(verb)
    assert code == 6
    assert err[0] == "✗ E601 there are no AWS credentials"
    assert len(err) == 4


def test_an_unknown_region_ends_with_5(run):
    code, err, _ = run("status", **{"project.region": "eu-wets-1"})
    assert code == 5
    assert err[0].startswith("✗ E506 'eu-wets-1'")
    assert len(err) == 4


def test_an_unknown_key_ends_with_5_before_anything_else(run):
    code, err, _ = run("release", **{"gate.minimun": 0.9})
    assert code == 5
    assert "gate.minimun is 0.9" in err[0]
    assert len(err) == 4


def test_local_test_refuses_to_run_on_a_real_account(run):
    code, err, _ = run("local-test")
    assert code == 5
    assert err[0].startswith("✗ E507")


def test_a_wrong_option_is_no_refused_data(run):
    assert run("release", "--nonsense")[0] == 1
    assert run("nonsense")[0] == 1


def test_an_unknown_environment_is_refused_with_those_that_are_known(run):
    code, err, _ = run("request", "--env", "prod")
    assert code == 5
    assert "staging, production" in err[2]


def test_in_github_actions_the_error_is_annotated_too(run, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, _, out = run("status")
    assert code == 6
    assert out.startswith("::error title=E601 there are no AWS credentials::")


def test_ctrl_c_ends_with_130_and_names_the_verb_that_it_ended(run, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.aws.connect", interrupted)
    code, err, _ = run("status")
    assert code == 130
    assert len(err) == 4
    assert err[0] == "■ interrupted: nothing further is asked of AWS"
    assert err[1].endswith("status; a step marked ■ above was running")
    assert err[3].endswith("status")


def test_a_message_names_the_python_that_this_shell_would_not_find(monkeypatch):
    """Without an activated environment `python` is another one, or none."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert (
        cli.typed("  run: python -m pipelines stack")
        == f"  run: {os.path.relpath(sys.executable)} -m pipelines stack"
    )
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert cli.typed("  run: python -m pipelines stack") == "  run: python -m pipelines stack"


def test_a_fault_of_our_own_keeps_its_traceback(run, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("pipelines.aws.connect", broken)
    with pytest.raises(KeyError, match="ours"):
        run("status")


def test_help_names_every_verb(run):
    code, _, out = run("--help")
    assert code == 0
    assert [verb for verb in VERBS if not re.search(rf"\b{verb}\b", out)] == []
