"""The plan of a pull request: what it says, that others' words are no markup, that there is one of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from doubles.github import GitHub
from doubles.repository import HOSTILE
from sagemaker_gitops import prices as price_list
from sagemaker_gitops.errors import AccessError
from sagemaker_gitops.github import api, changes, comment, plan_cost, plan_sides
from sagemaker_gitops.github.comment import AUTHOR, MARKER, Compared
from sagemaker_gitops.github.plan_cost import Price
from sagemaker_gitops.github.plan_leaves import Change
from sagemaker_gitops.github.plan_markup import LIMIT, Section, code, fit, visible
from sagemaker_gitops.github.plan_sides import Side
from sagemaker_gitops.github.plan_verdict import Live

BASE, HEAD = "8a5b" * 16, "c0de" * 16
MACHINES = {"production": {"instance_type": "ml.m5.large", "instance_count": 1}}
SETTINGS: dict[str, Any] = {"project": {"approval": "gate"}, "environments": MACHINES}


def entry(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """Return a metric as evaluation.json holds it."""
    return {"value": value, "low": low, "high": high, "n": 4949}


def rule(kind: str, value: float | None, needs: str, passed: bool = True, **more: Any) -> dict[str, Any]:
    """Return a rule of the gate."""
    return {
        "rule": kind,
        "metric": "auc",
        "value": value,
        "needs": needs,
        "passed": passed,
        "message": kind,
    } | more


BAR = rule("bar", 0.9124, "at least 0.88")
LOSS = rule("loss", 0.0065, "a loss of at most 0.002")
SLICE = rule("slice_loss", -0.003, "a loss of at most 0.02")


def part(column: str, rows: int, base: float, now: float, gated: bool = True) -> dict[str, Any]:
    """Return a slice as evaluation.json holds it."""
    known = {"column": column, "value": "a value of the data", "n": rows, "gated": gated}
    difference = {"auc": entry(round(now - base, 4))}
    return known | {
        "metrics": {"auc": entry(now)},
        "champion": {"auc": entry(base)},
        "difference": difference,
    }


def evaluation(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return evaluation.json of a candidate that was compared with the base's model."""
    return {
        "rows": 4949,
        "candidate": {"metrics": {"log_loss": entry(0.31), "auc": entry(0.9124, 0.905, 0.92)}},
        "champion": {"metrics": {"log_loss": entry(0.32), "auc": entry(0.9059)}, "error": None},
        "difference": {"log_loss": entry(-0.01), "auc": entry(0.0065, 0.001, 0.012)},
        "slices": [
            part("sex", 3339, 0.89, 0.9),
            part("race", 456, 0.861, 0.858),
            part("race", 20, 0.9, 0.1, gated=False),
        ],
        "verdict": {"accepted": all(each["passed"] for each in rules), "rules": list(rules), "reasons": []},
    } | more


VALIDATION = {
    "verdict": {"accepted": True, "reasons": [], "warnings": []},
    "rows": 32561,
    "expectations": [{"success": True}] * 3,
}
REASON = {
    "code": "E203",
    "column": "age",
    "rule": "expect_column_values_to_not_be_null",
    "count": 37,
    "row_keys": [118, 402],
    "message": "Column age has no value in 37 rows.",
}
REFUSED = {
    "verdict": {"accepted": False, "reasons": [REASON], "warnings": []},
    "rows": 32561,
    "expectations": [{"success": True}, {"success": False}],
}


def side(release_id: str, stopped: str = "", **more: Any) -> Side:
    """Return a checkout whose run ended well, or with an error of this code."""
    error = (
        {"code": stopped, "lines": [f"✗ {stopped} what", "  where", "  why", "  todo"]} if stopped else None
    )
    story = {"verdict": "failed" if stopped else "done", "error": error, "seconds": 81.6}
    ids = {"release_id": release_id, "commit_sha": release_id[:40], "snapshot_id": "s"}
    reports = {"evaluation": evaluation(BAR, LOSS, SLICE), "validation": VALIDATION}
    return Side(Path(), story | {"ids": ids}, **reports | more)


