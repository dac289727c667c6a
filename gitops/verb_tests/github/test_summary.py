"""The job summary: what is so now comes first, the picture parses, hostile text stays text."""

from __future__ import annotations

import json
import re

import pytest

from doubles.aws import make_package
from doubles.endings import CASES
from doubles.markdown import ACTIVE, GFM
from doubles.repository import (
    HOSTILE,
    RELEASED,
    REUSED,
    ROLLED_BACK,
    job,
    needs,
    step,
    story,
)
from doubles.summaries import EIGHT, SEEN, told
from sagemaker_gitops.github import summary
from sagemaker_gitops.github.look import Look


@pytest.mark.parametrize(
    ("given", "seen", "heading"),
    [
        (RELEASED, Look(EIGHT, (EIGHT,)), "Income model 8: in production"),
        (ROLLED_BACK, SEEN, "Income model 8: production rolled back to 7"),
        (ROLLED_BACK, Look(), "Income model 8: production rolled back to nothing"),
        (
            ROLLED_BACK,
            Look(trouble="E603"),
            "Income model 8: rolled back, it is not known what production serves",
        ),
        ("{}", SEEN, "Income model: failed, production serves 7"),
    ],
)
def test_the_first_line_says_what_is_so_now(given, seen, heading):
    assert told(given, seen).startswith(f"## {heading}\n")


def test_a_rollback_says_why_what_is_now_and_what_next():
    text = told(ROLLED_BACK)
    for row in (
        "| What | ✗ E401 what |",
        "| Why | why |",
        "| Now | production serves 7 |",
        "| Next | what to do |",
    ):
        assert row in text
    assert "| Alarm | income-model-8-wrong: 1 datapoint was above 0 |" in text
    assert re.search(r'production\["production<br>rolled back to 7[^]]*\]:::red', text)
    assert ":::done" in text
    assert "| promote | put back | done | 1.5 s |  |" in text
    assert "| 7 | `777777777777` | auc=0.906 | **in production** |" in text
    assert "| 8 | `abababababab` | auc=0.907 | Rejected \\(production: taken back\\) |" in text
    assert text.rstrip().endswith("[run](https://x)")


def test_what_to_do_next_is_told_whole_however_long():
    todo = "write below [gate] " + "x" * 400 + ' waiver = { champion = "5e415e415e41" }'
    refused = json.loads(story("pipeline", step("gate", "refused"), code="E302"))
    refused["error"]["lines"][3] = todo
    text = told(needs(pipeline=job("failure", json.dumps(refused))))
    assert "x" * 400 + ' waiver = \\{ champion = "5e415e415e41" \\} |' in text


def test_a_release_that_was_reused_shows_what_was_done_before():
    text = told(needs(a=job("success", REUSED)))
    assert len(re.findall(":::reused", text)) == 5
    assert 'train["Train<br>reused"]:::reused' in text
    assert 'production["production<br>not reached"]:::unreached' in text


@pytest.mark.parametrize(("given", "kind"), CASES)
def test_every_outcome_has_a_summary(given, kind):
    text = told(given)
    assert text.startswith("## Income model")
    assert ("| What |" in text) is (
        kind in ("data refused", "gate refused", "rolled back", "not proven", "failed", "cancelled")
    )


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_text_everywhere(value):
    error = story("promote", step(value, "failed", value), step("production", "failed", value), code="E401")
    packages = (make_package(7, value, release_id=value, metric=value, production=value),)
    text = told(needs(**{value: job("failure", error)}), Look(packages[0], packages), name=value)
    html = GFM.render(text)
    assert set(re.findall(r"<(\w+)", html)) <= {
        "h2",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "pre",
        "code",
        "p",
        "a",
        "strong",
    }
    assert html.count("<h2>") == 1
    assert html.count("<pre>") == 1
    assert re.findall('href="([^"]*)"', html) == ["https://x"]
    words = re.sub(r"<pre>.*?</pre>|<[^>]+>|&\w+;", "", html, flags=re.DOTALL)
    assert not ACTIVE.search(words)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_is_that_of_the_regions_partition(region, host):
    assert (
        summary.console(region, "e") == f"https://{region}.{host}/sagemaker/home?region={region}#/endpoints/e"
    )
