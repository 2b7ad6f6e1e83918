"""The graph of a workflow: what hangs on an End Call node, in which order, and after what.

What is asked at every verdict is worked out once for each workflow: a version is immutable, and the
definitions hold one object for it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from schemas.workflow import POST_CALL_API, Edge, Node, Workflow
from streams.templates.remembered import by_identity

Arrows: TypeAlias = Mapping[str, tuple[Edge, ...]]


@by_identity
def after_end(workflow: Workflow, end_node_id: str) -> tuple[Node, ...]:
    """The Post Call API nodes on an End Call node's side: parents first, else as in the document."""
    nodes, _ = _post_call(workflow)
    reached = _reachable([end_node_id], lambda node_id: _targets(workflow, node_id))
    side = [node_id for node_id in nodes if node_id in reached]
    return tuple(nodes[node_id] for node_id in _in_order(workflow, side))


def parents(workflow: Workflow, node_id: str, end_node_id: str) -> tuple[Edge, ...]:
    """The edges from other Post Call API nodes that a node waits for when this End Call node was reached.

    Parents that hang only on other End Call nodes do not count: they will never run.
    """
    return _parents(workflow, end_node_id).get(node_id, ())


def comes_before(workflow: Workflow, node_id: str) -> frozenset[str]:
    """The Post Call API nodes that lead to a node, on whatever End Call node's side."""
    _, incoming = _post_call(workflow)
    return frozenset(_reachable([node_id], lambda at: [edge.source for edge in incoming.get(at, ())]))


def leads_to(workflow: Workflow, node_id: str, target_id: str) -> bool:
    """Whether one Post Call API node comes before another; quick where they are near each other."""
    _, incoming = _post_call(workflow)
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


@by_identity
def _parents(workflow: Workflow, end_node_id: str) -> Arrows:
    _, incoming = _post_call(workflow)
    side = {node.id for node in after_end(workflow, end_node_id)}
    return {
        node_id: tuple(edge for edge in incoming.get(node_id, ()) if edge.source in side) for node_id in side
    }


@by_identity
def _post_call(workflow: Workflow) -> tuple[Mapping[str, Node], Arrows]:
    """The Post Call API nodes in the document's order, and the edges between them by target."""
    nodes = {node.id: node for node in workflow.nodes if node.type == POST_CALL_API}
    incoming: dict[str, list[Edge]] = defaultdict(list)
    for edge in workflow.edges:
        if edge.source in nodes and edge.target in nodes:
            incoming[edge.target].append(edge)
    return nodes, {target: tuple(edges) for target, edges in incoming.items()}


@by_identity
def _outgoing(workflow: Workflow) -> Mapping[str, tuple[str, ...]]:
    """The Post Call API nodes that each node leads to."""
    nodes, _ = _post_call(workflow)
    targets: dict[str, list[str]] = defaultdict(list)
    for edge in workflow.edges:
        if edge.target in nodes:
            targets[edge.source].append(edge.target)
    return {source: tuple(ids) for source, ids in targets.items()}


def _targets(workflow: Workflow, node_id: str) -> Iterable[str]:
    return _outgoing(workflow).get(node_id, ())


def _in_order(workflow: Workflow, side: list[str]) -> list[str]:
    """Topological; of those whose parents stand, the first in the document comes first.

    A cycle cannot be ordered and is left out; no valid document has one.
    """
    place = {node_id: at for at, node_id in enumerate(side)}
    _, incoming = _post_call(workflow)
    waits = {node_id: sum(edge.source in place for edge in incoming.get(node_id, ())) for node_id in side}
    ready = [place[node_id] for node_id in side if not waits[node_id]]
    heapify(ready)
    ordered: list[str] = []
    while ready:
        node_id = side[heappop(ready)]
        ordered.append(node_id)
        for target in _targets(workflow, node_id):
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
