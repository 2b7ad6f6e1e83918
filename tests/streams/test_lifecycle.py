"""When a verdict falls, and what of a call counts as what."""

from datetime import timedelta

import pytest

from schemas.calls import Conversation
from schemas.outcomes import Verdict
from streams.lifecycle import NOTES, Durations, hear, lapse, silent_due
from tests.builders import (
    DURATIONS,
    GREETED,
    RESOLVED,
    START,
    WORKFLOW,
    CallStory,
    Listener,
    call,
    results,
    second,
    workflow,
)

DAY = timedelta(days=1).total_seconds()
ENRICHING = ["transcript.ready", "recording.ready", "analytics.completed"]


# The grace and the lost timers


def test_the_grace_runs_from_when_the_first_terminal_is_handled() -> None:
    listener = Listener().hear(GREETED).wait(100).hear(call().ended("completed", id="end"))
    assert silent_due(listener.conversation) == second(103)


def test_a_second_terminal_does_not_prolong_the_grace() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(2).hear(call().ended("busy", id="second"))
    assert silent_due(listener.conversation) == second(3)


def test_a_terminal_that_names_an_end_call_node_needs_no_grace() -> None:
    listener = Listener().hear(call().ended("end_node", end_node_id="resolved"))
    assert listener.outcome.rule == "R2"
    assert listener.turns[-1].concluded is not None


def test_such_a_terminal_ends_a_grace_that_is_running() -> None:
    listener = Listener().hear(GREETED.ended("completed").ended("end_node", end_node_id="resolved"))
    assert listener.outcome.verdict is Verdict.PROPER


def test_an_end_node_id_that_is_refused_ends_no_grace() -> None:
    listener = Listener().hear(GREETED.ended("end_node", end_node_id="greet"))
    assert listener.conversation.outcome is None
    assert listener.notes == ["end_node_id_refused"]


def test_under_spoken_a_named_end_call_node_waits_for_its_closing_line() -> None:
    spoken = workflow(proper_end="spoken")
    told = GREETED.ended("end_node", end_node_id="resolved", at=9)
    assert Listener(spoken).hear(told).conversation.outcome is None
    assert Listener(spoken).hear(told).hear(call().closing("resolved", at=8)).wait(3).outcome.rule == "R2"
    assert Listener(spoken).hear(call().closing("resolved", at=0)).hear(told).outcome.rule == "R2"


@pytest.mark.parametrize(
    ("told", "patience"),
    [
        (call().queued(), 24 * 3600),
        (call().queued().ringing(), 120),
        (call().says("call.initiated"), 120),
        (call().ringing().answered(), 3660),
        (GREETED.turn(), 3660),
        (RESOLVED, 60),
        (RESOLVED.turn(), 60),
        (RESOLVED.node("ask"), 3660),
        (call().answered().queued(), 3660),
        (call().queued().analytics(), 24 * 3600),
    ],
)
def test_a_silent_call_is_lost_after_a_patience_of_its_stage(told: CallStory, patience: int) -> None:
    assert silent_due(Listener().hear(told).conversation) == second(patience)


def test_the_patience_counts_from_the_last_event_on_the_worker_s_clock() -> None:
    listener = Listener().hear(call().ringing(at=-DAY)).wait(100).hear(call().ringing(id="again"))
    assert silent_due(listener.conversation) == second(220)


@pytest.mark.parametrize("event_type", [*ENRICHING, "call.paused"])
def test_what_comes_after_a_call_opens_no_lost_timer(event_type: str) -> None:
    listener = Listener().hear(call().says(event_type)).wait(10 * DAY)
    assert listener.conversation.outcome is None
    assert results(listener) == ["applied"]


def test_what_is_not_due_does_not_lapse() -> None:
    conversation = Listener().hear(GREETED.ended("completed")).conversation
    for due in (second(2.999), START):
        assert lapse(conversation, WORKFLOW, due, second(9), DURATIONS).conversation is conversation


def test_nothing_is_due_of_a_conversation_without_events() -> None:
    unopened = Conversation(1, opened_at=START)
    assert lapse(unopened, None, second(9), second(9), DURATIONS).concluded is None


def test_a_tick_that_comes_twice_concludes_once() -> None:
    conversation = Listener().hear(GREETED.ended("completed")).conversation
    first = lapse(conversation, WORKFLOW, second(3), second(4), DURATIONS)
    second_time = lapse(first.conversation, WORKFLOW, second(3), second(5), DURATIONS)
    assert first.concluded is not None
    assert second_time.conversation is first.conversation


