"""The model's graph as a picture: layers in the rows that the data reaches them in, what is alike in one box."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import takewhile
from pathlib import Path

import keras

from schemas.errors import DataError

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 44, 14, 46, 20
FEATURE, LAYER, OUTPUT = "#e8f0fe", "#ffffff", "#e6f4ea"
INK, SOFT, LINE = "#1c2430", "#5f6b7a", "#9aa5b1"
FEWEST_FOLDED = 3


@dataclass(frozen=True)
class _Box:
    """A box: two lines of text, its colour, and the names that it stands for where it is of several."""

    title: str
    detail: str
    colour: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Drawing:
    """Boxes in their places (the upper left corner of each) and lines between them, in pixels."""

    width: float
    height: float
    boxes: dict[str, _Box]
    places: dict[str, tuple[float, float]]
    edges: list[tuple[str, str]]


def _drawing(model: keras.Model) -> _Drawing:
    edges, boxes = _folded(*_graph(model))
    ranks = _ranks(edges, boxes)
    rows = _ordered_rows(edges, ranks)
    width = max(len(row) for row in rows) * (BOX_WIDTH + GAP_X) + 2 * MARGIN
    height = len(rows) * (BOX_HEIGHT + GAP_Y) + 2 * MARGIN - GAP_Y
    places: dict[str, tuple[float, float]] = {}
    for rank, row in enumerate(rows):
        left = (width - len(row) * (BOX_WIDTH + GAP_X) + GAP_X) / 2
        for position, name in enumerate(row):
            places[name] = (left + position * (BOX_WIDTH + GAP_X), MARGIN + rank * (BOX_HEIGHT + GAP_Y))
    return _Drawing(width, height, boxes, places, edges)


def plot_svg(model: keras.Model) -> str:
    """Draws a Functional model; features at the top, outputs (their labels' names) at the bottom."""
    drawing = _drawing(model)
    width, height = drawing.width, drawing.height
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="system-ui,sans-serif" font-size="12">'
    ]
    for start, end in drawing.edges:
        (x1, y1), (x2, y2), middle = _line(drawing, start, end)
        drawn.append(
            f'<path d="M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}" fill="none" stroke="{LINE}"/>'
        )
    for name, (x, y) in drawing.places.items():
        box, middle = drawing.boxes[name], x + BOX_WIDTH / 2
        told = f"<title>{escape(', '.join(box.names))}</title>" if box.names else ""
        drawn.append(
            f'<g>{told}<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
            f'fill="{box.colour}" stroke="{SOFT}" stroke-width="{2 if box.names else 1}"/>'
            f'<text x="{middle:g}" y="{y + 18:g}" text-anchor="middle" fill="{INK}">{escape(_fit(box.title))}</text>'
            f'<text x="{middle:g}" y="{y + 34:g}" text-anchor="middle" fill="{SOFT}">{escape(_fit(box.detail))}</text>'
            "</g>"
        )
    return "".join(drawn) + "</svg>"


def plot_png(model: keras.Model, path: Path) -> None:
    """The same picture as a PNG file, two pixels for one of the SVG's.

    Raises:
        DataError: matplotlib is not installed.
    """
    try:
        from matplotlib import patches
        from matplotlib.figure import Figure
        from matplotlib.path import Path as Curve
    except ImportError:
        raise DataError(f"{path}: a PNG needs matplotlib, which is not installed here; ask for a .svg") from None
    drawing = _drawing(model)
    figure = Figure(figsize=(drawing.width / 100, drawing.height / 100), dpi=200)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.axis("off")
    for start, end in drawing.edges:
        (x1, y1), (x2, y2), middle = _line(drawing, start, end)
        curve = Curve([(x1, y1), (x1, middle), (x2, middle), (x2, y2)], [Curve.MOVETO, *[Curve.CURVE4] * 3])
        axes.add_patch(patches.PathPatch(curve, fill=False, edgecolor=LINE, linewidth=0.7))
    for name, (x, y) in drawing.places.items():
        box, middle = drawing.boxes[name], x + BOX_WIDTH / 2
        axes.add_patch(patches.FancyBboxPatch(
            (x, y), BOX_WIDTH, BOX_HEIGHT, boxstyle="round,pad=0,rounding_size=6", facecolor=box.colour,
            edgecolor=SOFT, linewidth=1.4 if box.names else 0.7,
        ))  # fmt: skip
        axes.text(middle, y + 15, _fit(box.title), ha="center", va="center", fontsize=8, color=INK, parse_math=False)
        axes.text(middle, y + 31, _fit(box.detail), ha="center", va="center", fontsize=7, color=SOFT, parse_math=False)
    figure.savefig(path, format="png")


