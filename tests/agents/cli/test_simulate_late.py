"""What the engine says of calls that go silent, of evidence that comes late, and of ids that are used again."""

import pytest

from tests.agents.cli.simulating import (
    ANSWERED,
    GREETED,
    RESOLVED,
    STANDARD,
    Story,
    call,
    delivery,
    judged,
    nodes,
    seconds,
    simulated,
    webhooks,
    workflow,
)

HOUR = 3600
LATE = ["late_evidence"]


def decided(shown: dict) -> float:  # type: ignore[type-arg]
    return seconds(delivery(shown, "call.ended")["planned_at"])


# R12
SILENT = [
    (call().queued(), 24 * HOUR, "NOT_CONNECTED", "lost"),
    (call().queued().says("call.initiated"), 121, "NOT_CONNECTED", "lost"),
    (call().ringing(), 120, "NOT_CONNECTED", "lost"),
    (call().queued().ringing(), 121, "NOT_CONNECTED", "lost"),
    (ANSWERED, 3660, "PREMATURE", "lost"),
    (call().ringing().says("conversation.started"), 3661, "PREMATURE", "lost"),
    (GREETED, 3661, "PREMATURE", "lost"),
    (call().turn(), 3660, "PREMATURE", "lost"),
    (RESOLVED, 62, "PROPER", "lost"),
    (RESOLVED.node("ask"), 3663, "PREMATURE", "lost"),
]


@pytest.mark.parametrize(("story", "after", "verdict", "reason"), SILENT)
def test_a_call_that_goes_silent_is_lost(story: Story, after: float, verdict: str, reason: str) -> None:
    shown = judged(story)
    assert (shown["verdict"], shown["rule"], shown["reason"], shown["synthetic"]) == (
        verdict,
        "R12",
        reason,
        True,
    )
    assert after <= decided(shown) <= after + 3
    assert shown["events"]["applied"] == len(story.lines)
    assert "call.lost" in webhooks(shown)


def test_a_lost_call_that_reached_its_end_call_node_is_proper() -> None:
    shown = judged(RESOLVED)
    assert (shown["end_node_id"], nodes(shown)) == ("resolved", {"crm": "done"})
    assert webhooks(shown) == ["call.completed", "call.ended", "call.lost", "call.settled"]


def test_silence_is_counted_from_the_arrival_of_the_last_event() -> None:
    assert 1120 <= decided(judged(call().ringing(at=0, arrived=1000))) <= 1123


def test_a_lost_call_with_a_bridge_is_transferred_and_one_with_a_voicemail_premature() -> None:
    bridged = judged(GREETED.says("transfer.bridged"))
    assert (bridged["verdict"], bridged["rule"], bridged["reason"]) == ("TRANSFERRED", "R6", "transferred")
    assert bridged["synthetic"]
    machine = judged(GREETED.says("voicemail.detected"))
    assert (machine["verdict"], machine["rule"], machine["reason"]) == ("PREMATURE", "R7", "voicemail")
    assert webhooks(machine) == [
        "call.ended",
        "call.lost",
        "call.premature",
        "call.settled",
        "call.voicemail",
    ]


@pytest.mark.parametrize("said", ["transcript.ready", "recording.ready", "analytics.completed"])
def test_what_comes_after_a_call_opens_no_timer(said: str) -> None:
    shown = judged(call().says(said))
    assert (shown["verdict"], shown["rule"], webhooks(shown)) == (None, None, [])


def test_the_timers_of_silence_are_settings() -> None:
    assert 10 <= decided(judged(call().ringing(), settings={"lost_ringing": "10s"})) <= 13


def test_after_a_lost_verdict_the_real_end_upgrades_however_late() -> None:
    story = ANSWERED.node("greet").node("resolved", at=5000, arrived=90000, seq=2)
    shown = judged(story.ended("end_node", at=5001, arrived=90001))
    assert [(one["from"], one["to"]) for one in shown["upgrades"]] == [("PREMATURE", "PROPER")]
    assert (shown["verdict"], shown["end_node_id"], nodes(shown)) == ("PROPER", "resolved", {"crm": "done"})
    assert shown["events"]["late"] == 2


