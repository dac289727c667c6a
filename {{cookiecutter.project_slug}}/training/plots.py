"""Which plots a report shows for which task; to show another, write a function and add it to PLOTS.

In:   the truth and the predictions of one or two models on the same rows
Out:  Plot: a heading, what to look for, and the drawing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from training import charts, curves
from training.charts import Frame
from training.resampled import labels

Array = np.ndarray
Models = Mapping[str, Array]  # "candidate" and, where it could be scored, "champion": predictions
SHARES = (0.0, 1.0)


@dataclass(frozen=True)
class Plot:
    """A drawing with its heading and one sentence on how to read it."""

    heading: str
    reading: str
    drawing: Markup
    models: tuple[str, ...] = ()  # named in a legend


@dataclass(frozen=True)
class Scene:
    """What plots are drawn from."""

    truth: Array
    models: Models
    classes: Sequence[str]
    evaluation: Mapping[str, Any]


def draw(task: str, scene: Scene) -> list[Plot]:
    """Return the plots of a task; none where there are no rows or no finite predictions to draw."""
    usable = {
        name: values for name, values in scene.models.items() if len(values) and np.isfinite(values).all()
    }
    if "candidate" not in usable or (task == "binary" and len(np.unique(scene.truth)) < 2):
        return []
    scene = Scene(scene.truth, usable, scene.classes, scene.evaluation)
    return [plot(scene) for plot in PLOTS[task]]


def roc(scene: Scene) -> Plot:
    """Draw the trade between catching positives and raising false alarms."""
    frame = Frame(SHARES, SHARES, "false positive rate", "true positive rate")
    lines = [
        charts.line(frame, *curves.roc(scene.truth, values), name) for name, values in _back_to_front(scene)
    ]
    chance = charts.line(frame, SHARES, SHARES, "reference")
    reading = "The further towards the upper left, the better; the thin diagonal is chance."
    return Plot("ROC curve", reading, _plot("ROC curve", scene, frame, chance, *lines), tuple(scene.models))


def precision_recall(scene: Scene) -> Plot:
    """Draw how pure the flagged rows are, against how many positives are among them."""
    share = float(scene.truth.mean())
    frame = Frame(SHARES, SHARES, "recall", "precision")
    lines = [
        charts.line(frame, *curves.precision_recall(scene.truth, values), name)
        for name, values in _back_to_front(scene)
    ]
    chance = charts.line(frame, SHARES, (share, share), "reference")
    reading = (
        f"The further towards the upper right, the better; the thin line is chance, {share:.1%} positives."
    )
    title = "Precision and recall"
    return Plot(title, reading, _plot(title, scene, frame, chance, *lines), tuple(scene.models))


def calibration(scene: Scene) -> Plot:
    """Draw what was predicted against what came true, in bins of equally many rows."""
    what = (
        "predicted probability"
        if scene.truth.max(initial=0) <= 1 and len(scene.classes) <= 2
        else "confidence"
    )
    frame = Frame(SHARES, SHARES, f"mean {what} of a bin", "share that came true")
    marks = [charts.line(frame, SHARES, SHARES, "reference")]
    for shift, name in zip((-2.0, 2.0), sorted(scene.models, reverse=True), strict=False):
        bins = (scene.evaluation[name] or {}).get("calibration") or []
        points = [(entry["predicted"], entry["observed"], entry["low"], entry["high"]) for entry in bins]
        marks.append(charts.bars(frame, points, name, shift))
    reading = "On the diagonal, a prediction of 30% comes true 30 times in 100. Bars are 95% intervals."
    return Plot("Calibration", reading, _plot("Calibration", scene, frame, *marks), tuple(scene.models))


def scores(scene: Scene) -> Plot:
    """Draw which scores the candidate gives to each of two classes."""
    low, high = 0.0, 1.0
    values = scene.models["candidate"]
    shares = {kind: curves.histogram(values[scene.truth == kind], low, high) for kind in (0, 1)}
    frame = Frame((low, high), (0.0, _top(shares)), "predicted probability", "share of the class")
    marks = [charts.steps(frame, *shares[kind], ("negative", "positive")[kind]) for kind in (0, 1)]
    reading = (
        f"Scores of the candidate, by true class. Apart is good: {_named(scene)} should lie to the right."
    )
    title = "Scores by class"
    return Plot(title, reading, _plot(title, scene, frame, *marks), ("negative", "positive"))


def confidence(scene: Scene) -> Plot:
    """Draw how sure the candidate is where it is right and where it is wrong."""
    values = scene.models["candidate"]
    right = (labels(values) == scene.truth).astype(int)
    shares = {kind: curves.histogram(values.max(axis=1)[right == kind], 0.0, 1.0) for kind in (0, 1)}
    frame = Frame(SHARES, (0.0, _top(shares)), "probability of the likeliest class", "share of the rows")
    marks = [charts.steps(frame, *shares[kind], ("negative", "positive")[kind]) for kind in (0, 1)]
    reading = "How sure the candidate is. Rows it gets wrong should lie to the left."
    return Plot("Confidence", reading, _plot("Confidence", scene, frame, *marks), ("wrong", "right"))


def predicted_and_actual(scene: Scene) -> Plot:
    """Draw the candidate's predictions against the truth."""
    values = scene.models["candidate"].astype(np.float64)
    low, high = float(min(values.min(), scene.truth.min())), float(max(values.max(), scene.truth.max()))
    frame = Frame((low, high), (low, high), "actual", "predicted")
    title, cells = "Predicted and actual", charts.cells(frame, *curves.heat(scene.truth, values, low, high))
    reference = charts.line(frame, (low, high), (low, high), "reference")
    reading = "Rows on the diagonal are predicted exactly; darker cells hold more rows."
    return Plot(title, reading, _plot(title, scene, frame, cells, reference))


def residuals(scene: Scene) -> Plot:
    """Draw how far off both models are."""
    errors = {name: values.astype(np.float64) - scene.truth for name, values in scene.models.items()}
    reach = max(float(np.quantile(np.abs(error), 0.995)) for error in errors.values()) or 1.0
    shares = {name: curves.histogram(error, -reach, reach) for name, error in errors.items()}
    frame = Frame((-reach, reach), (0.0, _top(shares)), "predicted minus actual", "share of the rows")
    marks = [charts.steps(frame, *shares[name], name) for name, _ in _back_to_front(scene)]
    reading = "Narrow and centred on 0 is good; the largest half percent of errors lies outside."
    return Plot("Errors", reading, _plot("Errors", scene, frame, *marks), tuple(scene.models))


def _plot(title: str, scene: Scene, frame: Frame, *marks: str) -> Markup:
    names = " and ".join(scene.models)
    description = (
        f"{frame.up_label} against {frame.across_label} of {names}, on {len(scene.truth):,} test rows"
    )
    return charts.plot(title, description, frame, *marks)


def _back_to_front(scene: Scene) -> list[tuple[str, Array]]:
    """Return the models with the candidate last, which draws it on top."""
    return sorted(scene.models.items(), reverse=True)


def _named(scene: Scene) -> str:
    return f"“{scene.classes[-1]}”" if scene.classes else "the positive class"


def _top(shares: Mapping[Any, tuple[Array, Array]]) -> float:
    """Return the height of the highest bar, with some air."""
    return 1.05 * max(float(heights.max(initial=0.0)) for _, heights in shares.values()) or 1.0


PLOTS: dict[str, tuple[Callable[[Scene], Plot], ...]] = {
    "binary": (roc, precision_recall, calibration, scores),
    "multiclass": (calibration, confidence),
    "regression": (predicted_and_actual, residuals),
}
