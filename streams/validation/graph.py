"""The rules of a workflow's graph: where a Post Call API node may hang, and what may follow it.

The conversation may loop as it likes; what comes after an End Call node may not.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, TypeAlias

from schemas.documents.faults import Path, quoted
from schemas.workflow import CONVERSATION, END_CALL, POST_CALL_API, Node, Workflow

Broken: TypeAlias = tuple[Path, str]
"""A path, and what is wrong there."""

_NAMES: Final = {
    CONVERSATION: "a conversation node",
    END_CALL: "an End Call node",
    POST_CALL_API: "a Post Call API node",
}
_SHOWN: Final = 8
"""Nodes of a cycle that a message names."""


def broken_graph_rules(workflow: Workflow, source: dict[str, Any]) -> Iterator[Broken]:
    """All that is wrong with a graph; `source` is the document as written, for its edges' ids."""
    nodes: dict[str, Node] = {}
    for node in workflow.nodes:
        nodes.setdefault(node.id, node)
    return chain(
        _repeated_ids(workflow),
        _repeated_names(workflow),
        _repeated_edges(workflow, nodes, source),
        _unknown_ends(workflow, nodes),
        _wrong_attachments(workflow, nodes),
        _cycles(workflow, nodes),
        _unreachable(workflow, nodes),
    )


def _repeated_ids(workflow: Workflow) -> Iterator[Broken]:
    seen: dict[str, int] = {}
    for at, node in enumerate(workflow.nodes):
        first = seen.setdefault(node.id, at)
        if node.id and first != at:
            yield (
                ("nodes", at, "id"),
                f"found the id {quoted(node.id)} of nodes[{first}] again; expected another",
            )


def _repeated_names(workflow: Workflow) -> Iterator[Broken]:
    seen: dict[str, int] = {}
    ids = {node.id: at for at, node in enumerate(workflow.nodes)}
    for at, node in enumerate(workflow.nodes):
        if not node.name or node.name == node.id:
            continue
        first = seen.setdefault(node.name, ids.get(node.name, at))
        if first != at:
            message = f"found the name {quoted(node.name)} of nodes[{first}] again; expected another"
            yield ("nodes", at, "name"), message


def _repeated_edges(workflow: Workflow, nodes: dict[str, Node], source: dict[str, Any]) -> Iterator[Broken]:
    """Two edges between the same nodes after the end; in the conversation they may have conditions."""
    seen: dict[tuple[str, str], int] = {}
    edge_ids: dict[str, int] = {}
    for at, edge in enumerate(workflow.edges):
        written = source["edges"][at]
        edge_id = written.get("id") if isinstance(written, dict) else None
        if isinstance(edge_id, str) and edge_ids.setdefault(edge_id, at) != at:
            first = edge_ids[edge_id]
            yield (
                ("edges", at, "id"),
                f"found the id {quoted(edge_id)} of edges[{first}] again; expected another",
            )
        if _type(edge.target, nodes) != POST_CALL_API:
            continue
        first = seen.setdefault((edge.source, edge.target), at)
        if first != at:
            arrow = f"{quoted(edge.source)} to {quoted(edge.target)}"
            yield ("edges", at), f"found a second edge from {arrow}, beside edges[{first}]; expected one"


def _unknown_ends(workflow: Workflow, nodes: dict[str, Node]) -> Iterator[Broken]:
    for at, edge in enumerate(workflow.edges):
        for end, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id and node_id not in nodes:
                yield ("edges", at, end), f"found the unknown node {quoted(node_id)}; expected a node's id"


def _wrong_attachments(workflow: Workflow, nodes: dict[str, Node]) -> Iterator[Broken]:
    for at, edge in enumerate(workflow.edges):
        source, target = _type(edge.source, nodes), _type(edge.target, nodes)
        if source is None or target is None:
            continue
        after, ends = f"{_NAMES[source]} {quoted(edge.source)}", f"{_NAMES[target]} {quoted(edge.target)}"
        if source == CONVERSATION and target == POST_CALL_API:
            expected = "an End Call node or a Post Call API node before it"
            yield ("edges", at), f"found {ends} attached to {after}; expected {expected}"
        elif source != CONVERSATION and target != POST_CALL_API:
            expected = "a Post Call API node after it: the conversation is over"
            yield ("edges", at), f"found {ends} attached to {after}; expected {expected}"


def idle_conditions(workflow: Workflow) -> Iterator[Broken]:
    """Edges whose `on` has no effect: nothing runs, and so fails, before the end of the conversation."""
    kinds = {node.id: node.type for node in workflow.nodes}
    for at, edge in enumerate(workflow.edges):
        kind = kinds.get(edge.source, POST_CALL_API)
        if edge.on != "success" and kind != POST_CALL_API:
            message = f"found {edge.on} after {_NAMES[kind]}, where it has no effect; expected it between"
            yield ("edges", at, "on"), f"{message} Post Call API nodes"


def _type(node_id: str, nodes: dict[str, Node]) -> str | None:
    return nodes[node_id].type if node_id in nodes else None


def _cycles(workflow: Workflow, nodes: dict[str, Node]) -> Iterator[Broken]:
    """Each edge that closes a cycle of Post Call API nodes, met in a walk along all edges."""
    outgoing: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for at, edge in enumerate(workflow.edges):
        if _type(edge.source, nodes) == POST_CALL_API == _type(edge.target, nodes):
            outgoing[edge.source].append((at, edge.target))
    done: set[str] = set()
    for start in list(outgoing):
        if start not in done:
            yield from _cycles_from(start, outgoing, done)


def _cycles_from(start: str, outgoing: dict[str, list[tuple[int, str]]], done: set[str]) -> Iterator[Broken]:
    way = {start: iter(outgoing[start])}
    while way:
        node_id = next(reversed(way))
        step = next(way[node_id], None)
        if step is None:
            done.add(node_id)
            del way[node_id]
            continue
        at, target = step
        if target in way:
            yield (
                ("edges", at),
                f"found the cycle {_round(list(way), target)}; expected Post Call API nodes without one",
            )
        elif target not in done:
            way[target] = iter(outgoing.get(target, ()))


def _round(way: list[str], target: str) -> str:
    ids = way[way.index(target) :]
    shown = [quoted(node_id) for node_id in ids[:_SHOWN]] + ["…"] * (len(ids) > _SHOWN)
    return " > ".join([*shown, quoted(target)])


def _unreachable(workflow: Workflow, nodes: dict[str, Node]) -> Iterator[Broken]:
    """Nodes that no End Call node leads to; one with a wrong attachment has its fault already."""
    outgoing: dict[str, list[str]] = defaultdict(list)
    for edge in workflow.edges:
        if _type(edge.target, nodes) == POST_CALL_API:
            outgoing[edge.source].append(edge.target)
    reached: set[str] = set()
    open_ids = [node.id for node in nodes.values() if node.type != POST_CALL_API]
    while open_ids:
        for target in outgoing.pop(open_ids.pop(), ()):
            if target not in reached:
                reached.add(target)
                open_ids.append(target)
    for at, node in enumerate(workflow.nodes):
        if node.type == POST_CALL_API and node.id and node.id not in reached:
            yield (
                ("nodes", at),
                f"found no way from an End Call node to {quoted(node.id)}; expected an edge to it",
            )