def body(head: Side | None = None, compared: Any = (), after: Any = None, **more: Any) -> str:
    """Return the comment of a pull request that is right except for what is named."""
    base = more.pop("base", side(BASE))
    return comment.body(base, head or side(HEAD), compared, SETTINGS, after or SETTINGS, **more)


WIDER = Change("stack.yml · Role · p · Read", "Action", None, "s3:*", wider=True)
PINNED = Change("a (jobs.txt)", "", "1.0", "1.1")

GOLDEN = f"""{MARKER}
### ✅ A merge would release this model

**A merge would** train on the locked data, judge, register release `c0dec0dec0de`, prove it on staging, then serve it: the gate decides.

- ⚠️ **Somebody may do more than before**: marked (wider) below, 1 in all

| metric | base | this pull request | change | gate |
| --- | --- | --- | --- | --- |
| **auc** | 0.9059 | **0.9124 (0.9050 to 0.9200)** | +0.0065 (+0.0010 to +0.0120) | ✅ at least 0.88<br>✅ a loss of at most 0.002 |
| log\\_loss | 0.3200 | 0.3100 | −0.0100 | not gated |
| worst slice of `race`, 456 rows | 0.8610 | 0.8580 | −0.0030 | ✅ a loss of at most 0.02 |
| slice of `sex`, 3,339 rows | 0.8900 | 0.9000 | +0.0100 |  |

Both models were trained on the sample in this repository; measured on 4,949 held-out rows, with 95% intervals in brackets. These are not the numbers of production.

**Data** ✅ 3 of 3 expectations, 32,561 rows

**Cost** unchanged: the same machines

<details open><summary>Permissions (infra/): 1 change, ⚠️ 1 wider</summary>

```diff
  stack.yml · Role · p · Read
+   (wider) Action: s3:*
```
</details>

<details><summary>Pinned packages (requirements/): 1 change</summary>

```diff
- a (jobs.txt): 1.0
+ a (jobs.txt): 1.1
```
</details>

Unchanged: Settings (mlops.toml).

<sub>head `c0dec0dec0de` · base `8a5b8a5b8a5b` · approval by `gate` · 82 s (head) · 82 s (base)</sub>"""  # noqa: E501


def test_the_comment_says_what_a_merge_would_do():
    compared = [
        Compared("Permissions (infra/)", [WIDER]),
        Compared("Settings (mlops.toml)"),
        Compared("Pinned packages (requirements/)", [PINNED]),
    ]
    assert body(compared=compared) == GOLDEN


def test_a_slice_is_named_by_column_and_size_never_by_a_value_of_the_data():
    assert "a value of the data" not in body()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (rule("bar", 0.907, "at least 0.912", passed=False), "auc 0.9070, needs at least 0.912"),
        (rule("bar", 0.87999, "at least 0.88", passed=False), "auc 0.879990, needs at least 0.88"),
        (
            rule("loss", -0.006, "a loss of at most 0.002", passed=False),
            "auc −0.0060 against the base, needs a loss of at most 0.002",
        ),
        (
            rule("possible_loss", 0.03, "a possible loss of at most 0.02", passed=False),
            "auc may be worse by 0.0300, needs a possible loss of at most 0.02",
        ),
        (rule("bar", None, "at least 0.88", passed=False, message="auc has no value."), "auc has no value"),
    ],
    ids=["the bar", "by a hair", "a loss", "a possible loss", "no value"],
)
def test_a_refusal_begins_with_the_sentence_that_matters(broken, said):
    text = body(side(HEAD, "E301", evaluation=evaluation(broken, LOSS)))
    assert text.splitlines()[1] == f"### ❌ The gate would refuse it: {said}"
    assert "stop at the gate (`E301`)" in text
    assert f"❌ {broken['needs']}<br>✅ a loss of at most 0.002" in text


