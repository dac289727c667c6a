"""Plots as inline SVG: a dozen lines of path data instead of a plotting library, so they follow the page.

Colours are classes (`candidate`, `champion`, `reference`) that report.html gives values, light and dark.
Every plot has a title and a description for who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

Points = Sequence[float] | np.ndarray
WIDTH, HEIGHT = 480, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 44


@dataclass(frozen=True)
class Frame:
    """The data range of a plot and what its axes are called."""

    across: tuple[float, float]
    up: tuple[float, float]
    across_label: str
    up_label: str

    def x(self, value: float) -> float:
        """Return where a value lies, in pixels from the left."""
        low, high = self.across
        return round(LEFT + (value - low) / (high - low or 1.0) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return where a value lies, in pixels from the top."""
        low, high = self.up
        return round(HEIGHT - BOTTOM - (value - low) / (high - low or 1.0) * (HEIGHT - TOP - BOTTOM), 1)


def plot(title: str, description: str, frame: Frame, *marks: str) -> Markup:
    """Return a whole plot: axes, grid and marks."""
    return Markup(  # noqa: S704 numbers and escaped text
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{_axes(frame)}{''.join(marks)}</svg>"
    )


def line(frame: Frame, across: Points, up: Points, kind: str) -> str:
    """Return a line through points."""
    points = " ".join(f"{frame.x(a)},{frame.y(b)}" for a, b in zip(across, up, strict=True))
    return f'<polyline class="line {kind}" points="{points}"/>'


def steps(frame: Frame, edges: Points, heights: Points, kind: str) -> str:
    """Return a filled histogram."""
    floor = frame.y(0.0)
    corners = [f"M{frame.x(edges[0])},{floor}"]
    for low, high, value in zip(edges[:-1], edges[1:], heights, strict=True):
        corners.append(f"L{frame.x(low)},{frame.y(value)}L{frame.x(high)},{frame.y(value)}")
    return f'<path class="steps {kind}" d="{"".join(corners)}L{frame.x(edges[-1])},{floor}Z"/>'


def bars(
    frame: Frame, points: Sequence[tuple[float, float, float, float]], kind: str, shift: float = 0.0
) -> str:
    """Return points (across, up, low, high) with intervals; `shift` in pixels keeps two sets apart."""
    marks = []
    for across, up, low, high in points:
        x = round(frame.x(across) + shift, 1)
        marks.append(
            f'<line class="line {kind}" x1="{x}" x2="{x}" y1="{frame.y(low)}" y2="{frame.y(high)}"/>'
        )
        marks.append(f'<circle class="dot {kind}" cx="{x}" cy="{frame.y(up)}" r="3.5"/>')
    return "".join(marks)


def cells(frame: Frame, edges: Points, counts: np.ndarray) -> str:
    """Return a heat map (across, up): the more points, the darker."""
    most, marks = float(counts.max() or 1.0), []
    for i, j in np.argwhere(counts > 0):
        x, y = frame.x(edges[i]), frame.y(edges[j + 1])
        size = f'width="{frame.x(edges[i + 1]) - x:.1f}" height="{frame.y(edges[j]) - y:.1f}"'
        shade = 0.12 + 0.88 * float(counts[i, j] / most) ** 0.5
        marks.append(f'<rect class="cell" x="{x}" y="{y}" {size} opacity="{shade:.2f}"/>')
    return "".join(marks)


def whisker(
    value: float,
    low: float,
    high: float,
    across: tuple[float, float],
    lines: Sequence[tuple[float, str]],
    kind: str,
) -> Markup:
    """Return a row of a forest plot, for a table's cell: an interval, its value, lines to hold it against."""
    start, end = across

    def x(point: float) -> float:
        return round(4 + (min(max(point, start), end) - start) / (end - start or 1.0) * 192, 1)

    ruler = "".join(f'<line class="{name}" x1="{x(at)}" x2="{x(at)}" y1="0" y2="20"/>' for at, name in lines)
    marks = f'<line class="line {kind}" x1="{x(low)}" x2="{x(high)}" y1="10" y2="10"/>'
    if start <= value <= end:
        marks += f'<circle class="dot {kind}" cx="{x(value)}" cy="10" r="4"/>'
    if low < start:
        marks += f'<path class="dot {kind}" d="M0,10L6,6V14Z"/>'
    if high > end:
        marks += f'<path class="dot {kind}" d="M200,10L194,6V14Z"/>'
    drawing = f'<svg viewBox="0 0 200 20" class="whisker" aria-hidden="true">{ruler}{marks}</svg>'
    return Markup(drawing)  # noqa: S704 numbers and our own class names


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between two ends, about as many as asked for."""
    rough = (high - low or 1.0) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(power * n for n in (1, 2, 5, 10) if power * n >= rough))
    first = int(np.ceil(low / step - 1e-9))
    return [round(n * step, 12) for n in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def _axes(frame: Frame) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in ticks(*frame.across):
        x = frame.x(value)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{_tick(value)}</text>')
    for value in ticks(*frame.up):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y + 4}" text-anchor="end">{_tick(value)}</text>')
    middle_x, middle_y = (LEFT + right) / 2, (TOP + bottom) / 2
    parts.append(
        f'<text class="label" x="{middle_x}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{escape(frame.across_label)}</text>"
        f'<text class="label" transform="translate(12 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{escape(frame.up_label)}</text>"
    )
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
