"""Pictures of pages, as SVG: learning curves, lines, bars. No script, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence

GREY, BLUE, LINE, SOFT = "#8a94a0", "#1a56db", "#dde3ea", "#5f6b7a"
WIDTH, HEIGHT = 320, 200
Points = Sequence[tuple[float, float]]


def number(value: float | None) -> str:
    """A number as people read it."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def lines(
    series: Sequence[tuple[str, Points]], *, below: str, beside: str, diagonal: bool = False, dots: bool = False,
    limits: tuple[float, float, float, float] | None = None,
) -> str:  # fmt: skip
    """Lines on two axes.

    Args:
        series: a colour and points, each.
        below, beside: what the axes are.
        diagonal: whether the line of x = y is drawn.
        dots: whether each point is marked.
        limits: x from, x to, y from, y to; those of the points by default.
    """
    every = [point for _, points in series for point in points if all(map(math.isfinite, point))]
    if not every:
        return ""
    if limits is None:
        xs, ys = [x for x, _ in every], [y for _, y in every]
        limits = min(xs), max(xs), min(ys), max(ys)
        if diagonal:
            low, high = min(limits[0], limits[2]), max(limits[1], limits[3])
            limits = low, high, low, high
    x0, x1, y0, y1 = limits
    left, right, top, bottom = 52, WIDTH - 10, 10, HEIGHT - 36

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - x0) / ((x1 - x0) or 1.0), (y - y0) / ((y1 - y0) or 1.0)
        return left + across * (right - left), bottom - up * (bottom - top)

    drawn = [_open(f"{beside} over {below}"), _axes(left, right, top, bottom, limits, below, beside)]
    if diagonal:
        (a, b), (c, d) = place(max(x0, y0), max(x0, y0)), place(min(x1, y1), min(x1, y1))
        drawn.append(
            f'<line x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}" stroke="{GREY}" stroke-dasharray="4 3"/>'
        )
    for colour, points in series:
        placed = [place(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if dots:
            drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
    return "".join(drawn) + "</svg>"


def histogram(edges: Sequence[float], counts: Sequence[float], *, below: str) -> str:
    """Bars of counts between edges."""
    left, right, top, bottom = 52, WIDTH - 10, 10, HEIGHT - 36
    most, width = max(*counts, 1), (right - left) / len(counts)
    drawn = [_open(f"how many rows over {below}")]
    drawn.append(_axes(left, right, top, bottom, (edges[0], edges[-1], 0, most), below, "rows"))
    for index, count in enumerate(counts):
        height = count / most * (bottom - top)
        drawn.append(
            f'<rect x="{left + index * width:.1f}" y="{bottom - height:.1f}" width="{max(width - 1, 1):.1f}" '
            f'height="{height:.1f}" fill="{BLUE}"/>'
        )
    return "".join(drawn) + "</svg>"


def learning_curve(first: Sequence[float], second: Sequence[float]) -> str:
    """Two learning curves by epoch, the first in grey, the second in blue: of two splits, or of two runs."""
    series = [
        (colour, [(float(i + 1), v) for i, v in enumerate(values)])
        for colour, values in ((GREY, first), (BLUE, second))
    ]
    return lines(series, below="epoch", beside="", dots=True)


def bar(value: float, most: float) -> str:
    """A bar in a table's cell."""
    width = max(0.0, min(1.0, value / most if most > 0 else 0.0)) * 120
    return (
        f'<svg width="120" height="10" role="presentation"><rect width="{width:.1f}" height="10" fill="{BLUE}"/></svg>'
    )


def _open(what: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{what.strip()}" '
        'font-size="11">'
    )


def _axes(
    left: float,
    right: float,
    top: float,
    bottom: float,
    limits: tuple[float, float, float, float],
    below: str,
    beside: str,
) -> str:
    x0, x1, y0, y1 = limits
    drawn = []
    for y, value in ((bottom, y0), (top, y1)):
        drawn.append(
            f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}" stroke="{LINE}"/>'
            f'<text x="{left - 6}" y="{y + 4}" text-anchor="end" fill="{SOFT}">{number(value)}</text>'
        )
    drawn.append(f'<text x="{left}" y="{bottom + 14}" fill="{SOFT}">{number(x0)}</text>')
    drawn.append(f'<text x="{right}" y="{bottom + 14}" text-anchor="end" fill="{SOFT}">{number(x1)}</text>')
    drawn.append(f'<text x="{(left + right) / 2}" y="{bottom + 28}" text-anchor="middle" fill="{SOFT}">{below}</text>')
    if beside:
        drawn.append(f'<text x="{left + 4}" y="{top + 10}" fill="{SOFT}">{beside}</text>')
    return "".join(drawn)
