"""The witnesses of a run in which all went right, made up from what its calls owe, for tests to spoil."""

import json
from collections.abc import Iterator
from typing import Any

from tests.system.load import Load
from tests.system.owed import Documents, Owed, owed_by
from tests.system.reading import read_call
from tests.system.witnesses import Record, Seen, Witnesses

_LATER = 100.0
"""How long after its events the requests of a call are made."""


def faultless_witnesses(load: Load, documents: Documents) -> Witnesses:
    """Return what a faultless engine would have left behind after a load."""
    events = tuple(
        Record("call-events", 0, offset, 1000 + each.at, each.key, each.value)
        for offset, each in enumerate(load.arrivals)
    )
    requests: list[Seen] = []
    deliveries: list[Record] = []
    outcomes: list[Record] = []
    for call_id, records in Witnesses(events, ()).events_of.items():
        final, first = read_call(records)
        owed = owed_by(documents, [each.json for each in records], final, first, lambda node: node != "audit")
        seen = list(_requests(call_id, owed))
        requests += seen
        deliveries += [_final(each) for each in seen]
        said: dict[str, Any] = {
            "call_id": call_id,
            "end_node_id": final.end_node_id,
            "reason": final.reason,
            "flags": [],
        }
        verdict = {"verdict": final.verdict, "rule": min(final.rules)}
        outcomes += [_record(said | verdict | {"type": kind}) for kind in ("call.outcome", "call.settled")]
    ordered = tuple(sorted(requests, key=lambda each: each.at))
    return Witnesses(events, ordered, tuple(deliveries), tuple(outcomes))


def _requests(call_id: str, owed: Owed) -> Iterator[Seen]:
    for hook in owed.hooks[0]:
        yield _seen(call_id, "hook", hook, 1000 + _LATER, 200)
    for node, parents in owed.nodes.items():
        yield _seen(call_id, "node", node, 1000 + _LATER + len(parents), 404 if node == "audit" else 200)


def _seen(call_id: str, kind: str, name: str, at: float, answer: int) -> Seen:
    key = f"{call_id}/{kind}/{name}"
    headers = {"postcall-call-id": call_id, "webhook-id": key, "idempotency-key": key}
    return Seen(at, at + 0.1, "POST", f"/{kind}/{name}", headers, "{}", "abc", answer)


def _final(seen: Seen) -> Record:
    kind, name = seen.delivery
    told = {
        "call_id": seen.call_id,
        "kind": "node" if kind == "node" else "webhook",
        "id": name,
        "next_at": None,
    }
    meaning = "success" if seen.succeeded else "rejected"
    return _record(told | {"delivery_id": seen.key, "class": meaning})


def _record(told: dict[str, Any]) -> Record:
    value = json.dumps(told).encode()
    return Record("any", 0, 0, 2000.0, None, value, {"ce_id": value.decode()})
