"""A call that was taken for lost and speaks again goes on, and its real end gives the verdict (R12)."""

from datetime import timedelta

import pytest

from schemas.outcomes import Upgrade, Verdict
from streams.lifecycle import raisable, silent_due
from tests.builders import DURATIONS, GREETED, RESOLVED, CallStory, Listener, call, results, second

DAY = timedelta(days=1).total_seconds()
RANG = call().ringing()


def lost(story: CallStory = RANG, after: float = 130) -> Listener:
    """A call of which nothing more was heard, until now."""
    listener = Listener().hear(story).wait(after)
    assert (listener.outcome.synthetic, listener.outcome.rule) == (True, "R12")
    return listener


def later(at: float) -> dict[str, object]:
    """When it happened, and an id of its own."""
    return {"at": at, "id": f"later{at}", "seq": int(at)}


def verdicts(listener: Listener) -> list[tuple[str, str]]:
    return [(one.verdict.value, one.rule) for one in listener.outcomes]


def test_the_real_end_alone_raises_a_lost_call_whatever_it_went_through_on_its_way() -> None:
    listener = lost().hear(call().answered(**later(130))).wait(10)
    listener.hear(call().node("resolved", end=True, **later(140))).wait(10)
    listener.hear(call().node("greet", **later(150))).wait(10)
    assert verdicts(listener) == [("NOT_CONNECTED", "R12")]
    listener.hear(call().ended("caller_hangup", **later(160))).wait(3)
    assert verdicts(listener) == [("NOT_CONNECTED", "R12"), ("PREMATURE", "R5")]
    assert listener.conversation.upgrades == (Upgrade(Verdict.NOT_CONNECTED, Verdict.PREMATURE, "R5"),)
    assert (listener.outcome.synthetic, listener.outcome.reason) == (False, "caller_hangup")
    assert results(listener) == ["applied", "late", "late", "late", "late"]


@pytest.mark.parametrize(
    ("told", "patience"),
    [
        (call().queued(**later(130)), 120),
        (call().ringing(**later(130)), 120),
        (call().answered(**later(130)), 3660),
        (call().says("agent.error", **later(130)), 3660),
        (call().node("resolved", end=True, **later(130)), 60),
        (call().node("resolved", end=True, **later(130)).turn(**later(131)), 60),
        (call().node("resolved", end=True, **later(130)).node("ask", **later(131)), 3660),
        (call().ended("busy", **later(130)), 3),
        (call().answered(**later(130)).ended("completed", **later(131)), 3),
    ],
)
def test_each_sign_of_life_opens_the_timer_of_its_stage(told: CallStory, patience: float) -> None:
    assert silent_due(lost().hear(told).conversation) == second(130 + patience)


@pytest.mark.parametrize("event_type", ["transcript.ready", "recording.ready", "analytics.completed", "a.b"])
def test_what_is_no_sign_of_life_opens_none(event_type: str) -> None:
    before = silent_due(lost().conversation)
    assert silent_due(lost().hear(call().says(event_type, **later(130))).conversation) == before


def test_a_second_silence_judges_by_the_evidence_and_stays_synthetic() -> None:
    listener = lost().hear(call().answered(**later(130)))
    listener.hear(call().node("resolved", end=True, **later(140))).wait(60)
    assert verdicts(listener) == [("NOT_CONNECTED", "R12"), ("PROPER", "R12")]
    assert (listener.outcome.synthetic, listener.outcome.flags) == (True, ("late_evidence",))
    assert raisable(listener.wait(2 * DAY).conversation)


def test_a_second_silence_that_shows_nothing_higher_changes_nothing() -> None:
    listener = lost().hear(call().ringing(**later(130))).wait(DAY)
    assert (verdicts(listener), silent_due(listener.conversation)) == ([("NOT_CONNECTED", "R12")], None)


def test_a_real_end_that_is_no_higher_changes_nothing_and_is_no_conflict() -> None:
    listener = lost().hear(call().ended("busy", **later(130))).wait(DAY)
    assert (listener.outcome.reason, len(listener.outcomes), listener.notes) == ("lost", 1, ["lost"])


def test_a_real_end_that_names_its_end_call_node_needs_no_grace() -> None:
    listener = lost().hear(call().ended("end_node", end_node_id="resolved", **later(9001)))
    assert (listener.outcome.rule, listener.outcome.synthetic) == ("R2", False)
    assert listener.outcome.ended_at == second(9001)
    assert silent_due(listener.conversation) == listener.now + DURATIONS.upgrade_window


def test_the_real_end_raises_a_lost_call_however_late() -> None:
    listener = lost(GREETED, 2 * DAY)
    listener.hear(call().node("resolved", end=True, **later(9000)).ended("end_node", **later(9001))).wait(3)
    assert (listener.outcome.verdict, listener.outcome.rule) == (Verdict.PROPER, "R1")
    assert listener.outcomes[-1].flags == ("late_evidence",)


def test_of_several_real_ends_within_the_grace_the_most_specific_gives_the_reason() -> None:
    listener = lost().hear(call().answered(**later(130)).ended("completed", **later(140))).wait(2)
    listener.hear(call().ended("caller_hangup", **later(141))).wait(1)
    assert (listener.outcome.reason, listener.outcome.ended_at) == ("caller_hangup", second(141))
    listener.hear(call().ended("inactivity", **later(500))).wait(3)
    assert (listener.outcome.reason, listener.outcome.ended_at) == ("caller_hangup", second(141))


def test_after_a_real_end_that_raised_nothing_another_does_not_move_it() -> None:
    listener = lost(GREETED, DAY).hear(call().ended("completed", **later(5000))).wait(10)
    listener.hear(call().ended("completed", **later(6000)))
    assert listener.hear(call().node("resolved", end=True, **later(5900))).turns[-1].result == "ignored"
    listener.hear(call().node("resolved", end=True, **later(4900))).wait(3)
    assert (listener.outcome.verdict, listener.outcome.ended_at) == (Verdict.PROPER, second(5000))


def test_the_window_of_a_lost_call_stays_open_while_it_goes_on() -> None:
    listener = lost().hear(call().answered(**later(130))).wait(3000)
    assert listener.conversation.window_until is not None
    assert silent_due(listener.wait(700).conversation) == second(130 + 3660 + 600)


def test_a_lost_call_that_was_proper_and_goes_on_is_in_conflict_once() -> None:
    listener = lost(RESOLVED, 61).hear(call().node("ask", **later(70)).turn(**later(71)))
    listener.hear(call().ended("caller_hangup", **later(80))).wait(60)
    listener.hear(call().turn(**later(79)))
    assert (verdicts(listener), listener.notes.count("conflict")) == ([("PROPER", "R12")], 1)