def _line(drawing: _Drawing, start: str, end: str) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Where a line begins and ends, and the height that it bends at."""
    (x1, y1), (x2, y2) = drawing.places[start], drawing.places[end]
    y1 += BOX_HEIGHT
    return (x1 + BOX_WIDTH / 2, y1), (x2 + BOX_WIDTH / 2, y2), (y1 + y2) / 2


def _fit(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def _graph(model: keras.Model) -> tuple[list[tuple[str, str]], dict[str, _Box]]:
    edges: list[tuple[str, str]] = []
    boxes: dict[str, _Box] = {}
    for operation in model.operations:
        is_input = isinstance(operation, keras.layers.InputLayer)
        first = operation.output[0] if isinstance(operation.output, list | tuple) else operation.output
        shape = "×".join(str(d) for d in first.shape[1:]) or "id"
        boxes[operation.name] = _Box(operation.name, f"{type(operation).__name__} {shape}", LAYER)
        if is_input:
            boxes[operation.name] = _Box(operation.name, _kind_of(first), FEATURE)
        for node in operation._inbound_nodes:
            edges += [(parent.operation.name, operation.name) for parent in node.parent_nodes]
    for label, tensor in model.output.items():
        end = f"output: {label}"
        boxes[end] = _Box(label, "output", OUTPUT)
        edges.append((tensor._keras_history.operation.name, end))
    return list(dict.fromkeys(edges)), boxes


def _kind_of(tensor: keras.KerasTensor) -> str:
    """What an input holds: a number, an id, or several of them in a row."""
    one, several = ("id", "ids") if tensor.dtype == "int32" else ("number", "vector")
    return several if len(tensor.shape) > 1 and tensor.shape[1] != 1 else one


def _folded(edges: list[tuple[str, str]], boxes: dict[str, _Box]) -> tuple[list[tuple[str, str]], dict[str, _Box]]:
    """One box for several that are alike: layers of one kind that read features alone, then features, wherever the
    same boxes read them."""
    features = {name for name, box in boxes.items() if box.colour == FEATURE}
    readers = {name: {start for start, end in edges if end == name} for name in boxes}
    layers = [name for name, read in readers.items() if read and read <= features and boxes[name].colour == LAYER]
    for candidates in (layers, sorted(features)):
        alike: dict[tuple[str, ...], list[str]] = {}
        for name in candidates:
            read_by = sorted({end for start, end in edges if start == name})
            alike.setdefault((boxes[name].detail, *read_by), []).append(name)
        for (detail, *_), names in alike.items():
            if len(names) < FEWEST_FOLDED:
                continue
            fold = f"fold: {names[0]}"
            first = boxes[names[0]]
            title = (
                f"{len(names)} {detail if detail == 'ids' else detail + 's'}"
                if first.colour == FEATURE
                else f"{_beginning(names)} × {len(names)}"
            )
            shown = ", ".join(names) if first.colour == FEATURE else detail
            boxes = {fold: _Box(title, shown, first.colour, tuple(names)),
                     **{name: box for name, box in boxes.items() if name not in names}}  # fmt: skip
            edges = [(fold if s in names else s, fold if e in names else e) for s, e in edges]
        edges = list(dict.fromkeys(edges))
    return edges, boxes


def _beginning(names: list[str]) -> str:
    """What all names begin with: of `deep_a` and `deep_b`, deep."""
    same = [letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))]
    return "".join(same).rstrip("_") or "layers"


def _ranks(edges: list[tuple[str, str]], boxes: dict[str, _Box]) -> dict[str, int]:
    """The longest way from a feature to each box; features stand just above what reads them."""
    ranks = dict.fromkeys(boxes, 0)
    for _ in boxes:
        changed = False
        for start, end in edges:
            if ranks[end] < ranks[start] + 1:
                ranks[end], changed = ranks[start] + 1, True
        if not changed:
            break
    return ranks


def _ordered_rows(edges: list[tuple[str, str]], ranks: dict[str, int]) -> list[list[str]]:
    """Boxes by rank, each row ordered by the mean place of its neighbours (Sugiyama et al., 1981)."""
    rows: list[list[str]] = [[] for _ in range(max(ranks.values()) + 1)]
    for name, rank in ranks.items():
        rows[rank].append(name)
    for sweep in range(6):
        down = sweep % 2 == 0
        places = {name: i / max(len(row), 1) for row in rows for i, name in enumerate(row)}
        for row in rows if down else reversed(rows):
            means = {}
            for name in row:
                near = [s for s, e in edges if e == name] if down else [e for s, e in edges if s == name]
                means[name] = sum(places[n] for n in near) / len(near) if near else places[name]
            row.sort(key=means.__getitem__)
            places.update({name: i / max(len(row), 1) for i, name in enumerate(row)})
    return rows
