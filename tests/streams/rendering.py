"""Builders for templates and what they are rendered with."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from schemas.calls import Conversation, Heard, Part, Response
from schemas.delivery import Secret, Text
from schemas.events import Event
from schemas.evidence import Evidence
from schemas.outcomes import Outcome, Verdict
from schemas.workflow import POST_CALL_API, Backoff, Edge, Node, Sending, VoiceAgent, Workflow
from streams import context, requests
from streams.verdicts import learning

NOW = datetime(2026, 3, 4, 10, 0, 0, tzinfo=UTC)
RETRY = Backoff(5, timedelta(seconds=1), timedelta(seconds=30))
PROPER = Outcome(Verdict.PROPER, "end_node", "R1", end_node_id="resolved", ended_at=NOW)


def known(**variables: Any) -> dict[str, Any]:
    """A context with these variables and nothing else."""
    return {"variables": variables}


def event(kind: str, at: float = 0, *, seq: int | None = None, **data: Any) -> Event:
    """An event, so many seconds after NOW."""
    moment = NOW + timedelta(seconds=at)
    return Event(
        id=f"{kind}-{at}-{seq}",
        type=kind,
        call_id="c1",
        occurred_at=moment,
        recorded_at=moment,
        seq=seq,
        data=data,
    )


def parts(*told: Event | Response) -> list[Part]:
    """Parts as the call's rows keep them."""
    return [Heard(one) if isinstance(one, Event) else one for one in told]


def conversation(*told: Event) -> Conversation:
    """A first incarnation with the evidence of these events."""
    evidence = Evidence()
    for one in told:
        evidence = learning.add(evidence, one)
    return Conversation(1, NOW, evidence=evidence, workflow_id="support", workflow_version=3)


def context_of(
    *told: Event | Response, outcome: Outcome | None = PROPER, agent: VoiceAgent | None = None
) -> Any:
    """The context of a call of which these events are known."""
    events = [one for one in told if isinstance(one, Event)]
    return context.build(conversation(*events), outcome, parts(*told), None, agent, NOW, call_id="c1")


def node(node_id: str = "crm", url: str = "https://crm.example.com/v1", **fields: Any) -> Node:
    """A Post Call API node; `headers` and `method` belong to what it sends."""
    sent = {name: fields.pop(name) for name in ("headers", "method", "auth", "secrets") if name in fields}
    return Node(node_id, POST_CALL_API, sending=Sending(url, RETRY, **sent), **fields)


def workflow(*nodes: Node) -> Workflow:
    """A workflow of these nodes, one after the other."""
    pairs = pairwise(nodes)
    return Workflow("support", 3, nodes, tuple(Edge(one.id, other.id) for one, other in pairs))


def rendered(one: Node, data: Any = None, **changes: Any) -> requests.Rendering:
    """The request of a node."""
    call = {
        "call_id": "c1",
        "delivery_id": "d1",
        "is_test": False,
        "traceparent": None,
        "user_agent": "postcall/1",
    }
    return requests.render(one, workflow(one), known() if data is None else data, **{**call, **changes})


def headers(rendering: requests.Rendering) -> dict[str, str]:
    """The headers of a request as text."""
    return {name.lower(): shown(value) for name, value in rendering.request.headers}


def shown(text: Text) -> str:
    """Text with its secrets by name."""
    return "".join(f"***{one.name}***" if isinstance(one, Secret) else one for one in text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
