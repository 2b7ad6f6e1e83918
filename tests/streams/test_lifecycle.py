"""When a verdict falls, what may still raise it, and which webhooks it fires."""

from datetime import timedelta

import pytest

from schemas.calls import Conversation
from schemas.outcomes import Outcome, Upgrade, Verdict
from schemas.reasons import REASONS
from streams.lifecycle import NOTES, Durations, hear, lapse, raisable, silent_due, webhook_types
from tests.builders import DURATIONS, START, WORKFLOW, CallStory, Listener, call, second, workflow

GREETED = call().answered().node("greet")
RESOLVED = GREETED.node("resolved", end=True)
DAY = timedelta(days=1).total_seconds()
ENRICHING = ["transcript.ready", "recording.ready", "analytics.completed"]


def results(listener: Listener) -> list[str]:
    """As what each event counted."""
    return [turn.result for turn in listener.turns]


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


# Late evidence


def test_late_evidence_raises_a_verdict() -> None:
    listener = Listener().hear(GREETED.ended("end_node", at=10)).wait(3)
    listener.hear(call().node("resolved", end=True, at=9, id="late", seq=5))
    assert (listener.outcome.verdict, listener.outcome.rule) == (Verdict.PROPER, "R1")
    assert listener.outcome.flags == ("late_evidence",)
    assert listener.conversation.upgrades == (Upgrade(Verdict.PREMATURE, Verdict.PROPER, "R1"),)


def test_an_upgrade_says_from_what() -> None:
    listener = Listener().hear(call().ringing().ended("completed")).wait(3).hear(call().answered(id="late"))
    concluded = listener.turns[-1].concluded
    assert concluded is not None
    assert concluded.upgraded_from is Verdict.NOT_CONNECTED
    assert concluded.outcome.verdict is Verdict.PREMATURE
    assert "outcome_upgraded" in listener.notes


def test_a_second_terminal_that_names_an_end_call_node_is_late_evidence() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(3)
    listener.hear(call().ended("end_node", end_node_id="resolved", id="second", at=4))
    assert (listener.outcome.verdict, listener.outcome.rule) == (Verdict.PROPER, "R2")


def test_a_verdict_may_rise_step_by_step() -> None:
    listener = Listener().hear(call().ringing().ended("completed", at=5)).wait(3)
    listener.hear(call().answered(id="a", at=1)).hear(call().bridged(id="b", at=2))
    listener.hear(call().ended("end_node", end_node_id="resolved", id="c", at=5))
    assert [each.verdict for each in listener.outcomes] == list(Verdict)


def test_late_evidence_never_lowers_a_verdict_but_is_a_conflict() -> None:
    listener = Listener().hear(RESOLVED.ended("end_node", at=10)).wait(3)
    listener.hear(call().node("ask", id="late", at=11, seq=7)).hear(call().turn(id="more", at=11))
    assert results(listener)[-2:] == ["late", "late"]
    assert listener.outcome.verdict is Verdict.PROPER
    assert listener.notes.count("conflict") == 1


def test_another_end_call_node_comes_too_late() -> None:
    listener = Listener().hear(RESOLVED.ended("end_node", at=10)).wait(3)
    listener.hear(call().ended("end_node", end_node_id="sorry", id="late", at=10))
    assert (listener.outcome.end_node_id, listener.notes.count("conflict")) == ("resolved", 1)


def test_late_evidence_that_changes_nothing_is_late_all_the_same() -> None:
    listener = Listener().hear(RESOLVED.ended("end_node", at=10)).wait(3).hear(call().turn(id="late"))
    assert (results(listener)[-1], listener.notes) == ("late", [])


def test_a_later_terminal_does_not_move_the_end_of_a_call() -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10)).wait(3)
    listener.hear(call().ended("completed", id="second", at=500))
    listener.hear(call().node("resolved", end=True, id="late", at=400, seq=9))
    assert results(listener)[-2:] == ["late", "ignored"]
    assert listener.outcome.verdict is Verdict.PREMATURE


def test_after_the_window_late_evidence_is_counted_and_nothing_else() -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10)).wait(603)
    assert silent_due(listener.conversation) is None
    listener.hear(call().node("resolved", end=True, id="late", at=9))
    assert results(listener)[-1] == "late"
    assert len(listener.outcomes) == 1


def test_the_window_is_open_until_its_tick() -> None:
    decided = Listener().hear(GREETED.ended("completed", at=10)).wait(3).conversation
    late = call().node("resolved", end=True, id="late", at=9, seq=9).events[0]
    assert hear(decided, late, WORKFLOW, second(5000), DURATIONS).concluded is not None


