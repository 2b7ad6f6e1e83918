"""A document of kind `workflow`: its nodes, its edges, its knobs.

Graph editors write `nodes` and `edges` too, with fields of their own: those are passed over.
"""

from datetime import timedelta
from typing import Any, Final, cast

from schemas.documents import editors
from schemas.documents.conditions import when
from schemas.documents.faults import nearest, quoted
from schemas.documents.fields import Field, Fields
from schemas.documents.names import identifier, name_of
from schemas.documents.selectors import selector
from schemas.documents.sendings import KEYS as SENDING_KEYS
from schemas.documents.sendings import METHODS, sending
from schemas.spans import span
from schemas.workflow import CONVERSATION, END_CALL, POST_CALL_API, Edge, Missing, Node, On, Workflow

_KNOBS: Final = {
    "proper_end": ("reached", "spoken"),
    "transfer_policy": ("first", "end_node"),
    "voicemail_policy": ("premature", "end_node"),
    "test_calls": ("run", "skip"),
}
_KEYS: Final = (
    frozenset({"kind", "id", "version", "name", "nodes", "edges", "ready_deadline"}) | _KNOBS.keys()
)
_NODE_KEYS: Final = (
    frozenset({"id", "type", "name", "start", "method", "body", "when", "needs", "missing", "extract"})
    | SENDING_KEYS
)
_EDGE_KEYS: Final = frozenset({"source", "target", "on", "id"})
NEEDS: Final = frozenset({"end", "transcript", "recording", "analytics"})
"""What a node may wait for, besides other nodes."""
_ON: Final = ("success", "failure", "always")
_MISSING: Final = ("empty", "null", "omit", "error")
_LARGEST_VERSION: Final = 2**53 - 1


def workflow(field: Field) -> Workflow:
    """The workflow of a document, as far as its shape goes; the graph's rules come after."""
    fields = field.fields("an object", _KEYS, editors.DOCUMENT)
    knobs = {name: _knob(fields, name) for name in _KNOBS if fields.stated(name)}
    nodes = fields.need("nodes", "a list of nodes")
    edges = fields.stated("edges")
    deadline = fields.stated("ready_deadline")
    return Workflow(
        id=identifier(fields),
        version=_version(fields.get("version")),
        nodes=tuple(_node(node) for node in nodes.items("a list of nodes")) if nodes else (),
        edges=tuple(_edge(edge) for edge in edges.items("a list of edges")) if edges else (),
        name=fields.text("name"),
        ready_deadline=deadline.duration(timedelta(), span("7d")) if deadline else None,
        **cast(Any, {name: choice for name, choice in knobs.items() if choice}),
    )


def _knob(fields: Fields, name: str) -> str | None:
    member = fields.stated(name)
    return member.choice(_KNOBS[name]) if member else None


def _version(field: Field | None) -> int:
    return (field.integer(1, _LARGEST_VERSION) if field else None) or 1


def _node(field: Field) -> Node:
    fields = field.fields("a node {id, type, …}", _NODE_KEYS, editors.NODE)
    node_id = fields.need_text("id", "the id of the node")
    kind = fields.need_text("type", "end_call, post_call_api or a conversation node's type")
    _notice_misspelled(fields, kind)
    name = name_of(fields) or node_id
    fields.flag("start", False)
    if kind == POST_CALL_API:
        return _post_call_node(fields, node_id, name)
    return Node(id=node_id, type=END_CALL if kind == END_CALL else CONVERSATION, kind=kind, name=name)


def _notice_misspelled(fields: Fields, kind: str) -> None:
    folded = kind.lower().replace("-", "_").replace(" ", "_")
    meant = nearest(folded, frozenset({END_CALL, POST_CALL_API})) if kind else None
    field = fields.get("type")
    if field and meant and kind not in (END_CALL, POST_CALL_API):
        field.warn(f"found {quoted(kind)}, a conversation node; expected {meant} if that is meant")


def _post_call_node(fields: Fields, node_id: str, name: str) -> Node:
    method = fields.stated("method")
    body = fields.get("body")
    missing = fields.get("missing")
    return Node(
        id=node_id,
        type=POST_CALL_API,
        kind=POST_CALL_API,
        name=name,
        sending=sending(fields, (method.choice(METHODS) if method else None) or "POST"),
        body=body.value if body else None,
        when=when(fields.stated("when")),
        needs=_needs(fields.stated("needs")),
        missing=_missing(missing) if missing else None,
        extract=_extract(fields.stated("extract")),
    )


def _missing(field: Field) -> Missing | None:
    """The policy; a bare `null` is the policy of that name, though YAML has no text in it."""
    if field.value is None:
        return "null"
    return cast("Missing | None", field.choice(_MISSING))


def _needs(field: Field | None) -> tuple[str, ...] | None:
    if field is None:
        return None
    listed = field.items("a list of end, transcript, recording, analytics or node ids")
    return tuple(need.text() or "" for need in listed)


def _extract(field: Field | None) -> dict[str, str]:
    extract: dict[str, str] = {}
    for name, member in field.members("an object of names and JSONPaths") if field else ():
        path = member.text("a path such as $.ticket.id")
        if path is None:
            continue
        try:
            selector(path)
        except ValueError as complaint:
            member.findings.fault(member.path, str(complaint))
        extract[name] = path
    return extract


def _edge(field: Field) -> Edge:
    fields = field.fields("an edge {source, target}", _EDGE_KEYS, editors.EDGE)
    on = fields.stated("on")
    return Edge(
        source=fields.need_text("source", "the id of a node"),
        target=fields.need_text("target", "the id of a node"),
        on=cast(On, (on.choice(_ON) if on else None) or "success"),
    )
