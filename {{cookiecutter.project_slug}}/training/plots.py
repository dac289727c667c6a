"""Which plots a report shows for which task; to show another, write a function and add it to PLOTS.

In:   the truth, the predictions of one or two models on the same rows, evaluation.json
Out:  of each plot a heading, how to read it, and SVG that report.html's CSS variables colour, light and dark
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from training.resampled import labels

STYLE = Path(__file__).with_suffix(".mplstyle")
# What matplotlib writes, and the CSS variable of report.html that takes its place.
COLOURS = {"candidate": "#1f5fd6", "champion": "#b4581a", "soft": "#5c636b", "grid": "#ecece7"}
CANDIDATE, CHAMPION, SOFT, _ = COLOURS.values()
LINES = {"candidate": "-", "champion": "--"}
REFERENCE: dict[str, Any] = {"color": SOFT, "linewidth": 1, "linestyle": ":"}
SHARES = {"xlim": (0, 1), "ylim": (0, 1)}
# Ids would come twice on one page, a style would be everyone's, a clip is not needed and looks like a link.
FOREIGN = re.compile(r'<style.*?</style>|<clipPath.*?</clipPath>| clip-path="[^"]*"| id="[\w.]+_\d+"', re.S)


@dataclass(frozen=True)
class Scene:
    """What plots are drawn from."""

    truth: np.ndarray
    models: Mapping[str, np.ndarray]  # predictions of "champion", where it could be scored, and "candidate"
    classes: Sequence[str]
    evaluation: Mapping[str, Any]


def draw(scene: Scene) -> list[tuple[str, str, Markup]]:
    """Return the plots of a task; none where there are no rows or no finite predictions to draw."""
    task, finite = scene.evaluation["task"], {k: p for k, p in scene.models.items() if np.isfinite(p).all()}
    if "candidate" not in finite or len(np.unique(scene.truth)) < (2 if task == "binary" else 1):
        return []
    with matplotlib.rc_context(fname=STYLE):
        return [_plot(function, replace(scene, models=finite)) for function in PLOTS[task]]


def roc(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw the trade between catching positives and raising false alarms."""
    axes.axline((0, 0), slope=1, **REFERENCE)
    for name, predictions in scene.models.items():
        across, up, _ = roc_curve(scene.truth, predictions)
        axes.plot(across, up, LINES[name], color=COLOURS[name], label=name)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", **SHARES)
    return "ROC curve", "The further towards the upper left, the better; the thin diagonal is chance."


