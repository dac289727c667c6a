"""The report: one file that needs nothing else, the verdict first, a plot for each task's question."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.training.evaluations import WORSE, make_table, run_job
from training import plots
from training.bootstrap import calibration
from training.report import meaning

VOID = {"meta", "line", "polyline", "path", "circle", "rect", "br", "img"}


class Page(HTMLParser):
    """A page, taken apart: its text, its tags, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(base: Path) -> Page:
    """Return the report that the job left."""
    text = (base / "processing/output/evaluation/model_report.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|javascript:|https?://|@import|url\(", text), "something is fetched or run"
    result = Page(text)
    assert result.open == [], "a tag is not closed"
    assert "nan" not in result.text.lower().split()
    return result


def headings(found: Page) -> str:
    """Return what the first heading says."""
    return found.text[found.text.index("Model report") :][:200]


def test_an_accepted_model_says_so_first_and_shows_both_models(tmp_path):
    assert run_job(tmp_path, champion={"weights": WORSE}) == 0
    found = page(tmp_path)
    assert "The gate accepted: this model may replace the champion" in headings(found)
    for words in (
        "Metrics",
        "auc",
        "higher is better",
        "better",
        "Slices",
        "gated",
        "ROC curve",
        "Calibration",
    ):
        assert words in found.text
    assert "Confusion matrix" in found.text


def test_a_refused_model_says_why_in_the_first_lines(tmp_path):
    assert run_job(tmp_path, candidate={"weights": WORSE}, champion={}) == 0
    found = page(tmp_path)
    assert "The gate refused: nothing is registered, the champion stays" in headings(found)
    assert "clearly worse" in found.text
    assert "\N{BALLOT X} refused" in found.text


def test_a_first_release_shows_no_empty_champion_columns(tmp_path):
    assert run_job(tmp_path) == 0
    found = page(tmp_path)
    assert "The gate accepted: a first release that meets its bar" in headings(found)
    assert "Candidate is" not in found.text


def test_every_plot_can_be_read_by_who_cannot_see_it(tmp_path):
    assert run_job(tmp_path) == 0
    plots = [attributes for tag, attributes in page(tmp_path).tags if tag == "svg"]
    shown = [attributes for attributes in plots if "aria-hidden" not in attributes]
    assert len(shown) == 4
    assert all(attributes.get("role") == "img" for attributes in shown)
    tags = [tag for tag, _ in page(tmp_path).tags]
    assert tags.count("desc") == 4
    assert tags.count("caption") == tags.count("table")


@pytest.mark.parametrize(
    ("task", "policy", "words"),
    [
        pytest.param("binary", {}, ["ROC curve", "Precision and recall", "Scores by class"], id="binary"),
        pytest.param(
            "multiclass", {"metric": "accuracy"}, ["Confusion matrix", "Confidence"], id="multiclass"
        ),
        pytest.param(
            "regression",
            {"metric": "rmse", "minimum": ..., "maximum": 3},
            ["Predicted and actual", "Errors"],
            id="regression",
        ),
    ],
)
def test_each_task_has_its_own_plots(tmp_path, task, policy, words):
    assert run_job(tmp_path, task=task, champion={}, table=make_table(task=task), **policy) == 0
    for word in words:
        assert word in page(tmp_path).text


def test_answers_of_nan_leave_a_report_without_plots(tmp_path):
    assert run_job(tmp_path, candidate={"bias": float("nan")}) == 0
    assert "ROC curve" not in page(tmp_path).text
    assert "The gate refused" in headings(page(tmp_path))


def test_names_from_the_data_cannot_become_markup(tmp_path):
    table = make_table()
    table = table.set_column(table.column_names.index("sex"), "sex", pa.array(["<b onload=x>"] * len(table)))
    assert run_job(tmp_path, table=table) == 0
    assert "<b onload=x>" in page(tmp_path).text
    assert not [tag for tag, _ in page(tmp_path).tags if tag == "b"]


def test_a_difference_is_told_from_chance_by_its_interval():
    assert meaning({"low": 0.1, "high": 0.2}, higher_is_better=True) == "better"
    assert meaning({"low": 0.1, "high": 0.2}, higher_is_better=False) == "worse"
    assert meaning({"low": -0.1, "high": 0.2}, higher_is_better=True) == "cannot be told apart"
    assert meaning({"low": 0.0, "high": 0.0}, higher_is_better=True) == "the same"
    assert meaning({"low": None, "high": None}, higher_is_better=True) == ""


def draw_many(rows: int = 20_000) -> list[tuple[str, str, str]]:
    """Return the plots of a binary model and its champion on many rows."""
    random = np.random.default_rng(0)
    truth = (random.random(rows) < 0.3).astype(int)
    score = 1 / (1 + np.exp(-truth - random.normal(size=rows)))
    models = {"champion": score**2, "candidate": score}
    bins = {name: {"calibration": calibration(truth, values)} for name, values in models.items()}
    return plots.draw(plots.Scene(truth, models, ["no", "yes"], {"task": "binary"} | bins))


def test_plots_of_many_rows_are_a_few_points():
    assert max(len(drawing) for _, _, drawing in draw_many()) < 60_000


def test_plots_take_their_colours_from_the_page_so_that_they_follow_light_and_dark():
    for _, _, drawing in draw_many(500):
        assert "var(--candidate)" in drawing
        assert not re.search("#[0-9a-f]{6}", drawing)


def test_plots_hold_no_id_twice_and_are_the_same_each_time():
    first = "".join(drawing for _, _, drawing in draw_many(500))
    ids = re.findall(r' id="([^"]+)"', first)
    assert len(ids) == len(set(ids))
    assert first == "".join(drawing for _, _, drawing in draw_many(500))
