"""What a person sees: lines, the page, the job summary."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from rich.console import Console

from doubles.aws import make_package
from sagemaker_gitops import report, watch
from sagemaker_gitops.errors import DeployFailed, ModelRefused
from sagemaker_gitops.proof import Ready
from sagemaker_gitops.story import Story

METRIC = {"value": 0.9, "low": 0.89, "high": None, "n": 100}
RULE = {"rule": "bar", "metric": "auc", "value": 0.9, "needs": "at least 0.88", "passed": True}
VALIDATION = {
    "verdict": {"accepted": True, "reasons": []},
    "rows": 1000,
    "columns": [{"name": "age", "type": "integer"}],
    "splits": {"train": 700, "validation": 150, "test": 150},
    "expectations": [{"rule": "r", "column": "age", "success": True}],
}
EVALUATION = {
    "rows": 100,
    "candidate": {"metrics": {"auc": METRIC}},
    "champion": None,
    "difference": None,
    "verdict": {"accepted": True, "first_release": True, "reasons": [], "rules": [RULE]},
}


def told(**facts: Any) -> Story:
    """Return a story of two steps."""
    story = Story(Console(file=io.StringIO(), width=200, highlight=False, soft_wrap=True))
    story.facts |= facts
    with story.step("validate") as step:
        step.note = "1 of 1 expectations"
    with story.step("train"):
        pass
    return story


def page(settings, folder, error: BaseException | None = None, **facts: Any) -> str:
    return report.write(told(**facts), settings, "release", error, folder).read_text()


WHOLE = {
    "ids": {"release_id": "ab" * 32, "code_id": "cd" * 32},
    "package": {"version": 3, "arn": "arn", "release_id": "ab" * 32},
    "execution": "arn:execution",
    "validation": VALIDATION,
    "evaluation": EVALUATION,
    "model_report": "<html><body>the model's own page</body></html>",
    "request": {"endpoint": "e", "release_id": "ab" * 32, "package": 3, "answer": {"predictions": [0.5]}},
}


def test_the_page_holds_the_whole_story_and_needs_nothing_else(make_settings, tmp_path):
    text = page(make_settings(), tmp_path, **WHOLE)
    for shown in (
        "1 of 1 expectations",
        "abababababab",
        "version 3",
        "0.9000",
        "at least 0.88",
        "model&#39;s own page",
    ):
        assert shown in text
    assert not re.search(r"(src|href)=.?(https?:)?//", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("missing", list(WHOLE))
def test_the_page_is_written_with_whatever_was_reached(make_settings, tmp_path, missing):
    assert "<h2>Steps</h2>" in page(
        make_settings(), tmp_path, **{key: WHOLE[key] for key in WHOLE if key != missing}
    )
    assert "<h2>Steps</h2>" in page(make_settings(), tmp_path)


@pytest.mark.parametrize(
    ("waived", "words"),
    [
        pytest.param(None, "The champion could not be scored.", id="refused"),
        pytest.param(
            "waived until 2030-01-31", "absolute bar decides: waived until 2030-01-31.", id="waived"
        ),
    ],
)
def test_a_champion_without_scores_has_its_place_on_the_page(make_settings, tmp_path, waived, words):
    verdict = EVALUATION["verdict"] | {"first_release": False, "accepted": bool(waived), "waived": waived}
    unscored = {"champion": {"package": "p", "error": "no age", "metrics": None}, "verdict": verdict}
    text = page(make_settings(), tmp_path, **WHOLE | {"evaluation": EVALUATION | unscored})
    assert words in text
    assert '<td class="n">–</td>' in text


ROLLOUT = {
    "verdict": "rolled back",
    "why": "alarm c-wrong: 1 datapoint <b>",
    "package": {"version": 3},
    "rollout": {"strategy": "canary"},
    "probes": {"sent": 40, "new": 5, "old": 30, "wrong": 4, "failed": 1},
    "events": [
        {"seconds": 0.0, "status": "Updating", "phase": "", "share": 0.0, "new": 0, "wrong": 0, "alarms": {}},
        {
            "seconds": 62.5,
            "status": "RollingBack",
            "phase": "",
            "share": 0.5,
            "new": 5,
            "wrong": 4,
            "alarms": {"c-wrong": "ALARM", "c-errors": "OK"},
        },
    ],
}  # fmt: skip


def test_a_rollback_is_told_minute_by_minute(make_settings, tmp_path):
    text = page(make_settings(), tmp_path, **WHOLE | {"rollouts": [ROLLOUT]})
    for shown in (
        "Rollout of version 3",
        "rolled back",
        "62.5",
        "RollingBack",
        "50 %",
        "c-wrong",
        "1 datapoint",
    ):
        assert shown in text
    assert '<td class="refused">c-wrong </td>' in text
    assert json.loads((tmp_path / "release.json").read_text())["rollouts"] == [ROLLOUT]


def test_a_warning_about_the_data_stands_on_the_page(make_settings, tmp_path):
    moved = {"code": "E212", "column": "age", "rule": "no_drift", "message": "age moved: PSI 0.31 <b>"}
    verdict = VALIDATION["verdict"] | {"warnings": [moved]}
    text = page(make_settings(), tmp_path, **WHOLE | {"validation": VALIDATION | {"verdict": verdict}})
    assert "E212 age moved: PSI 0.31 &lt;b&gt;" in text
    assert "To look at" not in page(make_settings(), tmp_path, **WHOLE)


def test_a_rollout_whose_end_nobody_saw_says_so(make_settings, tmp_path):
    unseen = watch.unwatched(Ready("endpoint", "new", make_package(2), {}), {}, 10)
    text = page(make_settings(), tmp_path, **WHOLE | {"rollouts": [unseen]})
    assert "promoted, unwatched" in text
    assert "nobody watched its end" in text
    assert "on the new fleet" not in text  # there are no moments to show


def test_what_others_wrote_is_text_and_never_markup(make_settings, tmp_path):
    hostile = "<script>alert(1)</script>"
    settings = make_settings(**{"project.description": hostile})
    text = page(settings, tmp_path, **WHOLE | {"model_report": f"{hostile}\"'"})
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_refusal_stands_on_the_page_and_in_the_json(make_settings, tmp_path):
    refused = ModelRefused("E301 model refused: auc is low\nwhere\nwhy\ntodo")
    assert "E301 model refused: auc is low" in page(make_settings(), tmp_path, refused)
    facts = json.loads((tmp_path / "release.json").read_text())
    assert facts["verdict"] == "refused"
    assert facts["error"]["code"] == "E301"
    assert len(facts["error"]["lines"]) == 4


def test_steps_seconds_and_verdicts_are_there_for_machines(make_settings, tmp_path):
    page(make_settings(), tmp_path, **WHOLE)
    facts = json.loads((tmp_path / "release.json").read_text())
    assert [(step["name"], step["verdict"]) for step in facts["steps"]] == [
        ("validate", "done"),
        ("train", "done"),
    ]
    assert facts["seconds"] >= sum(step["seconds"] for step in facts["steps"])
    assert facts["request"]["package"] == 3


def test_a_failed_release_names_the_package_that_it_registered(make_settings, tmp_path):
    failed = DeployFailed("E402 the endpoint is Failed\nwhere\nwhy\ntodo")
    text = page(make_settings(), tmp_path, failed, **WHOLE | {"package": None, "registered": {"version": 7}})
    assert '<span class="soft">package, registered</span><b>version 7</b>' in text
    assert json.loads((tmp_path / "release.json").read_text())["package"] is None  # else it counts as served


def test_gate_and_metrics_stand_on_the_page_once_until_the_models_own_report_is_unfolded(
    make_settings, tmp_path
):
    folded = re.sub(r"(?s)<details>.*?</details>", "", page(make_settings(), tmp_path, **WHOLE))
    assert "the gate accepted" in folded
    assert "at least 0.88" in folded
    assert "own page" not in folded


def test_an_interrupted_verb_is_called_stopped(make_settings, tmp_path):
    page(make_settings(), tmp_path, KeyboardInterrupt())
    assert json.loads((tmp_path / "release.json").read_text())["verdict"] == "stopped"


def test_the_job_summary_is_a_table_whose_cells_cannot_break_it(make_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    story = told()
    story.steps[0].note = "a | b\n<img>"
    report.write(story, make_settings(), "release", None, tmp_path)
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("### release: done\n\n| step |")
    assert "| validate | done | 0.0 s | a \\| b &lt;img&gt; |" in summary


def test_a_refusal_stands_in_the_job_summary_with_its_code(make_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    report.write(told(), make_settings(), "pipeline", ModelRefused("E301 what\nwhere\nwhy\ntodo"), tmp_path)
    assert (tmp_path / "summary.md").read_text().startswith("### pipeline: refused (E301)\n")


def test_the_jobs_that_come_after_are_told_the_story_in_one_line(make_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    refused = ModelRefused("E301 what\nwhere\nwhy\ntodo")
    story = told(**WHOLE, rollouts=[ROLLOUT | {"alarms": {"fired": {"c-wrong": "1 datapoint"}}}])
    story.steps[0].note = "two\nlines"
    report.write(story, make_settings(), "promote", refused, tmp_path)
    (line,) = (tmp_path / "output").read_text().splitlines()
    facts = json.loads(line.removeprefix("story="))
    assert (facts["verb"], facts["verdict"], facts["error"]["code"]) == ("promote", "refused", "E301")
    assert len(facts["error"]["lines"]) == 4
    assert [step["name"] for step in facts["steps"]] == ["validate", "train"]
    assert facts["ids"] == WHOLE["ids"]
    assert facts["rollouts"] == [{"package": {"version": 3}, "alarms": {"fired": {"c-wrong": "1 datapoint"}}}]
    assert facts["request"] is None  # it holds an answer


def test_the_stories_of_a_run_fit_into_one_variable(make_settings, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    story = told(
        rollouts=[ROLLOUT | {"events": ROLLOUT["events"] * 5000, "alarms": {"fired": {"a": "x" * 9999}}}] * 2
    )
    for step in story.steps:
        step.note = "x" * 100_000
    report.write(story, make_settings(), "promote", ModelRefused(f"E301 {'x' * 100_000}\nx\nx\nx"), tmp_path)
    assert len((tmp_path / "output").read_text()) < 128 * 1024 / 8  # five verbs, and quotes that are escaped


def test_without_a_terminal_each_step_is_one_plain_line():
    story = told()
    lines = story.console.file.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [["✓", "validate"], ["✓", "train"]]
    assert lines[0].endswith("0.0 s")
    assert "\x1b" not in "".join(lines)


def test_a_step_that_was_stopped_by_something_says_so():
    story = told()
    with pytest.raises(KeyboardInterrupt), story.step("production"):
        raise KeyboardInterrupt
    refused = ModelRefused("E301 what\nwhere\nwhy\ntodo")
    with pytest.raises(ModelRefused), story.step("gate"):
        raise refused
    assert [step.verdict for step in story.steps[-2:]] == ["stopped", "refused"]
    assert story.steps[-1].note == "what"


def test_on_a_terminal_the_steps_are_a_live_table():
    story = told()
    story.begin("evaluate")
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    console.print(story.table())
    assert "evaluate" in console.file.getvalue()


def test_a_step_of_awss_that_nobody_follows_any_more_is_left_as_stopped():
    story = told()

    def follow() -> None:
        with story.shown():
            story.begin("evaluate")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow()
    assert story.steps[-1].verdict == "stopped"