def precision_recall(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw how pure the flagged rows are, against how many positives are among them."""
    share = scene.truth.mean()
    axes.axhline(share, **REFERENCE)
    for name, predictions in scene.models.items():
        up, across, _ = precision_recall_curve(scene.truth, predictions)  # the last point is made up
        axes.plot(across[:-1], up[:-1], LINES[name], color=COLOURS[name], label=name)
    axes.set(xlabel="recall", ylabel="precision", **SHARES)
    better = "The further towards the upper right, the better"
    return "Precision and recall", f"{better}; the thin line is chance, {share:.1%} positives."


def calibration(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw what was predicted against what came true, in bins of equally many rows."""
    axes.axline((0, 0), slope=1, **REFERENCE)
    for name in scene.models:
        axes.plot([], "o", color=COLOURS[name], label=name)
        for entry in scene.evaluation[name]["calibration"]:
            axes.plot([entry["predicted"]] * 2, [entry["low"], entry["high"]], color=COLOURS[name])
            axes.plot(entry["predicted"], entry["observed"], "o", color=COLOURS[name])
    what = "confidence" if len(scene.classes) > 2 else "predicted probability"
    axes.set(xlabel=f"mean {what} of a bin", ylabel="share that came true", **SHARES)
    reading = "On the diagonal, a prediction of 30% comes true 30 times in 100. Bars are 95% intervals."
    return "Calibration", reading


def scores(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw which scores the candidate gives to each of two classes."""
    values = scene.models["candidate"]
    _histogram(axes, values[scene.truth == 0], (0, 1), "negative", CHAMPION)
    _histogram(axes, values[scene.truth == 1], (0, 1), "positive", CANDIDATE)
    axes.set(xlabel="predicted probability", ylabel="share of the class")
    apart = f"Apart is good: “{scene.classes[-1]}” should lie to the right."
    return "Scores by class", f"Scores of the candidate, by true class. {apart}"


def confidence(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw how sure the candidate is where it is right and where it is wrong."""
    values = scene.models["candidate"]
    right, sure = labels(values) == scene.truth, values.max(axis=1)
    _histogram(axes, sure[~right], (0, 1), "wrong", CHAMPION)
    _histogram(axes, sure[right], (0, 1), "right", CANDIDATE)
    axes.set(xlabel="probability of the likeliest class", ylabel="share of the rows")
    return "Confidence", "How sure the candidate is. Rows it gets wrong should lie to the left."


def predicted_and_actual(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw the candidate's predictions against the truth."""
    shade = LinearSegmentedColormap.from_list("shade", [(CANDIDATE, 0.12), CANDIDATE])
    look = {"gridsize": 40, "mincnt": 1, "cmap": shade, "norm": PowerNorm(0.5), "edgecolors": "none"}
    axes.hexbin(scene.truth, scene.models["candidate"], **look)
    axes.axline((scene.truth[0],) * 2, slope=1, **REFERENCE)
    axes.set(xlabel="actual", ylabel="predicted")
    reading = "Rows on the diagonal are predicted exactly; darker cells hold more rows."
    return "Predicted and actual", reading


def residuals(axes: Axes, scene: Scene) -> tuple[str, str]:
    """Draw how far off both models are."""
    errors = {name: values - scene.truth for name, values in scene.models.items()}
    reach = max(np.quantile(np.abs(error), 0.995) for error in errors.values()) or 1.0
    for name, error in errors.items():
        _histogram(axes, error, (-reach, reach), name, COLOURS[name])
    axes.set(xlabel="predicted minus actual", ylabel="share of the rows")
    return "Errors", "Narrow and centred on 0 is good; the largest half percent of errors lies outside."


def _histogram(axes: Axes, values: np.ndarray, reach: tuple[float, float], name: str, ink: str) -> None:
    heights, edges = np.histogram(values, bins=30, range=reach)
    look = {"facecolor": (ink, 0.35), "edgecolor": ink, "linewidth": 1.5}
    axes.stairs(heights / max(1, len(values)), edges, fill=True, label=name, **look)
    axes.set_xlim(reach)


PLOTS: dict[str, tuple[Callable[[Axes, Scene], tuple[str, str]], ...]] = {
    "binary": (roc, precision_recall, calibration, scores),
    "multiclass": (calibration, confidence),
    "regression": (predicted_and_actual, residuals),
}


def _plot(function: Callable[[Axes, Scene], tuple[str, str]], scene: Scene) -> tuple[str, str, Markup]:
    """Return heading, reading and a drawing that is part of a page, also for who cannot see it."""
    figure, file = Figure(), StringIO()
    axes = figure.add_subplot()
    heading, reading = function(axes, scene)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(reverse=True)
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawn = FOREIGN.sub("", file.getvalue().partition("<svg")[2].partition(">")[2])
    for name, colour in COLOURS.items():
        drawn = drawn.replace(colour, f"var(--{name})")
    width, height = figure.get_size_inches() * 72
    shown = f"{axes.get_ylabel()} against {axes.get_xlabel()} of {' and '.join(scene.models)}"
    said = f"<title>{escape(heading)}</title><desc>{escape(shown)}, on {len(scene.truth):,} test rows</desc>"
    svg = f'<svg viewBox="0 0 {width:g} {height:g}" role="img">{said}{drawn}'
    return heading, reading, Markup(svg)  # noqa: S704 numbers and our own words