def test_the_real_end_of_a_lost_call_upgrades_once_it_names_the_node() -> None:
    shown = judged(call().ringing().ended("end_node", end_node_id="resolved", at=9000))
    assert shown["upgrades"] == [{"from": "NOT_CONNECTED", "to": "PROPER", "rule": "R2"}]
    assert (shown["verdict"], shown["rule"], shown["flags"]) == ("PROPER", "R2", LATE)
    assert shown["events"] == {"applied": 1, "duplicate": 0, "ignored": 0, "late": 1, "unreadable": 0}


def test_a_lost_call_that_goes_on_is_upgraded_once_by_its_real_end() -> None:
    story = call().ringing().answered(at=130).node("resolved", at=140).node("greet", at=150)
    shown = judged(story.ended("caller_hangup", at=160))
    assert shown["upgrades"] == [{"from": "NOT_CONNECTED", "to": "PREMATURE", "rule": "R5"}]
    assert (shown["reason"], shown["synthetic"], nodes(shown)) == ("caller_hangup", False, {})
    assert webhooks(shown).count("call.outcome_upgraded") == 1


def test_a_lost_call_that_goes_on_into_a_voicemail_runs_nothing() -> None:
    story = call().ringing().answered(at=130).node("resolved", at=140).says("voicemail.detected", at=141)
    shown = judged(story.ended("voicemail", at=160))
    assert (shown["verdict"], shown["rule"], nodes(shown)) == ("PREMATURE", "R7", {})


def test_a_lost_call_that_goes_on_and_falls_silent_again_is_lost_again() -> None:
    shown = judged(call().ringing().answered(at=130).node("resolved", at=140))
    assert shown["upgrades"] == [{"from": "NOT_CONNECTED", "to": "PROPER", "rule": "R12"}]
    assert (shown["synthetic"], nodes(shown)) == (True, {"crm": "done"})
    assert seconds(delivery(shown, "crm")["planned_at"]) == 200


# R15
def test_a_late_node_that_was_left_again_runs_nothing() -> None:
    story = GREETED.ended("caller_hangup", at=10).node("resolved", at=5, arrived=100, seq=3)
    shown = judged(story.node("greet", at=6, arrived=102, seq=4))
    assert (shown["verdict"], shown["upgrades"], nodes(shown)) == ("PREMATURE", [], {})
    assert shown["events"]["late"] == 2


def test_late_evidence_upgrades_and_runs_the_nodes_once() -> None:
    shown = judged(
        GREETED.ended("agent_hangup", at=10)
        .node("resolved", at=9, arrived=100, seq=3)
        .turn(at=5, arrived=110)
    )
    assert shown["upgrades"] == [{"from": "PREMATURE", "to": "PROPER", "rule": "R1"}]
    assert (shown["verdict"], shown["rule"], shown["flags"]) == ("PROPER", "R1", LATE)
    assert seconds(delivery(shown, "crm")["planned_at"]) == 103
    assert shown["events"] == {"applied": 3, "duplicate": 0, "ignored": 0, "late": 2, "unreadable": 0}


def test_an_upgrade_fires_only_its_own_webhook_and_settles_again() -> None:
    shown = judged(GREETED.ended("agent_hangup", at=10).node("resolved", at=9, arrived=100, seq=3))
    expected = ["call.ended", "call.outcome_upgraded", "call.premature", "call.settled", "call.settled"]
    assert webhooks(shown) == expected
    settled = [one for one in shown["deliveries"] if one["id"] == "call.settled"]
    assert [one["body"]["data"].get("upgraded", False) for one in settled] == [False, True]


def test_a_verdict_may_be_upgraded_in_steps() -> None:
    story = call().ringing().ended("busy", at=10).answered(at=5, arrived=20)
    story = story.says("transfer.bridged", at=6, arrived=30).node("resolved", at=4, arrived=40, seq=...)
    shown = judged(story)
    assert [(one["from"], one["to"], one["rule"]) for one in shown["upgrades"]] == [
        ("NOT_CONNECTED", "PREMATURE", "R4"),
        ("PREMATURE", "TRANSFERRED", "R6"),
        ("TRANSFERRED", "PROPER", "R1"),
    ]
    assert (nodes(shown), shown["events"]["late"]) == ({"crm": "done"}, 3)


