"""A workflow drawn: boxes and arrows with their coordinates, and what the call did on them."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from msgspec import Struct

from schemas.workflow import END_CALL, POST_CALL_API, Workflow
from streams.console.layers import Arrow, Layers, Place, layers

WIDTH: Final = 168
HEIGHT: Final = 44
APART: Final = 28
BELOW: Final = 52
BEND: Final = 28
"""Pixels: a box, the gap beside it and below it, and what an arrow takes that goes past a layer."""
EDGE: Final = 8
MOST_NODES: Final = 250
"""Of a larger workflow nothing is drawn: nobody could read it."""
LABEL: Final = 20
"""Characters that fit into a box."""


class Box(Struct, frozen=True):
    """A node. `kind` is conversation, end_call or post_call_api; `state` what became of it in the call, or empty."""

    id: str
    label: str
    kind: str
    x: int
    y: int
    on_path: bool = False
    state: str = ""


class Line(Struct, frozen=True):
    """An arrow, as an SVG path."""

    source: str
    target: str
    on: str
    path: str
    on_path: bool = False


class Drawing(Struct, frozen=True):
    """All of it, in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(
    workflow: Workflow, path: Iterable[str] = (), states: Mapping[str, str] | None = None
) -> Drawing | None:
    """The workflow with the nodes that a call entered, in their order, and the states of its Post Call API nodes.

    None where there are too many nodes.
    """
    if len(workflow.nodes) > MOST_NODES:
        return None
    steps, known = list(path), states or {}
    arrows = [(edge.source, edge.target) for edge in workflow.edges]
    found = layers([node.id for node in workflow.nodes], arrows)
    width, at = _placed(found)
    taken = set(pairwise(steps)) | {
        (edge.source, edge.target)
        for edge in workflow.edges
        if known.get(edge.target) in _RAN and (edge.source in known or edge.source in steps[-1:])
    }
    boxes = tuple(
        Box(
            node.id,
            _cut(node.name or node.id),
            node.type if node.type in (END_CALL, POST_CALL_API) else "conversation",
            at[node.id][0] - WIDTH // 2,
            at[node.id][1],
            node.id in steps,
            known.get(node.id, ""),
        )
        for node in workflow.nodes
    )
    drawn = {(edge.source, edge.target): edge.on for edge in workflow.edges}
    lines = tuple(
        Line(source, target, on, _path((source, target), found, at), (source, target) in taken)
        for (source, target), on in drawn.items()
        if source in at and target in at
    )
    return Drawing(width, len(found) * (HEIGHT + BELOW) - BELOW + 2 * EDGE, boxes, lines)


_RAN: Final = frozenset({"done", "dead", "parked", "started"})


def _placed(found: Layers) -> tuple[int, dict[Place, tuple[int, int]]]:
    """The width of all, and for each place the middle of its upper side."""
    spans = [sum(_width(place) for place in layer) + APART * (len(layer) - 1) for layer in found]
    widest = max(spans, default=0)
    at: dict[Place, tuple[int, int]] = {}
    for number, (layer, span) in enumerate(zip(found, spans, strict=True)):
        left = EDGE + (widest - span) // 2
        for place in layer:
            at[place] = left + _width(place) // 2, EDGE + number * (HEIGHT + BELOW)
            left += _width(place) + APART
    return widest + 2 * EDGE, at


def _width(place: Place) -> int:
    return WIDTH if isinstance(place, str) else BEND


def _path(arrow: Arrow, found: Layers, at: Mapping[Place, tuple[int, int]]) -> str:
    """From the lower side of the source to the upper side of the target, by the bends between."""
    source, target = arrow
    if source == target:
        x, y = at[source]
        right = x + WIDTH // 2
        return f"M {right} {y + 12} C {right + 24} {y + 4}, {right + 24} {y + 40}, {right} {y + 32}"
    upward = at[source][1] > at[target][1]
    first, last = (target, source) if upward else (source, target)
    bends: list[Place] = [
        ((first, last), layer) for layer in range(len(found)) if ((first, last), layer) in at
    ]
    points = [(at[first][0], at[first][1] + HEIGHT)]
    for bend in bends:
        x, y = at[bend]
        points += [(x, y), (x, y + HEIGHT)]
    points.append(at[last])
    return _curve(list(reversed(points)) if upward else points)


def _curve(points: list[tuple[int, int]]) -> str:
    pieces = [f"M {points[0][0]} {points[0][1]}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) // 2
        pieces.append(f"C {x} {middle}, {to_x} {middle}, {to_x} {to_y}")
    return " ".join(pieces)


def _cut(name: str) -> str:
    return name if len(name) <= LABEL else name[: LABEL - 1] + "…"