def test_refused_data_is_told_by_expectation_counts_and_row_keys():
    text = body(side(HEAD, "E203", validation=REFUSED, evaluation={}))
    assert text.splitlines()[1:4] == [
        "### ❌ The data is refused: Column age has no value in 37 rows",
        "",
        "- `E203` `expect_column_values_to_not_be_null(age)`: 37 rows, first row keys: `118`, `402`",
    ]
    assert "**Data** ❌ 1 of 2 expectations" in text
    assert "| metric |" not in text


@pytest.mark.parametrize(
    ("head", "more", "said"),
    [
        (side(BASE), {}, "✅ Nothing to train: this is release `8a5b8a5b8a5b`, the base's own"),
        (
            side(BASE),
            {"live": Live(serving=BASE)},
            "✅ Nothing to train: this is release `8a5b8a5b8a5b`, serving",
        ),
        (
            side(BASE),
            {"compared": [Compared("Permissions (infra/)", [WIDER])]},
            "✅ Nothing to train: this is release `8a5b8a5b8a5b`, the base's own; "
            "what stands around it changes",
        ),
        (
            side(HEAD),
            {"live": Live(registered="Approved")},
            "✅ Nothing to train: release `c0dec0dec0de` is registered already",
        ),
        (
            side(HEAD),
            {"live": Live(registered="Rejected")},
            "❌ Release `c0dec0dec0de` was rejected earlier: a merge would not release it",
        ),
        (side(HEAD), {"after": {"project": {"approval": "reviewer"}}}, "✅ A merge would prepare this model"),
        (side(HEAD, "E101"), {}, "❌ It does not run: E101 what"),
        (Side(Path()), {}, "❌ Not known: the run left no `build/local-test.json`"),
    ],
    ids=["the base's", "serving", "only infra", "reuse", "rejected", "a reviewer", "a fault", "no run"],
)
def test_the_heading_says_how_it_would_end(head, more, said):
    assert body(head, **more).splitlines()[1] == f"### {said}"


def test_a_base_that_was_refused_leaves_a_first_release_and_that_is_said():
    alone = evaluation(BAR, champion=None, difference=None, slices=[])
    text = body(side(HEAD, evaluation=alone), base=side(BASE, "E301", evaluation={}, validation={}))
    assert "The base's own run did not succeed (`E301`)" in text
    assert "Judged as a first release: the base's run left no model" in text
    assert "| **auc** | – | **0.9124 (0.9050 to 0.9200)** | – |" in text


def test_a_base_that_waits_for_approval_is_shown_by_its_own_measures():
    alone = evaluation(BAR, champion=None, difference=None, slices=[])
    waits = evaluation(BAR, candidate={"metrics": {"auc": entry(0.9)}})
    text = body(side(HEAD, evaluation=alone), base=side(BASE, evaluation=waits))
    assert "| **auc** | 0.9000 | **0.9124 (0.9050 to 0.9200)** | +0.0124 |" in text
    assert "Judged as a first release: the base's model did not serve" in text


WAIVER = {"champion": "5e415e415e41", "until": date(2030, 1, 31), "reason": "age is @gone"}
WAIVED = SETTINGS | {"gate": {"waiver": WAIVER}}
LINE = 'waiver = { champion = "8a5b8a5b8a5b", until = 2030-01-31, reason = "the rows lack the columns age" }'
LACKS = {"metrics": None, "error": "the rows lack the columns age"}


def test_a_new_waiver_is_a_change_of_the_gate_that_no_reader_misses():
    words = "champion 5e415e415e41 need not be compared with until 2030-01-31: age is @&#8203;gone"
    assert f"- ⚠️ **The gate is waived**: {words}\n" in body(after=WAIVED)
    assert "waived" not in comment.body(side(BASE), side(HEAD), (), WAIVED, WAIVED)


