"""What comes after the verdict may raise it, and never lowers it (R15)."""

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
    workflow,
)

DAY = timedelta(days=1).total_seconds()


def test_late_evidence_raises_a_verdict() -> None:
    listener = Listener().hear(GREETED.ended("end_node", at=10)).wait(3)
    listener.hear(call().node("resolved", end=True, at=9, id="late", seq=5)).wait(3)
    assert (listener.outcome.verdict, listener.outcome.rule) == (Verdict.PROPER, "R1")
    assert listener.outcome.flags == ("late_evidence",)
    assert listener.conversation.upgrades == (Upgrade(Verdict.PREMATURE, Verdict.PROPER, "R1"),)


def test_an_upgrade_says_from_what() -> None:
    listener = Listener().hear(call().ringing().ended("completed")).wait(3).hear(call().answered(id="late"))
    concluded = lapse(listener.conversation, WORKFLOW, second(6), second(6), DURATIONS).concluded
    assert concluded is not None
    assert concluded.upgraded_from is Verdict.NOT_CONNECTED
    assert concluded.outcome.verdict is Verdict.PREMATURE
    assert "outcome_upgraded" in listener.wait(3).notes


def test_what_raises_a_verdict_is_judged_together_with_what_comes_soon_after() -> None:
    listener = Listener().hear(GREETED.ended("caller_hangup", at=10)).wait(3)
    listener.hear(call().node("resolved", end=True, at=5, id="a", seq=5)).wait(2.9)
    listener.hear(call().node("ask", at=6, id="b", seq=6)).wait(60)
    assert [(one.verdict, one.rule) for one in listener.outcomes] == [(Verdict.PREMATURE, "R4")]
    assert results(listener)[-2:] == ["late", "late"]
    assert listener.notes.count("conflict") == 0


def test_the_grace_of_a_late_event_is_not_prolonged_by_the_next() -> None:
    listener = Listener().hear(call().ringing().ended("completed", at=5)).wait(10)
    listener.hear(call().answered(id="a", at=1)).wait(2).hear(call().bridged(id="b", at=2))
    assert silent_due(listener.conversation) == second(13)
    assert listener.wait(1).outcome.verdict is Verdict.TRANSFERRED
    assert len(listener.conversation.upgrades) == 1


def test_late_evidence_that_raises_nothing_opens_no_grace() -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10)).wait(3).hear(call().turn(id="late"))
    assert silent_due(listener.conversation) == second(603)


def test_a_second_terminal_that_names_an_end_call_node_raises_a_verdict_at_once() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(3)
    listener.hear(call().ended("end_node", end_node_id="resolved", id="second", at=4))
    assert (listener.outcome.verdict, listener.outcome.rule) == (Verdict.PROPER, "R2")
    assert silent_due(listener.conversation) == second(603)


def test_such_a_terminal_ends_a_late_grace_that_is_running() -> None:
    listener = Listener().hear(call().ringing().ended("completed")).wait(3).hear(call().answered(id="a"))
    listener.hear(call().ended("end_node", end_node_id="resolved", id="b", at=1))
    assert [each.verdict for each in listener.outcomes] == [Verdict.NOT_CONNECTED, Verdict.PROPER]
    assert len(listener.wait(60).outcomes) == 2


def test_under_spoken_a_late_named_end_call_node_waits_for_its_closing_line() -> None:
    listener = Listener(workflow(proper_end="spoken")).hear(call().ringing().ended("completed")).wait(3)
    listener.hear(call().ended("end_node", end_node_id="resolved", id="b", at=1))
    assert listener.hear(call().closing("resolved", id="c", at=1)).wait(3).outcome.verdict is Verdict.PROPER


def test_a_verdict_may_rise_step_by_step() -> None:
    listener = Listener().hear(call().ringing().ended("completed", at=5)).wait(3)
    listener.hear(call().answered(id="a", at=1)).wait(3).hear(call().bridged(id="b", at=2)).wait(3)
    listener.hear(call().ended("end_node", end_node_id="resolved", id="c", at=5))
    assert [each.verdict for each in listener.outcomes] == list(Verdict)


def test_late_evidence_never_lowers_a_verdict_but_is_a_conflict() -> None:
    listener = Listener().hear(RESOLVED.ended("end_node", at=10)).wait(3)
    listener.hear(call().node("ask", id="late", at=11, seq=7)).hear(call().turn(id="more", at=11))
    assert results(listener)[-2:] == ["late", "late"]
    assert listener.outcome.verdict is Verdict.PROPER
    assert listener.notes.count("conflict") == 1


def test_a_conflict_within_a_late_grace_is_counted_once_when_it_lapses() -> None:
    listener = Listener().hear(call().answered().bridged().ended("transferred", at=10)).wait(3)
    listener.hear(call().node("resolved", end=True, id="a", at=0.5)).hear(call().voicemail(id="b", at=1))
    assert listener.notes.count("conflict") == 0
    assert listener.wait(3).hear(call().voicemail(id="c", at=0)).notes.count("conflict") == 1
    assert listener.outcome.verdict is Verdict.TRANSFERRED


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
    heard = hear(decided, late, WORKFLOW, second(5000), DURATIONS).conversation
    assert lapse(heard, WORKFLOW, second(5003), second(5003), DURATIONS).concluded is not None


def test_evidence_of_within_the_window_counts_though_its_grace_ends_after_it() -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10)).wait(602.5)
    listener.hear(call().node("resolved", end=True, id="late", at=9, seq=9)).wait(2)
    assert (listener.outcome.verdict, raisable(listener.conversation)) == (Verdict.PREMATURE, True)
    listener.wait(1)
    assert (listener.outcome.verdict, raisable(listener.conversation)) == (Verdict.PROPER, False)


def test_a_tick_that_closes_a_grace_closes_a_window_that_was_due_too() -> None:
    listener = Listener().hear(GREETED.ended("completed", at=10)).wait(602.5)
    listener.hear(call().node("resolved", end=True, id="late", at=9, seq=9))
    early = lapse(listener.conversation, WORKFLOW, second(604), second(700), DURATIONS)
    assert early.conversation is listener.conversation
    lapsed = lapse(listener.conversation, WORKFLOW, second(606), second(700), DURATIONS)
    assert lapsed.concluded is not None
    assert silent_due(lapsed.conversation) is None


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
    listener.wait(3)
    assert listener.outcome.verdict is Verdict.PREMATURE
    assert silent_due(listener.conversation) == second(603)


def test_other_calls_are_out_of_reach_after_their_window() -> None:
    listener = Listener().hear(GREETED.ended("completed")).wait(DAY)
    assert not raisable(listener.conversation)
