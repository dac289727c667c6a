"""What others wrote is shown, and does nothing."""

from __future__ import annotations

import re

import pytest

from doubles.markdown import ACTIVE, GFM
from doubles.repository import HOSTILE
from sagemaker_gitops.github import markup


def shown(html: str) -> str:
    """Return what a reader sees of HTML."""
    plain = re.sub(r"<[^>]+>", "", html)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        plain = plain.replace(entity, sign)
    return plain.replace("\u200b", "").strip()


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_text_in_a_table(value):
    html = GFM.render(markup.table(["a", "b"], [("x", markup.text(value))]))
    assert html.count("<tr>") == 2
    assert html.count("<td>") == 2
    assert set(re.findall(r"<(\w+)", html)) == {"table", "thead", "tbody", "tr", "th", "td"}
    cell = html.rsplit("<td>", 1)[1].split("</td>")[0]
    assert shown(cell) == markup.one_line(value)
    assert not ACTIVE.search(re.sub(r"&\w+;", "", cell))


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_is_text_in_a_list(value):
    html = GFM.render(f"- `abc` {markup.text(value)}\n- next")
    assert set(re.findall(r"<(\w+)", html)) == {"ul", "li", "code"}
    assert html.count("<li>") == 2


@pytest.mark.parametrize("value", HOSTILE)
def test_no_line_ends_a_block(value):
    html = GFM.render(markup.block([value, "````"]) + "\n\nafter")
    assert html.count("<pre>") == 1
    assert "<p>after</p>" in html
    assert set(re.findall(r"<(\w+)", html)) == {"pre", "code", "p"}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_link_stays_one_link(value):
    html = GFM.render(markup.link(value, f"https://github.com/acme/demo?{value}"))
    assert re.findall(r'href="([^:]*)', html) == ["https"]
    assert set(re.findall(r"<(\w+)", html)) == {"p", "a"}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_label_holds_letters_and_numbers_only(value):
    assert re.fullmatch(r'"([A-Za-z0-9 ]|#\d+;|(?<=\d)[.,](?=\d)|<br>)*"', markup.label(value, "0.91"))


def test_text_that_is_cut_says_so():
    assert markup.one_line("a" * 9, 5) == "aaaa…"
    assert markup.text("auc 0.91, at least 0.88") == "auc 0.91, at least 0.88"
    assert markup.label("auc 0.91", "") == '"auc 0.91"'