def test_where_the_bar_alone_decided_the_plan_says_until_when_and_why():
    waiving = rule("champion", None, "a scored champion, waived until 2030-01-31")
    judged = evaluation(BAR, waiving, champion=LACKS, difference=None, slices=[])
    judged["verdict"]["waived"] = "waived until 2030-01-31 by mlops.toml: age is gone"
    text = body(side(HEAD, evaluation=judged))
    assert (
        "- ⚠️ **The absolute bar alone decided**: waived until 2030-01-31 by mlops.toml: age is gone" in text
    )
    assert "✅ a scored champion, waived until 2030-01-31 |" in text
    assert "The base's model could not be scored (the rows lack the columns age)" in text


def test_where_the_base_cannot_be_scored_the_plan_shows_the_line_that_a_reviewer_may_let_in():
    why = "The champion could not be scored on these rows."
    refusing = rule("champion", None, "a scored champion", passed=False, message=why)
    judged = evaluation(BAR, refusing, champion=LACKS, difference=None, slices=[])
    judged["verdict"]["waiver_line"] = LINE
    text = body(side(HEAD, "E302", evaluation=judged))
    assert text.splitlines()[1] == (
        "### ❌ The gate would refuse it: the base's model cannot be scored on these rows"
    )
    assert f"- {why}\n" in text
    assert (
        f"only waiver below `[gate]` in `mlops.toml`, then `python -m pipelines definition --write`: `{LINE}`"
        in text
    )


LARGER = SETTINGS | {"environments": {"production": {"instance_type": "ml.m5.xlarge", "instance_count": 2}}}


def prices(**hourly: float) -> plan_cost.Ask:
    """Return a price list."""
    return lambda kind, component: Price(hourly[kind.replace(".", "_")], "USD")


def test_the_cost_of_other_machines_is_told_by_the_month_of_an_endpoint_and_the_hour_of_a_job():
    after = LARGER | {"jobs": {"train": {"instance_type": "ml.m5.xlarge"}}}
    text = body(after=after, ask=prices(ml_m5_large=0.1, ml_m5_xlarge=0.25))
    assert (
        "**Cost** production `1 x ml.m5.large` → `2 x ml.m5.xlarge`: +0.4000 USD an hour "
        "(+292.00 USD a month of 730 hours); "
        "job train none → `1 x ml.m5.xlarge`: +0.2500 USD an hour while it runs"
    ) in text


def test_a_cost_that_nobody_tells_is_unknown_with_the_reason():
    assert "`2 x ml.m5.xlarge`: cost unknown (AWS is not connected)" in body(after=LARGER)


def test_a_cost_is_unknown_where_one_price_of_two_is():
    known = {"ml.m5.large": Price(0.1, "USD")}
    text = body(after=LARGER, ask=lambda kind, component: known.get(kind, Price(why="AccessDeniedException")))
    assert "cost unknown (AccessDeniedException)" in text


def test_the_price_list_is_asked_for_what_the_machine_does():
    filters = price_list.request("ml.m5.large", "eu-west-1", "Training")["Filters"]
    assert {term["Field"]: term["Value"] for term in filters} == {
        "instanceName": "ml.m5.large",
        "component": "Training",
        "regionCode": "eu-west-1",
    }


