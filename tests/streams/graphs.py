"""Workflows in one line: `graph("end>a a>b a>c:failure")`."""

from schemas.documents.retries import DEFAULT
from schemas.workflow import CONVERSATION, END_CALL, POST_CALL_API, Edge, Node, Sending, Workflow


def graph(arrows: str, ids: str = "") -> Workflow:
    """A workflow of these arrows; ids that begin with `end` are End Call nodes, with `talk`
    conversation nodes. `ids` gives the document's order of nodes."""
    pairs = [arrow.split(">") for arrow in arrows.split()]
    edges = [Edge(source, *_target(target)) for source, target in pairs]
    named = ids.split() or [node_id for edge in edges for node_id in (edge.source, edge.target)]
    return Workflow("flow", 1, tuple(_node(node_id) for node_id in dict.fromkeys(named)), tuple(edges))


def _target(text: str) -> tuple[str, ...]:
    target, _, on = text.partition(":")
    return (target, on or "success")


def _node(node_id: str) -> Node:
    if node_id.startswith("end"):
        return Node(node_id, END_CALL)
    if node_id.startswith("talk"):
        return Node(node_id, CONVERSATION)
    return Node(node_id, POST_CALL_API, sending=Sending("https://api.example.com", DEFAULT))
