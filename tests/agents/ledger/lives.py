"""Documents and calls of any kind, drawn from a seed: what users may write, and producers may tell."""

from random import Random
from typing import Any

from agents.ledger.witnesses import Record
from schemas.delivery import Answered, Reply, Silence
from tests.agents.ledger.playing import BEGINS, Answer, moment, told

TALK = ("greet", "ask")
ENDS = ("resolved", "sorry")
REASONS = (
    *("end_node", "agent_hangup", "caller_hangup", "transferred", "transfer_failed", "voicemail"),
    *("inactivity", "max_duration", "agent_error", "platform_error", "no_audio", "busy", "no-answer"),
    *("rejected", "dial_failed", "blocked", "setup_error", "canceled", "completed", "unknown"),
    *("user-hangup", "telecom_busy", "what is this"),
)
OUTCOMES = (
    *("call.ended", "call.completed", "call.failed", "call.busy", "call.no_answer", "call.cancelled"),
    *("call.voicemail", "call.transferred", "call.premature", "call.lost", "call.outcome_upgraded"),
    *("call.settled", "call.answered", "turn.completed", "pre-conversation", "analytics-completed"),
)
WHENS = (
    {"all": [{"path": "variables.plan", "op": "eq", "value": "gold"}]},
    {
        "any": [
            {"path": "plan", "op": "neq", "value": "gold"},
            {"path": "variables.n", "op": "gt", "value": 3},
        ]
    },
    {"all": [{"path": "variables.gone", "op": "exists", "value": False}]},
    {"all": [{"path": "call.end_reason", "op": "in", "value": ["caller_hangup", "end_node"]}]},
    {"all": [{"path": "analytics.disposition", "op": "contains", "value": "o"}]},
)
REPLIES: tuple[Reply, ...] = (
    *(Answered(200), Answered(204), Answered(500), Answered(503), Answered(404), Answered(403)),
    *(Silence("reset", "sent"), Silence("connection_refused", "unsent")),
)


def documents(dice: Random) -> list[dict[str, Any]]:
    """A workflow and its voice agent; sometimes only one of them."""
    nodes: list[dict[str, Any]] = [
        {"id": "greet", "type": "default", "start": True},
        {"id": "ask", "type": "question"},
        *({"id": each, "type": "end_call"} for each in ENDS),
    ]
    edges = [{"source": "greet", "target": "ask"}, *({"source": "ask", "target": each} for each in ENDS)]
    for number in range(dice.randrange(6)):
        nodes.append(_node(dice, f"n{number}"))
        before = [*ENDS, *(f"n{each}" for each in range(number))]
        for source in dice.sample(before, k=min(len(before), dice.choice((1, 1, 2)))):
            on = dice.choice(("success", "success", "failure", "always"))
            edge = {"source": source, "target": f"n{number}"}
            edges.append(edge | ({"on": on} if source not in ENDS else {}))
    workflow = {"kind": "workflow", "id": "flow", "version": 3, "nodes": nodes, "edges": edges}
    knobs = {
        "proper_end": ("reached", "spoken"),
        "transfer_policy": ("first", "end_node"),
        "voicemail_policy": ("premature", "end_node"),
        "test_calls": ("run", "skip"),
    }
    workflow |= {name: dice.choice(each) for name, each in knobs.items() if dice.random() < 0.4}
    hooks = dice.sample(OUTCOMES, k=dice.randrange(len(OUTCOMES) + 1))
    retry = {"schedule": ["1s", "5s"]}
    webhooks = {each: {"url": f"https://hooks.example.com/{each}", "retry": retry} for each in hooks}
    agent = {"kind": "agent", "id": "bot", "workflow": "flow", "webhooks": webhooks}
    return dice.choice(([workflow, agent],) * 8 + ([agent], [workflow]))


