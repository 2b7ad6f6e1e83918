"""What comes after the verdict may raise it, and never lowers it (R15); of a lost call at any time (R12)."""

from datetime import timedelta

from schemas.outcomes import Upgrade, Verdict
from streams.lifecycle import hear, lapse, raisable, silent_due
from tests.builders import (
    DURATIONS,
    GREETED,
    RESOLVED,
    WORKFLOW,
    Listener,
    call,
    results,
    second,
)

DAY = timedelta(days=1).total_seconds()


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