class Page(HTMLParser):
    """A comment as a page: which tags it has, and the words that GitHub looks for mentions and issues in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.inside: list[str] = []
        self.words = ""
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "code" not in self.inside:
            self.words += data


OURS = {"h3", "p", "ul", "li", "strong", "code", "pre", "br", "sub", "details", "summary"}
OURS |= {"table", "thead", "tbody", "tr", "th", "td"}
LIVELY = re.compile(r"@\w|#\d|://|www\.\w|\bGH-\d", re.IGNORECASE)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_others_wrote_is_text_and_never_markup(hostile):
    reason = REASON | {"column": hostile, "message": hostile, "row_keys": [hostile], "rule": hostile}
    bad = {"verdict": {"accepted": False, "reasons": [reason]}, "rows": 1, "expectations": [{}]}
    judged = evaluation(
        rule("bar", 0.1, hostile, passed=False, metric=hostile, message=hostile), champion=None
    )
    judged["candidate"]["metrics"] = {hostile: entry(0.1)}
    judged["verdict"] |= {"waived": hostile, "waiver_line": hostile}
    judged["slices"] = [part(hostile, 300, 0.8, 0.9) | {"metrics": {hostile: entry(0.1)}}]
    told = Change(hostile, hostile, hostile, hostile)
    compared = [Compared("Permissions (infra/)", [told]), Compared("Settings (mlops.toml)", problem=hostile)]
    waived = {"waiver": {"champion": hostile, "until": hostile, "reason": hostile}}
    after = {
        "project": {"approval": hostile},
        "gate": waived,
        "environments": {"production": {"instance_type": hostile}},
    }
    for head in (
        side(HEAD, "E203", validation=bad, evaluation=judged),
        side(HEAD, "E301", evaluation=judged),
        side(hostile, evaluation=judged),
        Side(Path(), {"verdict": "failed", "error": {"code": hostile, "lines": [hostile] * 4}}),
    ):
        text = body(head, compared, after, ask=lambda *_: Price(why=hostile))
        page = Page(text)
        assert page.tags <= OURS
        assert LIVELY.findall(page.words) == []
        assert "\u202e" not in text
        assert all(
            line.count("|") - line.count("\\|") in (0, 6) for line in text.splitlines() if line[:2] == "| "
        )


def test_signs_that_hide_or_reorder_are_shown_by_their_numbers():
    assert visible("s3:\u202eteG\u200b\x1b") == r"s3:\u202eteG\u200b\u001b"
    assert code("a\u202eb") == r"<code>a&#92;u202eb</code>"


def test_a_long_comment_is_shortened_where_it_is_long_and_says_so():
    many = [Change(f"package-{number}", "", "1", "2") for number in range(9000)]
    compared = [Compared("Permissions (infra/)", [WIDER]), Compared("Pinned packages (requirements/)", many)]
    text = body(compared=compared)
    assert LIMIT * 0.99 < len(text) <= LIMIT
    assert "(wider) Action: s3:*" in text
    assert re.search(r"Left out: [\d,]+ of 18,000 lines; a comment holds 65,536 characters", text)
    assert text.endswith("(base)</sub>")
    assert len(re.findall("^```", text, flags=re.M)) == 4


def test_many_long_sections_share_what_there_is():
    sections = [Section(str(number), ["+ " + "x" * 200] * 1000) for number in range(6)] + [
        Section("s", ["+ y"])
    ]
    text = fit("start", sections, "end")
    assert len(text) <= LIMIT
    lengths = [len(shown) for shown in text.split("<details>")[1:7]]
    assert max(lengths) - min(lengths) < 300
    assert "+ y" in text


def test_two_checkouts_are_read_and_compared(tmp_path):
    for name, epochs in (("base", 12), ("head", 20)):
        build = tmp_path / name / "build"
        build.mkdir(parents=True)
        made = side(BASE if name == "base" else HEAD)
        for file, facts in (
            ("local-test", made.story),
            ("evaluation", made.evaluation),
            ("validation", VALIDATION),
        ):
            (build / f"{file}.json").write_text(json.dumps(facts))
        (tmp_path / name / "mlops.toml").write_text(f"[training]\nepochs = {epochs}\n")
    text = comment.plan(tmp_path / "base", tmp_path / "head")
    assert "### ✅ A merge would release this model" in text
    assert "  [training]\n-   epochs: 12\n+   epochs: 20" in text
    assert (
        "⚠️ Not compared: Expectations about the data, data\\_checks/suite.py does not load \\(base\\)" in text
    )


def test_a_document_of_another_shape_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_sides, "suite", lambda root: {"columns": 1})
    monkeypatch.setattr(plan_sides, "definition", lambda root: {"Steps": [1]})
    found = {part.title: part.problem for part in comment.compare(tmp_path, tmp_path)}
    assert found["Pipeline definition"] == "not of the shape it should have (AttributeError)"
    assert found["Expectations about the data"].startswith("not of the shape")
    assert found["Settings (mlops.toml)"] == ""


class Comments(GitHub):
    """A GitHub whose comments have authors, and whose one pull request may come from a fork."""

    def pull(self, head: str = "acme/demo") -> int:
        """Return the number of a new pull request."""
        sides = {
            "head": {"ref": "x", "repo": {"full_name": head}},
            "base": {"repo": {"full_name": "acme/demo"}},
        }
        return self._new("pulls", sides | {"title": "x"})["number"]

    def said(self, number: int, login: str, text: str) -> None:
        """Let somebody comment."""
        _, made = self.comment(str(number), {"body": text})
        made["user"] = {"login": login, "url": f"{self.api}/users/x"}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Answer, and let what the token writes be the bot's."""
        status, told = super().answer(method, path, query, body)
        if method == "POST" and path.endswith("/comments"):
            told["user"] = {"login": AUTHOR, "url": f"{self.api}/users/bot"}
        return status, told


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Comments]:
    """Serve it."""
    with Comments(tmp_path) as served:
        yield served


