"""An erased call leaves its ids and nothing else, sends nothing more, and does not come back."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.calls import Call
from schemas.delivery import Answered
from schemas.messages import Erase, Replay, Replied
from streams.machine import due, to_be_made
from tests.builders import CallStory, call, second
from tests.streams.engine import OK, Engine
from tests.streams.tales import api, documents, flow

DATA = b"ada@example.com"
BODY = {"who": "{{ variables.email }}"}
FLOW = flow((api("crm", BODY), api("mail", BODY)), "resolved>crm crm>mail")
HOOKS = ("variables.updated", "call.ended", "call.settled")


def engine() -> Engine:
    return Engine(documents(FLOW, *HOOKS))


def told(**more: Any) -> CallStory:
    said = {"email": DATA.decode()}
    story = (
        call().answered(agent_id="bot", **{"from": DATA.decode()}).says("variables.updated", variables=said)
    )
    return story.node("resolved", end=True).ended("end_node", end_node_id="resolved", **more)


def left(of: Engine) -> bytes:
    return b"".join((wire.row(of.row), *of.parts.values()))


def test_the_search_finds_the_data_of_a_call_that_is_not_erased() -> None:
    assert DATA in left(engine().hear(told()))


def test_an_erased_call_keeps_its_ids_and_nothing_else() -> None:
    erased = engine().hear(told(session_id="one")).fold(Erase("c1"))
    assert (erased.parts, erased.row.conversations, erased.row.deliveries) == ({}, (), ())
    assert DATA not in left(erased)
    (past,) = erased.row.past
    assert (past.number, past.erased, past.verdict, past.agent_id, past.ended_at) == (
        1,
        True,
        None,
        None,
        None,
    )
    assert past.session != b""


def test_what_is_pending_is_cancelled_and_told_of() -> None:
    erased = engine().hear(told()).reply("crm", Answered(500)).fold(Erase("c1"))
    (record,) = erased.told("call.settled")
    nodes = {one["id"]: one["result"] for one in record["deliveries"] if one["kind"] == "node"}
    assert nodes == {"crm": "erased", "mail": "erased"}
    assert erased.counts["settled", "node", "erased"] == 1
    asked = list(erased.asked)
    assert erased.acknowledge().wait(9e5).asked == asked


def test_no_webhook_tells_what_was_to_be_erased() -> None:
    erased = engine().hear(told()).fold(Erase("c1"))
    assert "call.settled" not in erased.asked


def test_actions_that_were_final_are_not_told_of_again() -> None:
    erased = engine().hear(told()).reply("crm").reply("mail").fold(Erase("c1"))
    assert len(erased.told("call.settled")) == 1


def test_records_that_are_owed_still_go_out_and_hold_no_data() -> None:
    erased = engine().hear(told()).reply("crm", Answered(404)).fold(Erase("c1"))
    assert [owed.topic for owed in erased.row.owed][-1] == "call-outcomes"
    assert DATA not in b"".join(owed.value for owed in erased.row.owed)
    assert erased.acknowledge().row.owed == ()
    assert erased.row.settled


def test_a_reply_to_what_was_under_way_is_stale() -> None:
    erased = engine().hear(told())
    asked = next(one for one in erased.started if one.id == "crm")
    erased.fold(Erase("c1"))
    before = erased.row
    erased.fold(Replied("c1", asked.delivery_id, 1, OK, second(9), 0.1))
    assert (erased.row, erased.parts, erased.counts["notes", "stale_reply"]) == (before, {}, 1)


def test_what_waits_in_a_lane_is_not_to_be_made_any_more() -> None:
    erased = engine().hear(told())
    asked = next(one for one in erased.started if one.id == "crm")
    assert to_be_made(erased.row, asked.delivery_id, 1)
    assert to_be_made(erased.fold(Erase("c1")).row, asked.delivery_id, 1) is None


def test_later_events_are_ignored_and_stored_nowhere() -> None:
    erased = engine().hear(told()).fold(Erase("c1"))
    before, asked = erased.row, list(erased.asked)
    late = (
        call()
        .says("variables.updated", id="late", variables={"email": DATA.decode()})
        .ended("busy", id="end")
    )
    erased.hear(late)
    assert (erased.row, erased.parts, erased.asked) == (before, {}, asked)
    assert erased.counts["events", "ignored"] == 2


def test_events_that_are_told_again_are_duplicates() -> None:
    erased = engine().hear(told()).fold(Erase("c1")).hear(told())
    assert erased.counts["events", "duplicate"] == 4
    assert erased.parts == {}


def test_another_session_under_the_call_id_is_a_new_conversation() -> None:
    erased = engine().hear(told(session_id="one")).fold(Erase("c1"))
    erased.hear(call().answered(id="new", session_id="two", agent_id="bot"))
    assert erased.conversation.number == 2


def test_what_was_kept_for_the_next_conversation_is_erased_too() -> None:
    erased = engine().hear(call().answered(session_id="one"))
    erased.hear(
        call().says("variables.updated", id="x", session_id="two", variables={"email": DATA.decode()})
    )
    assert DATA in left(erased)
    assert DATA not in left(erased.fold(Erase("c1")))
    assert (erased.row.kept, erased.row.conversations) == ((), ())


def test_erasing_an_unknown_call_leaves_no_row() -> None:
    step = engine().fold(Erase("c1")).steps[0]
    assert (step.call, step.parts, step.effects, step.erased) == (Call("c1"), (), (), False)


def test_erasing_twice_changes_nothing_more() -> None:
    erased = engine().hear(told()).fold(Erase("c1"))
    before = erased.row
    assert erased.fold(Erase("c1")).row == before
    assert erased.steps[-1].effects == ()


def test_a_settled_call_is_erased_as_well() -> None:
    erased = engine().hear(told()).reply("crm").reply("mail")
    for hook in HOOKS:
        erased.reply(hook)
    erased.acknowledge().wait(9e5).acknowledge()
    assert erased.row.settled
    assert [past.erased for past in erased.row.past] == [False]
    assert [past.erased for past in erased.fold(Erase("c1")).row.past] == [True]


@given(st.integers(0, 4), st.lists(st.sampled_from(["wait", "reply", "tell", "erase"]), max_size=6))
def test_whatever_happened_before_and_comes_after_nothing_is_left(heard: int, then: list[str]) -> None:
    erased = engine().hear(told().events[:heard]).fold(Erase("c1"))
    if heard == 0:
        return
    asked = list(erased.asked)
    for what in then:
        match what:
            case "wait":
                erased.wait(100)
            case "reply" if erased.started:
                erased.reply(erased.started[-1].id)
            case "tell":
                erased.hear(told())
            case _:
                erased.fold(Erase("c1"))
    erased.acknowledge()
    assert (erased.asked, erased.parts, erased.row.deliveries, due(erased.row)) == (
        asked,
        {},
        (),
        (None, None),
    )
    assert DATA not in left(erased) + orjson.dumps(erased.records)


@pytest.mark.parametrize("kind", ["transcript.ready", "call.answered"])
def test_an_erased_call_of_which_no_session_was_stated_takes_in_no_data(kind: str) -> None:
    erased = engine().hear(told()).fold(Erase("c1"))
    erased.hear(call().says(kind, id="late"))
    assert erased.counts["events", "ignored"] == 1


def test_a_dead_webhook_of_an_erased_call_is_not_replayed() -> None:
    given_up = engine().hear(told()).reply("variables.updated", Answered(410))
    assert given_up.row.buried == 1
    erased = given_up.fold(Erase("c1")).fold(Replay("c1"))
    assert (erased.parts, erased.row.buried, erased.row.deliveries) == ({}, 0, ())
    assert erased.steps[-1].effects == ()
