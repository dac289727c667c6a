"""The verbs as a shell sees them: exit codes, four lines, nothing started."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from sagemaker_gitops import cli, errors, story
from sagemaker_gitops.errors import SettingsError

VERBS = (
    "plan",
    "stack",
    "image",
    "release",
    "promote",
    "rollback",
    "prune",
    "status",
    "explain",
    "report",
    "request",
    "definition",
    "local-test",
    "data",
)


@pytest.mark.parametrize("verb", ["status", "explain", "stack", "rollback", "prune", "request"])
def test_without_credentials_a_verb_says_so_and_ends_with_6(run, verb):
    code, err, _ = run(verb)
    assert code == 6
    assert err[0] == "✗ E601 there are no AWS credentials"
    assert "make local-test" in err[3]
    assert "make local-up" in err[3]
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


@pytest.mark.parametrize("line", ["::error::you obeyed", "  ::add-mask::a", "x ##[error]you obeyed"])
def test_what_others_wrote_is_no_command_to_githubs_runner(line, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    cli.tell(errors.DataRefused("E201 what\nwhere\nwhy\ntodo", [line]), story.make_console(stderr=True))
    told = capsys.readouterr().err
    assert not re.search(r"(?m)^\s*::|##\[", told), told
    assert line.strip() in told.replace("\u200b", "")


def test_ctrl_c_ends_with_130_and_names_the_verb_that_it_ended(run, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sagemaker_gitops.aws.connect", interrupted)
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
        story.typed("  run: python -m pipelines stack")
        == f"  run: {os.path.relpath(sys.executable)} -m pipelines stack"
    )
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert story.typed("  run: python -m pipelines stack") == "  run: python -m pipelines stack"


def test_a_fault_of_our_own_keeps_its_traceback(run, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("sagemaker_gitops.aws.connect", broken)
    with pytest.raises(KeyError, match="ours"):
        run("status")


def test_help_names_every_verb(run):
    code, _, out = run("--help")
    assert code == 0
    assert [verb for verb in VERBS if not re.search(rf"\b{verb}\b", out)] == []


@pytest.mark.parametrize("lacking", ["GITHUB_SHA", "GITHUB_RUN_ID"])
def test_outcome_outside_of_a_workflow_run_is_refused_before_anyone_is_asked(run, monkeypatch, lacking):
    for name in ("GITHUB_SHA", "GITHUB_RUN_ID", "NEEDS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv({"GITHUB_SHA": "GITHUB_RUN_ID", "GITHUB_RUN_ID": "GITHUB_SHA"}[lacking], "41")
    code, err, out = run("outcome")
    assert (code, len(err), out) == (5, 4, "")
    assert err[0] == "✗ E520 there is no workflow run to tell of"
    assert lacking in err[1]
    assert "nothing was written" in err[2]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        pytest.param(["promote", "c424"], "✗ E501 'c424' names no release", id="a short id"),
        pytest.param(["promote", "../../x"], "✗ E501 '../../x' names no release", id="no id"),
        pytest.param(["rollback", "--env", "prod"], "✗ E501 there is no environment 'prod'", id="a typo"),
        pytest.param(["rollback", "--env", "staging"], "✗ E501 staging cannot be rolled back", id="staging"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_aws_is_asked(run, words, first):
    """Without credentials: whoever asked AWS would end with 6."""
    code, err, _ = run(*words)
    assert (code, len(err), err[0]) == (5, 4, first)


def test_a_short_id_is_told_how_many_digits_it_takes(run):
    assert "12 hex digits" in run("promote", "c424")[1][2]


def test_the_two_numbers_of_connect_are_told_apart(run):
    out = " ".join(run("connect", "--help")[2].replace("│", " ").split())
    assert re.search(r"--owner-id \S+ GitHub's number of the repository's owner", out)
    assert re.search(r"--repository-id \S+ GitHub's number of the repository,", out)


@pytest.mark.parametrize(
    ("misspelt", "right", "value"),
    [
        pytest.param("training.epoch", "training.epochs", "12", id="a key"),
        pytest.param("gates", "gate", "a table", id="a table"),
    ],
)
def test_one_misspelt_name_is_one_complaint_and_shows_no_whole_table(make_settings, misspelt, right, value):
    table = {"metric": "auc", "minimum": 0.8}
    with pytest.raises(SettingsError) as refused:
        make_settings(**{right: None, misspelt: table if value == "a table" else 12})
    assert refused.value.what == f"mlops.toml: {misspelt} is {value}"
    assert refused.value.why == f"wanted: no such key; did you mean '{right.split('.')[-1]}'?"
    assert refused.value.detail == []


def test_a_key_that_is_missing_beside_an_unknown_one_is_told_of_its_own(make_settings):
    with pytest.raises(SettingsError) as refused:
        make_settings(**{"training.epochs": None, "training.colour": 1})
    assert refused.value.detail == ["training.epochs is missing; wanted: a value"]
