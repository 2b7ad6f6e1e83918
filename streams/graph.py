"""The graph of a workflow: what hangs on an End Call node, in which order, and after what.

All questions are asked at every verdict, so each answer is kept for as long as the workflow is the
same object: a version is immutable, and the definitions hold one object for it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from schemas.workflow import POST_CALL_API, Edge, Node, Workflow

Arrows: TypeAlias = Mapping[str, tuple[Edge, ...]]

_REMEMBERED: Final = 1024
"""Answers kept for each question."""


def after_end(workflow: Workflow, end_node_id: str) -> tuple[Node, ...]:
    """The Post Call API nodes on an End Call node's side: parents first, else as in the document."""
    return _after_end(_Same(workflow), end_node_id)


def parents(workflow: Workflow, node_id: str, end_node_id: str) -> tuple[Edge, ...]:
    """The edges from other Post Call API nodes that a node waits for when this End Call node was reached.

    Parents that hang only on other End Call nodes do not count: they will never run.
    """
    return _parents(_Same(workflow), end_node_id).get(node_id, ())


def comes_before(workflow: Workflow, node_id: str) -> frozenset[str]:
    """The Post Call API nodes that lead to a node, on whatever End Call node's side."""
    return _comes_before(_Same(workflow), node_id)


def leads_to(workflow: Workflow, node_id: str, target_id: str) -> bool:
    """Whether one Post Call API node comes before another; quick where they are near each other."""
    _, incoming = _post_call(_Same(workflow))
    seen = {target_id}
    open_ids = deque(seen)
    while open_ids:
        for edge in incoming.get(open_ids.popleft(), ()):
            if edge.source == node_id:
                return True
            if edge.source not in seen:
                seen.add(edge.source)
                open_ids.append(edge.source)
    return False


class _Same:
    """A workflow as a key: equal only to itself, and kept alive, so that no other takes its id."""

    __slots__ = ("workflow",)

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    def __hash__(self) -> int:
        return id(self.workflow)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.workflow is self.workflow


@lru_cache(_REMEMBERED)
def _after_end(same: _Same, end_node_id: str) -> tuple[Node, ...]:
    nodes, _ = _post_call(same)
    reached = _reachable([end_node_id], lambda node_id: _targets(same, node_id))
    side = [node_id for node_id in nodes if node_id in reached]
    return tuple(nodes[node_id] for node_id in _in_order(same, side))


@lru_cache(_REMEMBERED)
def _parents(same: _Same, end_node_id: str) -> Arrows:
    _, incoming = _post_call(same)
    side = {node.id for node in _after_end(same, end_node_id)}
    return {
        node_id: tuple(edge for edge in incoming.get(node_id, ()) if edge.source in side) for node_id in side
    }


@lru_cache(_REMEMBERED)
def _comes_before(same: _Same, node_id: str) -> frozenset[str]:
    _, incoming = _post_call(same)
    return frozenset(_reachable([node_id], lambda at: [edge.source for edge in incoming.get(at, ())]))


@lru_cache(_REMEMBERED)
def _post_call(same: _Same) -> tuple[Mapping[str, Node], Arrows]:
    """The Post Call API nodes in the document's order, and the edges between them by target."""
    nodes = {node.id: node for node in same.workflow.nodes if node.type == POST_CALL_API}
    incoming: dict[str, list[Edge]] = defaultdict(list)
    for edge in same.workflow.edges:
        if edge.source in nodes and edge.target in nodes:
            incoming[edge.target].append(edge)
    return nodes, {target: tuple(edges) for target, edges in incoming.items()}


@lru_cache(_REMEMBERED)
def _outgoing(same: _Same) -> Mapping[str, tuple[str, ...]]:
    """The Post Call API nodes that each node leads to."""
    nodes, _ = _post_call(same)
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in same.workflow.edges:
        if edge.target in nodes:
            targets[edge.source].append(edge.target)
    return {source: tuple(ids) for source, ids in targets.items()}


def _targets(same: _Same, node_id: str) -> Iterable[str]:
    return _outgoing(same).get(node_id, ())


def _in_order(same: _Same, side: list[str]) -> list[str]:
    """Topological; of those whose parents stand, the first in the document comes first.

    A cycle cannot be ordered and is left out; no valid document has one.
    """
    place = {node_id: at for at, node_id in enumerate(side)}
    _, incoming = _post_call(same)
    waits = {node_id: sum(edge.source in place for edge in incoming.get(node_id, ())) for node_id in side}
    ready = [place[node_id] for node_id in side if not waits[node_id]]
    heapify(ready)
    ordered: list[str] = []
    while ready:
        node_id = side[heappop(ready)]
        ordered.append(node_id)
        for target in _targets(same, node_id):
            waits[target] -= 1
            if not waits[target]:
                heappush(ready, place[target])
    return ordered


def _reachable(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    """What can be come to from these by at least one step."""
    reached: set[str] = set()
    open_ids = list(starts)
    while open_ids:
        for node_id in following(open_ids.pop()):
            if node_id not in reached:
                reached.add(node_id)
                open_ids.append(node_id)
    return reached