@pytest.mark.parametrize(("arrived", "verdict"), [(613, "PROPER"), (614, "PREMATURE")])
def test_late_evidence_upgrades_for_ten_minutes(arrived: float, verdict: str) -> None:
    shown = judged(GREETED.ended("agent_hangup", at=10).node("resolved", at=9, arrived=arrived - 0.5, seq=3))
    assert (shown["verdict"], shown["events"]["late"]) == (verdict, 1)


def test_a_downgrade_never_happens() -> None:
    story = RESOLVED.ended("end_node", at=10)
    for said in ("voicemail.detected", "transfer.bridged"):
        shown = judged(story.says(said, at=9, arrived=20))
        assert (shown["verdict"], shown["rule"], shown["upgrades"]) == ("PROPER", "R1", [])
        assert shown["events"]["late"] == 1
    left = judged(story.node("ask", at=9, arrived=20, seq=3))
    assert (left["verdict"], left["upgrades"], nodes(left)) == ("PROPER", [], {"crm": "done"})
    other = judged(story.node("sorry", at=9, arrived=20, seq=3))
    assert (other["end_node_id"], other["upgrades"]) == ("resolved", [])


def test_a_second_terminal_that_names_the_node_upgrades() -> None:
    shown = judged(
        GREETED.ended("agent_hangup", at=10).ended("end_node", at=10, arrived=60, end_node_id="resolved")
    )
    assert shown["upgrades"] == [{"from": "PREMATURE", "to": "PROPER", "rule": "R2"}]


def test_late_evidence_of_a_voicemail_is_premature() -> None:
    shown = judged(call().ringing().ended("completed", at=10).says("voicemail.detected", at=5, arrived=20))
    assert shown["upgrades"] == [{"from": "NOT_CONNECTED", "to": "PREMATURE", "rule": "R7"}]
    expected = {"call.ended", "call.failed", "call.outcome_upgraded", "call.settled"}
    assert (shown["reason"], set(webhooks(shown))) == ("voicemail", expected)


def test_a_late_node_event_after_the_end_is_ignored_not_late() -> None:
    shown = judged(GREETED.ended("agent_hangup", at=10).node("resolved", at=12.5, arrived=60))
    assert (shown["verdict"], shown["events"]["late"], shown["events"]["ignored"]) == ("PREMATURE", 0, 1)


def test_reason_end_node_is_upgraded_by_the_node_event() -> None:
    shown = judged(GREETED.ended("end_node", at=10).node("resolved", at=9, arrived=60, seq=3))
    assert shown["upgrades"] == [{"from": "PREMATURE", "to": "PROPER", "rule": "R1"}]
    assert "end_node_unknown" not in shown["flags"]


# R17
def session(name: str, start: float, reason: str = "end_node") -> Story:
    story = call(session_id=name).answered(at=start, id=f"{name}-1")
    story = story.node("resolved", at=start + 1, id=f"{name}-2")
    return story.ended(reason, at=start + 2, id=f"{name}-3")


def test_a_call_id_that_is_used_again_with_another_session_is_another_call() -> None:
    shown = simulated(session("one", 0), session("two", 1000, "agent_hangup"))
    assert [(one["call_id"], one["incarnation"], one["reason"]) for one in shown] == [
        ("c1", 1, "end_node"),
        ("c1", 2, "agent_hangup"),
    ]
    assert [nodes(one) for one in shown] == [{"crm": "done"}] * 2
    first, second = (delivery(one, "crm")["headers"]["webhook-id"] for one in shown)
    assert first != second


def test_an_event_of_another_session_waits_until_the_newest_is_decided() -> None:
    early = session("two", 1)
    shown = simulated(session("one", 0), early)
    assert [one["verdict"] for one in shown] == ["PROPER", "PROPER"]
    assert [one["events"]["applied"] for one in shown] == [3, 3]


def test_an_attempt_tells_incarnations_apart_where_no_session_does() -> None:
    first = call(attempt=1).ringing(id="a").ended("busy", id="b")
    second = (
        call(attempt=2)
        .ringing(id="c", at=600)
        .answered(id="d", at=601)
        .ended("caller_hangup", id="e", at=602)
    )
    shown = simulated(first, second)
    assert [(one["incarnation"], one["verdict"]) for one in shown] == [(1, "NOT_CONNECTED"), (2, "PREMATURE")]