def test_no_clock_closes_a_grace_before_its_tick() -> None:
    listener = Listener().hear(GREETED.ended("completed"))
    late = call().node("resolved", end=True, at=2, id="delayed", seq=5).events[0]
    turn = hear(listener.conversation, late, WORKFLOW, second(1000), DURATIONS)
    assert turn.result == "applied"
    assert turn.concluded is None


def test_a_verdict_notes_when_it_was_decided_and_opens_the_window() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(3)
    assert listener.conversation.decided_at == second(3)
    assert silent_due(listener.conversation) == second(603)


def test_the_durations_are_settings() -> None:
    hasty = Durations(grace=timedelta(seconds=1), upgrade_window=timedelta(seconds=5))
    listener = Listener(durations=hasty).hear(GREETED.ended("completed")).wait(1)
    assert silent_due(listener.conversation) == second(6)


# After the terminal


@pytest.mark.parametrize("event_type", ["node.entered", "turn.completed", "closing.spoken"])
@pytest.mark.parametrize(("seconds", "result"), [(12, "applied"), (12.001, "ignored")])
def test_node_and_turn_events_long_after_the_end_are_ignored(
    event_type: str, seconds: float, result: str
) -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10).says(event_type, node_id="ask", at=seconds))
    assert listener.turns[-1].result == result
    assert ("after_end" in listener.notes) == (result == "ignored")


def test_a_later_end_makes_an_ignored_node_count_after_all() -> None:
    told = GREETED.ended("completed", at=10).node("resolved", end=True, at=20).ended("completed", at=21)
    assert Listener().hear(told).wait(3).outcome.verdict is Verdict.PROPER


@pytest.mark.parametrize("event_type", [*ENRICHING, "call.paused"])
def test_what_enriches_is_applied_before_and_after_the_verdict(event_type: str) -> None:
    story = GREETED.ended("completed").says(event_type)
    listener = Listener().hear(story).wait(3).hear(call().says(event_type, id="again"))
    assert results(listener)[-2:] == ["applied", "applied"]
    assert len(listener.outcomes) == 1


def test_a_clock_ahead_of_the_end_is_noted() -> None:
    listener = Listener().hear(call().node("resolved", end=True, at=3600).ended("completed", at=10))
    assert listener.notes == ["clock_skew"]
    assert listener.wait(3).outcome.rule == "R10"


# What is counted


@pytest.mark.parametrize(
    ("told", "note"),
    [
        (call().says("call.paused"), "unknown_type"),
        (call().ended("fell_off_the_line"), "unmapped_reason"),
        (call().ended({"busy": True}), "unmapped_reason"),
        (call().ended("busy", end_node_id=["resolved"]), "end_unreadable"),
        (call().ended("busy", end_node_id="x" * 257), "end_unreadable"),
        (call().ended("busy", ended_at=1772366400000), "end_unreadable"),
        (call().ended("busy", answered_at="yesterday"), "end_unreadable"),
        (GREETED.ended("agent_hangup"), "ended_without_end_node"),
        (GREETED.node("new").ended("agent_hangup"), "unknown_node"),
        (GREETED.ended("completed").ended("busy"), "several_terminals"),
        (GREETED, "lost"),
    ],
)
def test_what_is_worth_counting_is_noted(told: CallStory, note: str) -> None:
    listener = Listener().hear(told).wait(2 * DAY)
    assert note in listener.notes
    assert set(listener.notes) <= NOTES


def test_an_end_that_cannot_be_read_ends_the_call_by_what_can() -> None:
    told = GREETED.ended(["?"], end_node_id={"id": "resolved"}, ended_at=5, answered_at=False, at=9)
    outcome = Listener().hear(told).wait(3).outcome
    assert (outcome.verdict, outcome.reason, outcome.rule) == (Verdict.PREMATURE, "unknown", "R4")
    assert outcome.ended_at == second(9)


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_an_empty_text_say_nothing(nothing: object) -> None:
    told = RESOLVED.ended("end_node", end_node_id=nothing, ended_at=nothing, answered_at=nothing)
    assert Listener().hear(told).wait(3).notes == []


def test_an_ordinary_call_has_nothing_to_note() -> None:
    assert Listener().hear(RESOLVED.closing("resolved").ended("end_node")).wait(3).notes == []