def post(github: Comments, number: int, text: str) -> bool:
    repository = api.repository(github.environ())
    assert repository
    return comment.post(repository, number, text)


def test_a_comment_is_written_once_and_then_kept_current(github):
    number = github.pull()
    github.said(number, "ann", "What does this do?")
    assert post(github, number, f"{MARKER}\nfirst")
    assert post(github, number, f"{MARKER}\nsecond")
    assert [made["body"] for made in github.comments[number]] == ["What does this do?", f"{MARKER}\nsecond"]
    before = len(github.writes())
    assert post(github, number, f"{MARKER}\nsecond")
    assert len(github.writes()) == before


def test_somebody_elses_comment_with_the_marker_is_left_alone(github):
    number = github.pull()
    github.said(number, "mallory", f"{MARKER}\nmine")
    github.said(number, AUTHOR, f"something else of the bot that quotes {MARKER}")
    assert post(github, number, f"{MARKER}\nplan")
    assert [made["body"] for made in github.comments[number]] == [
        f"{MARKER}\nmine",
        f"something else of the bot that quotes {MARKER}",
        f"{MARKER}\nplan",
    ]


def test_a_fork_gets_no_comment(github):
    number = github.pull(head="mallory/demo")
    assert not post(github, number, f"{MARKER}\nplan")
    assert github.writes() == []


@pytest.mark.parametrize("path", [r"pulls/\d+", r"comments"], ids=["reading", "writing"])
def test_a_token_that_may_not_is_no_failure(github, path):
    number = github.pull()
    for method in ("GET", "POST"):
        github.refuse(method, path, 403, "Resource not accessible by integration")
    assert not post(github, number, f"{MARKER}\nplan")


def test_another_refusal_is_an_error_of_four_lines(github):
    with pytest.raises(AccessError, match="E605 GitHub refused to comment on the pull request"):
        post(github, 404, f"{MARKER}\nplan")


def test_no_comment_is_longer_than_github_takes(github):
    number = github.pull()
    assert post(github, number, f"{MARKER}\n" + "x" * (LIMIT + 1))
    (made,) = github.comments[number]
    assert len(made["body"]) == LIMIT
    assert made["body"].endswith("(shortened: GitHub takes no longer comment)")


def test_a_diff_cannot_be_ended_from_inside():
    lines = changes.lines([Change("x", "y", None, "```\n</details>\n# heading")])
    text = fit("", [Section("t", lines)], "")
    assert "````diff\n  x\n+   y: ``` </details> # heading\n````" in text


def test_new_data_that_only_the_bucket_holds_is_trained_on_and_never_called_nothing():
    locks = [{"rows": rows, "files": [{"sha256": f"{rows:064x}"}]} for rows in (1000, 1500)]
    before, after = (replace(side(BASE), lock=lock) for lock in locks)
    text = body(after, base=before)
    assert "### ✅ New data: 1,500 rows, +500" in text
    assert "what ran here is the committed sample" in text
    assert "Nothing to train" not in text
