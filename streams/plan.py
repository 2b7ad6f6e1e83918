"""The graph after the end: which nodes a proper end sets off, and when each may go (3-delivery.md).

A node with several parents runs once, when all its parents on the reached End Call node's side are
final and every such edge's `on` holds. success = done, failure = dead, always = done, dead or
skipped; a skipped parent satisfies only `always`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct

from schemas.calls import Conversation
from schemas.delivery import FINAL, Delivery, State
from schemas.workflow import Edge, Workflow
from streams import evidence, graph, ids

NOT_NEEDED: Final = "not_needed"
UPSTREAM_FAILED: Final = "upstream_failed"
UPSTREAM_SKIPPED: Final = "upstream_skipped"
CONDITION: Final = "condition"
TEST_CALL: Final = "test_call"


class Hold(Struct, frozen=True):
    """A parent is not final yet."""


class Go(Struct, frozen=True):
    """Every parent is final, and every edge holds."""


class Skip(Struct, frozen=True):
    """The node will not run; `why` says which edge kept it."""

    why: str


Gate: TypeAlias = Hold | Go | Skip


def planned(
    call_id: str, conversation: Conversation, workflow: Workflow, end_node_id: str, now: datetime
) -> list[Delivery]:
    """The deliveries of a proper end, parents before children, all of them waiting."""
    return [
        Delivery(
            kind="node",
            id=node.id,
            name=node.name,
            delivery_id=ids.of_node(call_id, conversation.number, node.id),
            incarnation=conversation.number,
            agent_id=evidence.agent_id(conversation.evidence) or "",
            state=State.WAITING,
            planned_at=now,
            decision_at=now,
            method=node.sending.method if node.sending else "",
            after=tuple(edge.source for edge in graph.parents(workflow, node.id, end_node_id)),
        )
        for node in graph.after_end(workflow, end_node_id)
    ]


def gate(edges: tuple[Edge, ...], states: Mapping[str, State]) -> Gate:
    """Whether a node may go, given its edges from Post Call API parents and where those stand; a parent
    that was not planned does not count."""
    planned = [edge for edge in edges if edge.source in states]
    if any(states[edge.source] not in FINAL for edge in planned):
        return Hold()
    reasons = [why for edge in planned if (why := _kept_by(edge, states[edge.source])) is not None]
    return Skip(min(reasons, key=_WEIGHT.index)) if reasons else Go()


_WEIGHT: Final = (UPSTREAM_FAILED, UPSTREAM_SKIPPED, NOT_NEEDED)
"""Which reason is told when several edges keep a node: the one that somebody may want to mend."""


def _kept_by(edge: Edge, parent: State) -> str | None:
    match edge.on, parent:
        case ("always", _) | ("success", State.DONE) | ("failure", State.DEAD):
            return None
        case _, State.SKIPPED:
            return UPSTREAM_SKIPPED
        case "success", _:
            return UPSTREAM_FAILED
        case _:
            return NOT_NEEDED
