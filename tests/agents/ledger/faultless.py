"""The witnesses of a run in which all went right, made up from what its calls owe, for tests to spoil."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agents.ledger import conditions
from agents.ledger.arrivals import course_of
from agents.ledger.documents import Document, Documents
from agents.ledger.graph import Duty, State, duties
from agents.ledger.owed import agent_of, hooks_of, pin_of, workflow_of
from agents.ledger.reading import Given, Reading
from agents.ledger.rules import Rules
from agents.ledger.told import Told, read
from agents.ledger.witnesses import NODE_EVENT, Record, Seen, Witnesses, grouped
from tests.system.load import Load

LATER = 100.0
"""How long after its events the requests of a call are made."""


def faultless_witnesses(load: Load, documents: Documents) -> Witnesses:
    """Return what a faultless engine would have left behind after a load."""
    events = tuple(
        Record("call-events", 0, offset, 1000 + each.at, each.key, each.value)
        for offset, each in enumerate(load.arrivals)
    )
    return faultless_run(events, documents, {"audit": 404})


def faultless_run(
    events: tuple[Record, ...], documents: Documents, answers: Mapping[str, int], begins: float = 1000.0
) -> Witnesses:
    """The same of any events; `answers` says which nodes are answered with what, 200 where nothing is said."""
    requests: list[Seen] = []
    deliveries: list[Record] = []
    outcomes: list[Record] = []
    for call_id, told in grouped([read(each) for each in events], lambda each: each.call_id).items():
        pin = pin_of(told)
        agent = agent_of(pin, documents, begins, begins + LATER)
        workflow = workflow_of(pin, agent, None, documents, begins, begins + LATER)
        course = course_of(told, Given(workflow), Rules())
        assert course.least is not None
        first = course.possible[0] if course.possible[0].rank < course.least.rank else course.least
        verdicts = list(dict.fromkeys((first, course.least)))
        owed = _owed(told, course.least, workflow, answers)
        seen = list(_requests(call_id, owed, told, verdicts, agent, workflow, answers, begins))
        requests += [each for each, _ in seen]
        deliveries += [_final(*each) for each in seen]
        outcomes += _outcomes(call_id, verdicts, owed)
    ordered = tuple(sorted(requests, key=lambda each: each.at))
    return Witnesses(events, ordered, tuple(deliveries), tuple(outcomes))


def _owed(
    told: list[Told], verdict: Reading, workflow: Document | None, answers: Mapping[str, int]
) -> dict[str, Duty]:
    if verdict.verdict != "PROPER" or workflow is None:
        return {}
    value_of = conditions.values(told, verdict, private=False, by=float("inf"), until=float("inf"))

    def ended(node: str) -> State:
        return "done" if answers.get(node, 200) < 300 else "dead"

    return duties(
        workflow,
        str(verdict.end_node_id),
        ended,
        lambda node: conditions.holds(node["when"], value_of),
        lambda node: False,
    )


def _requests(
    call_id: str,
    owed: Mapping[str, Duty],
    told: list[Told],
    verdicts: list[Reading],
    agent: Document | None,
    workflow: Document | None,
    answers: Mapping[str, int],
    begins: float,
) -> Iterator[tuple[Seen, str]]:
    for hook, count in hooks_of(told, verdicts, agent).items():
        for number in range(count):
            yield _seen(call_id, hook, f"/hook/{hook}", begins + LATER, 200, f"{hook}/{number}"), hook
    sending = [node for node, duty in owed.items() if duty.expected == "send"]
    nodes = {node["id"]: node for node in (workflow or {}).get("nodes", ())}
    at: dict[str, float] = {}
    for node in sending:
        at[node] = (
            max([at[each] for each in owed[node].parents if each in at], default=begins + LATER - 1) + 1
        )
        path = "/" + nodes[node]["url"].split("/", 3)[3]
        status = answers.get(node, 200)
        seen = _seen(call_id, NODE_EVENT, path, at[node], status, node, nodes[node].get("method") or "POST")
        yield seen, node


def _seen(
    call_id: str, event: str, path: str, at: float, answer: int, name: str, method: str = "POST"
) -> Seen:
    key = f"{call_id}/{name}"
    headers = {
        "postcall-call-id": call_id,
        "postcall-event": event,
        "webhook-id": key,
        "idempotency-key": key,
    }
    return Seen(at, at + 0.1, method, path, headers, "{}", "abc", answer)


def _final(seen: Seen, name: str) -> Record:
    told = {
        "call_id": seen.call_id,
        "kind": "node" if seen.event == NODE_EVENT else "webhook",
        "id": name,
        "next_at": None,
    }
    meaning = "success" if seen.succeeded else "rejected"
    return _record(told | {"delivery_id": seen.key, "class": meaning, "status": seen.answer})


def _outcomes(call_id: str, verdicts: list[Reading], owed: Mapping[str, Duty]) -> Iterator[Record]:
    skipped = [
        {"kind": "node", "id": node, "result": "skipped"}
        for node, duty in owed.items()
        if duty.expected == "skip"
    ]
    for number, each in enumerate(verdicts):
        said: dict[str, Any] = {
            "call_id": call_id,
            "verdict": each.verdict,
            "rule": each.rule,
            "end_node_id": each.end_node_id,
            "reason": each.reason,
            "synthetic": each.synthetic,
            "flags": [],
        }
        kind = "call.outcome_upgraded" if number else "call.outcome"
        yield _record(said | {"type": kind})
        yield _record(said | {"type": "call.settled", "deliveries": skipped})


def _record(told: dict[str, Any]) -> Record:
    value = json.dumps(told).encode()
    return Record("any", 0, 0, 2000.0, None, value, {"ce_id": value.decode()})