def test_a_tick_closes_what_was_due_by_then_and_no_later_window() -> None:
    decided = Listener().hear(GREETED.ended("completed", at=10)).wait(3).conversation
    assert lapse(decided, WORKFLOW, second(602), second(5000), DURATIONS).conversation is decided


def test_a_terminal_of_the_grace_that_is_heard_again_stays_one_of_the_grace() -> None:
    told = GREETED.ended("completed", at=10)
    listener = Listener().hear(told).wait(3).hear(told.events[-1:])
    listener.hear(call().ended("completed", id="second", at=500))
    listener.hear(call().node("resolved", end=True, id="late", at=400, seq=9))
    assert listener.outcome.verdict is Verdict.PREMATURE


def test_an_upgrade_does_not_prolong_the_window() -> None:
    listener = Listener().hear(call().ringing().ended("completed")).wait(103).hear(call().answered(id="late"))
    assert silent_due(listener.conversation) == second(603)


def test_the_real_end_of_a_lost_call_raises_it_however_late() -> None:
    listener = Listener().hear(GREETED).wait(2 * DAY)
    assert (listener.outcome.reason, raisable(listener.conversation)) == ("lost", True)
    end = call().node("resolved", end=True, at=9000, id="n", seq=9).ended("end_node", at=9001)
    listener.hear(end)
    assert listener.outcome.verdict is Verdict.PROPER
    assert listener.outcomes[-1].flags == ("late_evidence",)


def test_the_real_end_of_a_lost_call_is_named_with_its_own_row() -> None:
    listener = Listener().hear(GREETED).wait(2 * DAY)
    listener.hear(call().ended("end_node", end_node_id="resolved", at=9001))
    assert (listener.outcome.rule, listener.outcome.synthetic) == ("R2", False)
    assert listener.outcome.ended_at == second(9001)
    assert listener.conversation.window_until == listener.now + DURATIONS.upgrade_window


def test_other_calls_are_out_of_reach_after_their_window() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(DAY)
    assert not raisable(listener.conversation)


# What is counted


@pytest.mark.parametrize(
    ("told", "note"),
    [
        (call().says("call.paused"), "unknown_type"),
        (call().ended("fell_off_the_line"), "unmapped_reason"),
        (call().node(""), "node_unreadable"),
        (call().node("x" * 257), "node_unreadable"),
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


def test_an_ordinary_call_has_nothing_to_note() -> None:
    assert Listener().hear(RESOLVED.closing("resolved").ended("end_node")).wait(3).notes == []


# Which webhooks a verdict fires


def fired(verdict: Verdict, reason: str = "completed", *, synthetic: bool = False) -> tuple[str, ...]:
    """The webhook types of such an outcome."""
    return webhook_types(Outcome(verdict, reason, "R1", synthetic=synthetic))


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_proper_call_fires_ended_and_completed_whatever_the_reason(reason: str) -> None:
    assert fired(Verdict.PROPER, reason) == ("call.ended", "call.completed")


def test_a_transferred_call_fires_transferred() -> None:
    assert fired(Verdict.TRANSFERRED, "transferred") == ("call.ended", "call.transferred")


@pytest.mark.parametrize(
    ("reason", "beside"),
    [
        ("caller_hangup", ()),
        ("busy", ()),
        ("voicemail", ("call.voicemail",)),
        ("agent_error", ("call.failed",)),
        ("platform_error", ("call.failed",)),
        ("no_audio", ("call.failed",)),
        ("transfer_failed", ("call.failed",)),
        ("inactivity", ()),
    ],
)
def test_a_premature_call_fires_premature_and_what_fits_its_reason(
    reason: str, beside: tuple[str, ...]
) -> None:
    assert fired(Verdict.PREMATURE, reason) == ("call.ended", "call.premature", *beside)


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("busy", "call.busy"),
        ("no_answer", "call.no_answer"),
        ("cancelled", "call.cancelled"),
        ("rejected", "call.failed"),
        ("dial_failed", "call.failed"),
        ("completed", "call.failed"),
        ("caller_hangup", "call.failed"),
    ],
)
def test_a_call_that_was_not_connected_fires_why(reason: str, named: str) -> None:
    assert fired(Verdict.NOT_CONNECTED, reason) == ("call.ended", named)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_synthetic_end_fires_lost_beside_the_others(verdict: Verdict) -> None:
    assert fired(verdict, "lost", synthetic=True) == (*fired(verdict, "lost"), "call.lost")