def _node(dice: Random, name: str) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": name,
        "type": "post_call_api",
        "url": f"https://api.example.com/{name}/{{{{ variables.id }}}}?from=call",
        "missing": dice.choice(("empty", "empty", "empty", "error")),
        "method": dice.choice(("POST", "PUT", "PATCH")),
        "body": dice.choice(({"who": "{{ call.id }}"}, {"what": "{{ analytics.summary }}"}, "n={{ n }}")),
        "retry": {"schedule": ["1s", "5s"]},
    }
    return node | ({"when": dice.choice(WHENS)} if dice.random() < 0.3 else {})


def answers(dice: Random) -> Answer:
    """What endpoints reply: mostly well."""
    seed = dice.random()

    def answer(name: str, attempt: int) -> Reply:
        own = Random(f"{seed}{name}{attempt}")
        return Answered(200) if own.random() < 0.7 else own.choice(REPLIES)

    return answer


def calls(dice: Random, count: int) -> list[Record]:
    """The events of calls as they arrive: out of order, twice, late, or not at all."""
    arrivals = [arrival for number in range(count) for arrival in _call(dice, f"c/{number} é")]
    arrivals.sort(key=lambda each: each[0])
    begins = BEGINS.timestamp()
    return [told(number, begins + at, event) for number, (at, event) in enumerate(arrivals)]


def _call(dice: Random, call_id: str) -> list[tuple[float, dict[str, Any]]]:
    said = list(_said(dice))
    length = 10.0 * len(said)
    named = {"agent_id": "bot"} | ({"workflow_id": "flow"} if dice.random() < 0.3 else {})
    named |= {"is_test": True} if dice.random() < 0.1 else {}
    arrivals: list[tuple[float, dict[str, Any]]] = []
    for number, (kind, data) in enumerate(said):
        happened = 10.0 * number + dice.uniform(-1, 1)
        event = {"type": kind, "call_id": call_id, "occurred_at": moment(happened), "data": data, **named}
        if dice.random() < 0.8:
            event |= {"source": dice.choice(("one", "one", "two")), "seq": number}
        if dice.random() < 0.9:
            event |= {"id": f"e{number}"}
        late = dice.choice((0.0,) * 12 + (1.0, 7.0, 60.0, 500.0, 5000.0))
        at = (length if dice.random() < 0.5 else happened + 2.0) + dice.uniform(0, 1.5) + late
        arrivals.append((at, event))
        if dice.random() < 0.1:
            arrivals.append((at + dice.choice((0.1, 30.0)), event))
    return arrivals


def _said(dice: Random) -> Any:
    yield "call.queued", {}
    if dice.random() < 0.8:
        yield "call.ringing", {"from": "+1", "to": "+2"}
    if dice.random() < 0.7:
        yield "call.answered", {}
        yield "conversation.started", {}
        variables = {"plan": dice.choice(("gold", "tin")), "n": dice.randrange(6), "id": "x/1"}
        yield "variables.updated", {"variables": dice.choice((variables, {"n": "4"}))}
        for _ in range(dice.randrange(4)):
            yield from _talk(dice)
    for _ in range(dice.choice((0, 1, 1, 1, 1, 2))):
        end: dict[str, Any] = {"reason": dice.choice(REASONS)}
        if dice.random() < 0.2:
            end["end_node_id"] = dice.choice((*ENDS, *TALK, "unheard-of"))
        yield "call.ended", end
    if dice.random() < 0.3:
        yield "analytics.completed", {"summary": "fine", "disposition": dice.choice(("ok", "bad"))}
    if dice.random() < 0.1:
        yield "mood.guessed", {"mood": "odd"}


def _talk(dice: Random) -> Any:
    node = dice.choice((*TALK, *ENDS, *ENDS, "unheard-of"))
    yield "node.entered", {"node_id": node, "node_type": dice.choice(("default", "end_call", "End Call"))}
    odd = dice.random()
    if odd < 0.2:
        yield "closing.spoken", {"node_id": node}
    elif odd < 0.3:
        yield dice.choice((("transfer.bridged", {}), ("voicemail.detected", {})))
    elif odd < 0.5:
        yield "turn.completed", {"role": "user", "content": "yes"}
