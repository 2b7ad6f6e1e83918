"""A call id used again is another call: its events open the next incarnation, and lose nothing (R17)."""

from schemas.events import Event
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

ONE = flow((api("crm"),), "resolved>crm")
FIRST = {"session_id": "s1", "agent_id": "bot"}
SECOND = {"session_id": "s2", "agent_id": "bot"}


def engine() -> Engine:
    return Engine(documents(ONE, "conversation.started", "analytics.completed"))


def proper(said: dict[str, str], prefix: str) -> tuple[Event, ...]:
    story = call().answered(id=prefix + "1", **said).node("resolved", end=True, id=prefix + "2", **said)
    return story.ended("end_node", end_node_id="resolved", id=prefix + "3", **said).events


def test_an_event_of_another_session_is_kept_until_the_newest_call_is_decided() -> None:
    told = engine().hear(call().answered(id="a", **FIRST)).hear(proper(SECOND, "b"))
    assert (len(told.row.kept), len(told.row.conversations)) == (3, 1)
    told.hear(call().ended("caller_hangup", id="z", **FIRST)).wait(3)
    assert told.row.kept == ()
    verdicts = [(one["incarnation"], one["verdict"]) for one in told.told("call.outcome")]
    assert verdicts == [(1, "PREMATURE"), (2, "PROPER")]
    assert told.asked == ["crm"]


def test_what_was_kept_of_several_calls_opens_one_after_the_other() -> None:
    third = {"session_id": "s3", "agent_id": "bot"}
    told = engine().hear(call().answered(id="a", **FIRST))
    told.hear(proper(third, "c")).hear(proper(SECOND, "b")).hear(proper(FIRST, "d"))
    assert [one["incarnation"] for one in told.told("call.outcome")] == [1, 2, 3]
    assert told.asked == ["crm", "crm", "crm"]
    assert not [key for key in told.parts if key.sort == "k"]


def test_when_the_newest_is_decided_the_next_opens_at_once_whatever_the_type() -> None:
    told = engine().hear(proper(FIRST, "a")).hear(call().says("analytics.completed", id="x", **SECOND))
    assert [one.number for one in told.row.conversations] == [1, 2]
    assert told.asked == ["crm", "analytics.completed"]


def test_an_event_of_an_older_session_is_heard_by_its_own_incarnation() -> None:
    told = engine().hear(proper(FIRST, "a")).hear(call().answered(id="x", **SECOND))
    told.hear(call().says("analytics.completed", id="y", summary="late", **FIRST))
    assert {one.number: one.available for one in told.row.conversations} == {1: ("analytics",), 2: ()}


def test_an_event_that_states_nothing_belongs_to_the_newest() -> None:
    told = engine().hear(proper(FIRST, "a")).hear(call().answered(id="x", **SECOND)).hear(call().turn(id="y"))
    assert {one.number: one.available for one in told.row.conversations} == {1: (), 2: ("turns",)}


def test_an_incarnation_of_which_nobody_stated_a_session_takes_the_first() -> None:
    told = engine().hear(call().queued(id="q")).hear(proper(FIRST, "a"))
    assert [one.number for one in told.row.conversations] == [1]
    told.hear(call().answered(id="x", **SECOND))
    assert [one.number for one in told.row.conversations] == [1, 2]


def test_an_attempt_tells_calls_apart_where_no_session_is_stated() -> None:
    told = engine().hear(call().ringing(attempt=1, id="a").ended("busy", attempt=1, id="b")).wait(3)
    told.hear(call().ringing(attempt=2, id="c"))
    assert [one.number for one in told.row.conversations] == [1, 2]


