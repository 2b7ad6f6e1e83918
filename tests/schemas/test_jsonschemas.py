"""The published schemas accept what the engine reads and writes, and say what producers get wrong."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from schemas.events import EVENT_TYPES
from schemas.published.events import DATA
from schemas.published.jsonschemas import json_schemas

SCHEMAS = json_schemas()
OUTCOME: dict[str, Any] = {
    "type": "call.outcome",
    "call_id": "c1",
    "incarnation": 1,
    "agent_id": "support-bot",
    "workflow_id": None,
    "workflow_version": None,
    "verdict": "PROPER",
    "end_node_id": "resolved",
    "reason": "end_node",
    "rule": "R1",
    "flags": ["unknown_node"],
    "synthetic": False,
    "decided_at": "2026-03-01T12:00:03.000Z",
    "ended_at": None,
}
DELIVERY: dict[str, Any] = {
    "kind": "node",
    "id": "crm",
    "delivery_id": "d1",
    "result": "done",
    "attempts": 2,
    "class": "success",
    "why": None,
}


def faults(topic: str, value: dict[str, Any]) -> list[str]:
    """What the topic's schema has against a value."""
    checker = Draft202012Validator(SCHEMAS[topic], format_checker=FormatChecker())
    return [error.message for error in checker.iter_errors(value)]


def event(event_type: str, data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A small event."""
    return {"type": event_type, "call_id": "c1", **({} if data is None else {"data": data}), **fields}


@pytest.mark.parametrize("topic", sorted(SCHEMAS))
def test_every_schema_is_a_schema(topic: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[topic])


DATA_OF: dict[str, dict[str, Any]] = {
    "node.entered": {"node_id": "greet", "node_type": "default"},
    "variables.updated": {"variables": {"plan": "gold"}},
    "turn.completed": {"role": "user", "content": "hello", "at": 1.5},
    "closing.spoken": {"node_id": "resolved"},
    "call.ended": {"reason": "busy", "ended_at": "2026-03-01T12:00:00Z", "duration_seconds": 3},
    "transcript.ready": {"transcript": [{"role": "user", "content": "hello"}]},
    "recording.ready": {"url": "https://example.com/1.mp3"},
    "analytics.completed": {"summary": "fine", "metrics": {"talk": 0.4}},
}


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES | {"mood.guessed"}))
def test_a_usual_event_of_every_type_is_accepted(event_type: str) -> None:
    assert (
        faults("call-events", event(event_type, DATA_OF.get(event_type, {"from": "+49"}), mood="fine")) == []
    )


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES - set(DATA_OF)))
def test_where_nothing_is_needed_data_may_be_left_out(event_type: str) -> None:
    assert faults("call-events", event(event_type)) == []
    assert faults("call-events", event(event_type, seq=None, source=None)) == []


@pytest.mark.parametrize("event_type", sorted(set(DATA) - {"call.ended", "analytics.completed"}))
def test_where_data_is_needed_leaving_it_out_is_a_fault(event_type: str) -> None:
    assert faults("call-events", event(event_type)) != []
    assert faults("call-events", event(event_type, {})) != []


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "x"},
        {"call_id": "c1"},
        event("x", seq="1"),
        event("x", is_test="yes"),
        event("x", call_id=""),
        event("x", call_id="c" * 257),
        event("x", {"from": 49}),
        event("node.entered", {"node_id": 7}),
        event("call.ended", {"duration_seconds": "long"}),
    ],
)
def test_what_a_producer_gets_wrong_is_a_fault(wrong: dict[str, Any]) -> None:
    assert faults("call-events", wrong) != []


@pytest.mark.parametrize(
    "record",
    [
        OUTCOME,
        OUTCOME | {"type": "call.outcome_upgraded", "upgraded_from": "PREMATURE"},
        OUTCOME | {"type": "call.settled", "deliveries": [DELIVERY], "upgraded": True},
    ],
)
def test_records_of_call_outcomes_are_accepted(record: dict[str, Any]) -> None:
    assert faults("call-outcomes", record) == []


@pytest.mark.parametrize(
    "change", [{"verdict": "FINE"}, {"reason": "no-answer"}, {"rule": "four"}, {"type": "call.ended"}]
)
def test_another_outcome_is_a_fault(change: dict[str, Any]) -> None:
    assert faults("call-outcomes", OUTCOME | change) != []