@pytest.mark.parametrize("named", [{"attempt": 2}, {"session_id": "two"}])
def test_a_call_that_is_over_and_stated_nothing_is_not_the_next_one(named: dict[str, object]) -> None:
    again = call(**named).answered(id="c", at=60).node("resolved", id="d", at=65)
    shown = simulated(call().ringing().ended("no_answer", at=10), again.ended("completed", id="e", at=70))
    assert [(one["incarnation"], one["verdict"]) for one in shown] == [(1, "NOT_CONNECTED"), (2, "PROPER")]
    assert [one["upgrades"] for one in shown] == [[], []]


def test_an_event_without_a_session_belongs_to_the_newest() -> None:
    plain = call().says("analytics.completed", at=2000, id="x")
    shown = simulated(session("one", 0), session("two", 1000), plain)
    assert [one["events"]["applied"] for one in shown] == [3, 4]


def test_an_event_that_states_an_older_session_belongs_to_it() -> None:
    old = call(session_id="one").says("analytics.completed", at=2000, id="x")
    shown = simulated(session("one", 0), session("two", 1000), old)
    assert [one["events"]["applied"] for one in shown] == [4, 3]


def test_whatever_its_type_an_event_of_a_new_session_opens_an_incarnation() -> None:
    other = call(session_id="two").says("analytics.completed", at=2000, id="x")
    shown = simulated(session("one", 0), other)
    assert [(one["incarnation"], one["verdict"]) for one in shown] == [(1, "PROPER"), (2, None)]


def test_a_known_id_is_a_duplicate_wherever_it_belongs() -> None:
    again = call(session_id="two").says("call.answered", at=2000, id="one-1")
    shown = simulated(session("one", 0), again)
    assert [(one["incarnation"], one["events"]["duplicate"]) for one in shown] == [(1, 1)]


def test_a_duplicate_of_what_waits_belongs_to_the_incarnation_that_it_will_open() -> None:
    two = session("two", 1)
    shown = simulated(session("one", 0), two, Story("c1", two.lines))
    assert [(one["incarnation"], one["events"]["duplicate"]) for one in shown] == [(1, 0), (2, 3)]


def test_what_comes_long_after_a_call_is_late_only_if_it_is_evidence() -> None:
    story = (
        RESOLVED.ended("end_node", at=10).says("analytics.completed", at=9000).says("billing.done", at=9001)
    )
    assert judged(story)["events"]["applied"] == 6
    assert judged(story.says("transfer.bridged", at=5, arrived=9002))["events"]["late"] == 1


def test_a_hash_in_a_call_id_is_not_an_incarnation() -> None:
    shown = simulated(
        session("one", 0), session("two", 1000), call("c1#2").node("resolved").ended("end_node")
    )
    assert [(one["call_id"], one["incarnation"]) for one in shown] == [("c1", 1), ("c1", 2), ("c1#2", 1)]
    assert len({delivery(one, "crm")["headers"]["webhook-id"] for one in shown}) == 3


def test_calls_stand_in_the_order_of_their_first_arrival() -> None:
    late = call("late").answered(at=0, arrived=50).ended("completed", at=1, arrived=51)
    early = call("early").answered(at=10).ended("completed", at=11)
    assert [one["call_id"] for one in simulated(late, early)] == ["early", "late"]


# R18
def test_the_key_of_a_delivery_is_neither_its_url_nor_the_version_of_the_workflow() -> None:
    story = RESOLVED.ended("end_node")
    moved = workflow({"id": "crm", "type": "post_call_api", "url": "https://else.example.com"}, version=2)
    hooks = {**STANDARD[1], "webhooks": {"call.ended": {"url": "https://else.example.com/x"}}}
    first, second = judged(story), simulated(story, documents=(moved, hooks))[0]
    for id_ in ("crm", "call.ended"):
        assert delivery(first, id_)["headers"]["webhook-id"] == delivery(second, id_)["headers"]["webhook-id"]
        assert delivery(first, id_)["url"] != delivery(second, id_)["url"]