def test_a_call_that_is_over_takes_no_session_of_who_speaks_of_a_call() -> None:
    for said in ({"attempt": 2}, {"session_id": "s2"}):
        told = engine().hear(call().ringing(agent_id="bot", id="a").ended("no_answer", id="b")).wait(60)
        story = call().answered(id="c", **said).node("resolved", end=True, id="d", **said)
        told.hear(story.ended("completed", id="e", **said)).wait(3)
        verdicts = [(one["incarnation"], one["verdict"]) for one in told.told("call.outcome")]
        assert verdicts == [(1, "NOT_CONNECTED"), (2, "PROPER")]
        assert told.told("call.outcome_upgraded") == []


def test_a_call_that_is_over_still_takes_the_session_of_its_transcript() -> None:
    told = engine().hear(call().answered(agent_id="bot", id="a").ended("caller_hangup", id="b")).wait(60)
    told.hear(call().says("analytics.completed", id="c", **FIRST))
    assert [(one.number, one.available) for one in told.row.conversations] == [(1, ("analytics",))]
    told.hear(call().says("analytics.completed", id="d", **SECOND))
    assert [one.number for one in told.row.conversations] == [1, 2]


def test_a_lost_call_takes_the_first_session_for_it_goes_on() -> None:
    told = engine().hear(call().ringing(id="a")).wait(3600).hear(proper(FIRST, "b"))
    assert [(one["incarnation"], one["verdict"]) for one in told.told("call.outcome_upgraded")] == [
        (1, "PROPER")
    ]
    told.hear(call().answered(id="x", **SECOND))
    assert [one.number for one in told.row.conversations] == [1, 2]


def test_a_lost_call_whose_end_was_told_takes_no_session_any_more() -> None:
    told = engine().hear(call().ringing(agent_id="bot", id="a")).wait(3600)
    told.hear(call().ended("busy", id="b")).wait(3).hear(proper(FIRST, "c"))
    assert [(one["incarnation"], one["verdict"]) for one in told.told("call.outcome")] == [
        (1, "NOT_CONNECTED"),
        (2, "PROPER"),
    ]


def test_a_lost_call_takes_no_session_once_there_is_a_newer_one() -> None:
    told = engine().hear(call().ringing(id="a", attempt=1)).wait(3600)
    told.hear(call().ringing(id="b", attempt=2).ended("busy", id="c", attempt=2)).wait(3)
    told.hear(call().ringing(id="d", session_id="s3"))
    assert [one.number for one in told.row.conversations] == [1, 2, 3]


def test_a_known_id_is_a_duplicate_wherever_it_belongs() -> None:
    told = engine().hear(proper(FIRST, "a")).hear(call().answered(id="a1", **SECOND))
    assert [one.number for one in told.row.conversations] == [1]
    assert told.counts["events", "duplicate"] == 1


def test_a_straggler_of_a_settled_call_fires_its_webhook_and_nothing_else() -> None:
    told = engine().hear(proper(FIRST, "a")).reply("crm").acknowledge().wait(601).acknowledge()
    assert told.row.conversations == ()
    told.hear(call().says("analytics.completed", id="y", **FIRST))
    assert told.asked == ["crm", "analytics.completed"]
    told.reply("analytics.completed").acknowledge()
    assert (told.row.settled, told.parts) == (True, {})


def test_a_new_call_is_not_taken_for_a_straggler_of_one_that_stated_no_session() -> None:
    unsaid = call().answered(agent_id="bot", id="a").ended("caller_hangup", id="b")
    told = engine().hear(unsaid).wait(604).acknowledge().hear(proper(FIRST, "c"))
    assert [one["verdict"] for one in told.told("call.outcome")] == ["PREMATURE", "PROPER"]


def test_a_transcript_alone_keeps_no_other_call_waiting() -> None:
    alone = call().says("transcript.ready", id="t", transcript=[], **FIRST)
    told = engine().hear(alone).hear(proper(SECOND, "b"))
    assert (told.row.kept, told.asked) == ((), ["crm"])


def test_ids_of_incarnations_do_not_mix_with_ids_of_calls() -> None:
    told = engine().hear(proper(FIRST, "a")).hear(proper(SECOND, "b"))
    assert len({one.delivery_id for one in told.started}) == 2
