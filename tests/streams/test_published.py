"""Records of the output topics look as their published schemas say."""

import json
from datetime import timedelta

from jsonschema import Draft202012Validator, FormatChecker

from schemas.calls import Conversation
from schemas.delivery import Attempted, Class, Delivery, State
from schemas.outcomes import Verdict
from schemas.published.jsonschemas import json_schemas
from streams import records
from streams.effects import Position
from tests.builders import START, Listener, call

SCHEMAS = json_schemas()
AT = Position("call-events", 3, 41)
TRIED = Attempted(START, 0.2, 503, None, Class.TRANSIENT)
SILENT = Attempted(START, 15.0, None, "timeout", Class.AMBIGUOUS)
DELIVERY = Delivery(
    "node",
    "crm",
    "d1",
    1,
    State.DEAD,
    START,
    name="CRM",
    attempts=(TRIED, SILENT),
    method="POST",
    why="exhausted",
)


def faults(record: records.Record) -> list[str]:
    """What the schema of its topic has against a record."""
    checker = Draft202012Validator(SCHEMAS[record.topic], format_checker=FormatChecker())
    return [error.message for error in checker.iter_errors(json.loads(record.value))]


def decided() -> Conversation:
    """A conversation with its verdict."""
    return (
        Listener()
        .hear(call().answered(agent_id="a").node("new", end=True).ended("busy"))
        .wait(3)
        .conversation
    )


def test_an_outcome_is_as_published() -> None:
    conversation = decided()
    assert conversation.outcome is not None
    for upgraded_from in (None, Verdict.PREMATURE):
        assert faults(records.outcome("c1", conversation, conversation.outcome, upgraded_from, START)) == []


def test_a_synthetic_outcome_is_as_published() -> None:
    conversation = Listener().hear(call().answered()).wait(4000).conversation
    assert conversation.outcome is not None
    assert faults(records.outcome("c1", conversation, conversation.outcome, None, START)) == []


def test_a_settled_call_is_as_published() -> None:
    for upgraded in (False, True):
        assert faults(records.settled("c1", decided(), [DELIVERY], upgraded, START)) == []


def test_an_attempt_is_as_published() -> None:
    for one, next_at in ((TRIED, START + timedelta(seconds=5)), (SILENT, None)):
        assert faults(records.attempted("c1", DELIVERY, 1, one, next_at)) == []


def test_a_dead_letter_is_as_published() -> None:
    assert faults(records.dead_delivery("c1", DELIVERY, "exhausted", AT, START)) == []
    assert faults(records.unreadable(AT, "found no call_id; expected a non-empty string", START)) == []
