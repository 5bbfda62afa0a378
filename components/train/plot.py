"""The model's graph as an SVG: layers in the rows that the data reaches them in, what is alike in one box."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import takewhile

import keras

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 44, 14, 46, 20
FEATURE, LAYER, OUTPUT = "#e8f0fe", "#ffffff", "#e6f4ea"
FEWEST_FOLDED = 3


@dataclass(frozen=True)
class _Box:
    """A box: two lines of text, its colour, and the names that it stands for where it is of several."""

    title: str
    detail: str
    colour: str
    names: tuple[str, ...] = ()


def plot_svg(model: keras.Model) -> str:
    """Draws a Functional model; features at the top, outputs (their labels' names) at the bottom."""
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
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="system-ui,sans-serif" font-size="12">'
    ]
    for start, end in edges:
        (x1, y1), (x2, y2) = places[start], places[end]
        x1, x2, y1 = x1 + BOX_WIDTH / 2, x2 + BOX_WIDTH / 2, y1 + BOX_HEIGHT
        middle = (y1 + y2) / 2
        drawn.append(
            f'<path d="M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}" fill="none" stroke="#9aa5b1"/>'
        )
    for name, (x, y) in places.items():
        box, middle = boxes[name], x + BOX_WIDTH / 2
        told = f"<title>{escape(', '.join(box.names))}</title>" if box.names else ""
        drawn.append(
            f'<g>{told}<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
            f'fill="{box.colour}" stroke="#5f6b7a" stroke-width="{2 if box.names else 1}"/>'
            f'<text x="{middle:g}" y="{y + 18:g}" text-anchor="middle" fill="#1c2430">{escape(_fit(box.title))}</text>'
            f'<text x="{middle:g}" y="{y + 34:g}" text-anchor="middle" fill="#5f6b7a">{escape(_fit(box.detail))}</text>'
            "</g>"
        )
    return "".join(drawn) + "</svg>"


def _fit(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def _graph(model: keras.Model) -> tuple[list[tuple[str, str]], dict[str, _Box]]:
    edges: list[tuple[str, str]] = []
    boxes: dict[str, _Box] = {}
    for operation in model.operations:
        is_input = isinstance(operation, keras.layers.InputLayer)
        shape = "×".join(str(d) for d in operation.output.shape[1:]) or "id"
        boxes[operation.name] = _Box(operation.name, f"{type(operation).__name__} {shape}", LAYER)
        if is_input:
            boxes[operation.name] = _Box(operation.name, "id" if shape == "id" else "number", FEATURE)
        for node in operation._inbound_nodes:
            edges += [(parent.operation.name, operation.name) for parent in node.parent_nodes]
    for label, tensor in model.output.items():
        end = f"output: {label}"
        boxes[end] = _Box(label, "output", OUTPUT)
        edges.append((tensor._keras_history.operation.name, end))
    return list(dict.fromkeys(edges)), boxes


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
            title = f"{len(names)} {detail}s" if first.colour == FEATURE else f"{_beginning(names)} × {len(names)}"
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
