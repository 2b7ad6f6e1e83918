"""`postcall tail` tells a record in one line, and knows whose attempts it sees."""

from typing import Any

import pytest

from agents.cli import tail
from agents.cli.exits import CommandRefused, UsageRefused
from agents.cli.tail import Wanted, Watch, line, said_of
from agents.demo.broker import EmbeddedBroker
from schemas.settings import Settings
from schemas.wire import json_bytes
from streams.topology import OUTPUTS

VERDICT: dict[str, Any] = {
    "type": "call.outcome",
    "call_id": "c-1",
    "incarnation": 1,
    "agent_id": "bot",
    "verdict": "PROPER",
    "end_node_id": "resolved",
    "reason": "caller_hangup",
    "rule": "R3",
    "flags": ["closing_interrupted"],
    "decided_at": "2026-01-02T03:05:12.004Z",
}
ATTEMPT: dict[str, Any] = {
    "call_id": "c-1",
    "incarnation": 2,
    "kind": "node",
    "id": "crm",
    "attempt": 1,
    "method": "POST",
    "endpoint": "https://crm.example.com",
    "status": None,
    "error": "timeout",
    "class": "ambiguous",
    "started_at": "2026-01-02T03:05:12.010Z",
    "seconds": 15.0,
    "next_at": None,
}
DEAD: dict[str, Any] = {
    "call_id": "c-1",
    "agent_id": "bot",
    "delivery_id": "x",
    "kind": "webhook",
    "id": "call.ended",
    "reason": "exhausted",
    "why": "status_503",
    "at": "2026-01-02T04:05:12.010Z",
}
POISON: dict[str, Any] = {
    "reason": "unreadable",
    "why": "found no JSON",
    "source": {"topic": "call-events", "partition": 3, "offset": 7},
    "at": "2026-01-02T04:05:12.010Z",
}


@pytest.mark.parametrize(
    ("topic", "said", "told"),
    [
        (
            "call-outcomes",
            VERDICT,
            "verdict  c-1  PROPER at resolved, caller_hangup, rule R3 (closing_interrupted)",
        ),
        (
            "call-outcomes",
            {**VERDICT, "type": "call.outcome_upgraded", "upgraded_from": "PREMATURE", "flags": []},
            "verdict  c-1  PROPER at resolved, caller_hangup, rule R3, raised from PREMATURE",
        ),
        (
            "call-outcomes",
            {**VERDICT, "type": "call.settled", "deliveries": [{"result": "done"}, {"result": "done"}]},
            "settled  c-1  2 done",
        ),
        (
            "delivery-log",
            ATTEMPT,
            "attempt  c-1#2  node crm, attempt 1, POST https://crm.example.com: timeout, ambiguous, 15.000 s",
        ),
        (
            "dead-letters",
            DEAD,
            "dead     c-1  webhook call.ended: exhausted: status_503",
        ),
        (
            "dead-letters",
            POISON,
            "dead     -  event call-events[3]@7: unreadable: found no JSON",
        ),
    ],
)
def test_a_record_is_one_line(topic: str, said: dict[str, Any], told: str) -> None:
    at, _, rest = line(topic, said)[1].partition("  ")
    assert at in (said.get("decided_at"), said.get("started_at"), said.get("at"))
    assert rest == told


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Wanted(), True),
        (Wanted(call="c-1"), True),
        (Wanted(call="c-2"), False),
        (Wanted(agent="bot"), True),
        (Wanted(agent="other"), False),
        (Wanted(verdict="PROPER"), True),
        (Wanted(verdict="PREMATURE"), False),
        (Wanted(call="c-1", agent="bot", verdict="PROPER"), True),
    ],
)
def test_an_attempt_belongs_to_the_agent_and_the_verdict_of_its_call(wanted: Wanted, shown: bool) -> None:
    watch = Watch(wanted)
    assert watch.wants("call-outcomes", VERDICT) is shown
    assert watch.wants("delivery-log", ATTEMPT) is shown


def test_an_attempt_names_its_agent_where_nothing_was_heard_of_its_call() -> None:
    assert Watch(Wanted(agent="bot")).wants("delivery-log", {**ATTEMPT, "agent_id": "bot"})
    assert not Watch(Wanted(agent="other")).wants("delivery-log", {**ATTEMPT, "agent_id": "bot"})
    assert Watch(Wanted(agent="bot")).wants("dead-letters", DEAD)


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(UsageRefused, match="found 'GOOD'; expected one of NOT_CONNECTED, PREMATURE"):
        tail.run(Wanted(verdict="GOOD"), as_json=False, settings=Settings())


def test_topics_that_are_not_there_are_named() -> None:
    with EmbeddedBroker({"workflows": 1, **dict.fromkeys(OUTPUTS[:2], 1)}) as broker:
        settings = Settings(broker=broker.bootstrap, embedded=True)
        with pytest.raises(
            CommandRefused, match="found no topic dead-letters; expected those that the first"
        ):
            tail.run(Wanted(), as_json=False, settings=settings)


def test_a_record_that_no_postcall_wrote_is_passed_over() -> None:
    records = {"call-outcomes": VERDICT, "delivery-log": ATTEMPT, "dead-letters": POISON}
    for topic, said in records.items():
        assert said_of(topic, json_bytes(said)) == said
        for foreign in (None, b"{", b"[]", json_bytes({"call_id": "c-1"})):
            assert said_of(topic, foreign) is None
