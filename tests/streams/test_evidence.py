"""What templates and records learn about a call: of several statements the first in R14's order."""

import pytest

from schemas.evidence import Evidence
from streams import evidence
from streams.lifecycle import pinned
from streams.verdicts.learning import add
from tests.builders import CallStory, call, second


def known(story: CallStory) -> Evidence:
    """What is known of the call, told backwards."""
    heard = Evidence()
    for event in reversed(story.events):
        heard = add(heard, event)
    return heard


def test_each_field_is_stated_by_the_first_event_that_has_it() -> None:
    told = call().queued(agent_id="a", channel="web").ringing(agent_id="b", direction="inbound", attempt=2)
    heard = known(told)
    assert (evidence.agent_id(heard), evidence.channel(heard)) == ("a", "web")
    assert (evidence.direction(heard), evidence.attempt(heard)) == ("inbound", 2)


def test_numbers_come_from_the_data_of_any_event() -> None:
    told = call().queued().answered(**{"from": "+4930123", "to": 4940456}).turn(**{"from": "later"})
    heard = known(told)
    assert (evidence.from_number(heard), evidence.to_number(heard)) == ("+4930123", "4940456")


@pytest.mark.parametrize("wrong", ["", "x" * 257, {"number": 1}, ["+49"], True, 1.5])
def test_what_is_no_number_is_not_known(wrong: object) -> None:
    assert evidence.from_number(known(call().queued(**{"from": wrong}))) is None


def test_a_call_is_no_test_unless_an_event_says_so() -> None:
    assert not evidence.is_test(known(call().queued()))
    assert evidence.is_test(known(call().queued().answered(is_test=True)))


def test_the_trace_is_that_of_the_first_event_with_one() -> None:
    told = call().queued().ringing(traceparent="first").answered(traceparent="second")
    assert evidence.traceparent(known(told)) == "first"


def test_a_call_starts_with_its_earliest_event() -> None:
    assert evidence.started_at(known(call().ringing(at=5).answered(at=3))) == second(3)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (call().answered(at=4).turn(at=3), 4),
        (call().answered(at=4).ended("completed", answered_at="2026-03-01T12:00:02Z"), 2),
        (call().started(at=6).turn(at=7), 6),
        (call().node("greet", at=8), 8),
    ],
)
def test_the_answer_is_as_stated_else_since_when_they_talked(told: CallStory, seconds: int) -> None:
    assert evidence.answered_at(known(told)) == second(seconds)


def test_a_call_that_nobody_answered_has_no_answer() -> None:
    assert evidence.answered_at(known(call().ringing().ended("busy"))) is None


def test_the_most_specific_terminal_says_who_ended_the_call() -> None:
    told = call().ended("completed", ended_by="carrier").ended("caller_hangup", ended_by="user")
    assert evidence.ended_by(known(told)) == "user"
    assert evidence.ended_by(known(told.ended("busy"))) == "user"


def test_the_raw_reason_is_kept_beside_the_canonical_one() -> None:
    assert evidence.raw_reason(known(call().ended("user-busy"))) == "user-busy"
    assert evidence.raw_reason(known(call().ended("busy", raw_reason="SIP 486"))) == "SIP 486"


def test_the_duration_is_as_stated_else_from_answer_to_end() -> None:
    told = call().answered(at=2)
    assert evidence.duration_seconds(known(told.ended("completed", at=44, duration_seconds=41))) == 41
    assert evidence.duration_seconds(known(told.ended("completed", at=44, duration_seconds="?"))) == 42
    assert evidence.duration_seconds(known(call().ended("busy"))) is None


@pytest.mark.parametrize("wrong", ["yesterday", "2026-03-01T12:00:05", 1772366405, "9999-12-31T23:59:59Z"])
def test_an_end_that_is_no_moment_is_the_time_of_its_event(wrong: object) -> None:
    assert evidence.ended_at(known(call().answered().ended("completed", ended_at=wrong))) == second(1)


def test_a_pin_is_the_first_workflow_and_the_first_version_of_it() -> None:
    told = call().queued().ringing(workflow_id="w").answered(workflow_id="w", workflow_version=3)
    assert pinned(known(told)) == ("w", 3)
    assert pinned(known(told.turn(workflow_id="v", workflow_version=9, at=0))) == ("v", 9)


def test_a_version_of_another_workflow_is_no_pin() -> None:
    told = call().queued(workflow_id="w").answered(workflow_id="v", workflow_version=3)
    assert pinned(known(told)) == ("w", None)


def test_a_version_alone_pins_whatever_workflow_the_agent_has() -> None:
    assert pinned(known(call().answered(workflow_version=3))) == (None, 3)


def test_a_pin_counts_in_the_event_that_is_about_to_be_heard() -> None:
    heard = known(call().answered(at=5, workflow_id="late"))
    [event] = call().queued(at=1, workflow_id="early").events
    assert pinned(heard, event) == ("early", None)


def test_saying_the_same_again_leaves_the_very_same_evidence() -> None:
    told = call().queued(agent_id="a").answered(agent_id="a").turn(agent_id="a")
    heard = known(told)
    assert add(heard, told.turn(agent_id="a").events[-1]) is heard
