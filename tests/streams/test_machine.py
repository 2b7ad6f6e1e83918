"""One message, one call: every sort of message does what it is for, and nothing else."""

from datetime import timedelta
from itertools import pairwise

import pytest

from schemas import wire
from schemas.delivery import Answered, State
from schemas.messages import Emitted, Replied, Tick
from streams import machine
from streams.effects import Emit, Start
from tests.builders import CallStory, call, second
from tests.streams.engine import OK, Engine
from tests.streams.tales import CHAIN, api, documents, flow

ONE = flow((api("crm", {"id": "{{ call.id }}"}),), "resolved>crm")
PROPER = call().answered(agent_id="bot").node("resolved", end=True).ended("end_node", end_node_id="resolved")


def test_a_proper_end_asks_for_its_first_nodes_at_once() -> None:
    engine = Engine(documents(CHAIN)).hear(PROPER)
    assert engine.asked == ["crm"]
    assert engine.states() == {"crm": "started", "mail": "waiting", "alarm": "waiting", "log": "waiting"}


@pytest.mark.parametrize("reason", ["caller_hangup", "agent_error", "unknown"])
def test_a_premature_end_asks_for_no_node(reason: str) -> None:
    engine = (
        Engine(documents(CHAIN)).hear(call().answered(agent_id="bot").node("greet").ended(reason)).wait(9e5)
    )
    assert engine.asked == []
    assert engine.told("call.outcome")[0]["verdict"] == "PREMATURE"


def test_an_event_that_is_known_changes_nothing() -> None:
    engine = Engine(documents(ONE)).hear(PROPER)
    before = engine.row
    engine.hear(PROPER)
    assert engine.row == before
    assert engine.counts["events", "duplicate"] == 3


def test_a_message_about_a_call_that_nobody_knows_leaves_nothing() -> None:
    for message in (Tick("c1", second(9), True), Emitted("c1", 4), Replied("c1", "x", 1, OK, second(0), 0.1)):
        step = Engine(documents(ONE)).fold(message).steps[0]
        assert (step.call, step.effects, step.parts) == (machine.Call("c1"), (), ())


def test_the_grace_is_open_until_its_tick_is_folded() -> None:
    engine = Engine(documents(ONE)).hear(call().answered(agent_id="bot").ended("completed"))
    engine.now += timedelta(hours=1)
    engine.hear(CallStory("c1", call().node("resolved", end=True, id="late", at=0.5).events))
    assert engine.told("call.outcome") == []
    engine.wait(0)
    assert engine.told("call.outcome")[0]["verdict"] == "PROPER"


def test_a_tick_that_comes_before_its_time_closes_nothing() -> None:
    engine = Engine(documents(ONE)).hear(call().answered(agent_id="bot").ended("completed"))
    before = engine.row
    assert engine.fold(Tick("c1", second(1), True)).row == before


def test_a_plain_tick_closes_no_window_however_late_it_is() -> None:
    engine = Engine(documents(ONE)).hear(call().answered(agent_id="bot").ended("completed"))
    before = engine.row
    assert engine.fold(Tick("c1", second(1e6), False)).row == before


def test_a_tick_that_comes_twice_starts_one_attempt() -> None:
    engine = Engine(documents(ONE)).hear(PROPER).reply("crm", Answered(500))
    due = engine.delivery("crm").due
    assert due is not None
    engine.fold(Tick("c1", due, False)).fold(Tick("c1", due, False))
    assert engine.asked == ["crm", "crm"]


def test_an_announced_attempt_is_waited_for_until_it_is_over() -> None:
    engine = Engine(documents(ONE)).hear(PROPER)
    engine.announce("crm", second(20))
    assert machine.resumed(engine.row)[-1:] != (Start("c1", engine.delivery("crm")),)
    assert engine.wait(19).asked == ["crm"]
    assert engine.wait(2).asked == ["crm", "crm"]
    assert [one.attempt for one in engine.started] == [1, 1]


def test_the_reply_to_an_announced_attempt_is_taken() -> None:
    engine = Engine(documents(ONE)).hear(PROPER).announce("crm", second(20)).reply("crm")
    assert engine.states() == {"crm": "done"}
    assert engine.wait(60).asked == ["crm"]


def test_an_announcement_of_an_attempt_that_was_answered_is_nothing() -> None:
    engine = Engine(documents(ONE)).hear(PROPER).reply("crm", Answered(500))
    due = engine.delivery("crm").due
    assert engine.announce("crm", second(99)).delivery("crm").due == due


def test_a_record_is_owed_until_the_broker_has_acknowledged_it() -> None:
    engine = Engine(documents(ONE)).hear(PROPER)
    assert [one.number for one in engine.row.owed] == [1]
    engine.reply("crm")
    engine.fold(Emitted("c1", 1))
    assert [one.number for one in engine.row.owed] == [2, 3]
    assert engine.acknowledge().row.owed == ()


def test_a_new_owner_emits_what_is_owed_and_makes_what_is_to_be_made() -> None:
    both = flow((api("crm"), api("log")), "resolved>crm resolved>log")
    engine = Engine(documents(both)).hear(PROPER).reply("log", Answered(500))
    resumed = machine.resumed(engine.row)
    assert [effect.owed.number for effect in resumed if isinstance(effect, Emit)] == [1, 2]
    assert [effect.delivery.id for effect in resumed if isinstance(effect, Start)] == ["crm"]


def test_an_attempt_is_to_be_made_until_it_is_answered_or_announced() -> None:
    engine = Engine(documents(ONE)).hear(PROPER)
    asked = engine.started[0].delivery_id
    assert machine.to_be_made(engine.row, asked, 1) == engine.delivery("crm")
    assert machine.to_be_made(engine.row, asked, 2) is None
    assert (
        machine.to_be_made(Engine(documents(ONE)).hear(PROPER).announce("crm", second(9)).row, asked, 1)
        is None
    )
    assert machine.to_be_made(engine.reply("crm").row, asked, 1) is None


def test_a_turn_adds_eight_bytes_to_the_row_and_no_more() -> None:
    story = call().answered(agent_id="bot")
    for _ in range(300):
        story = story.turn("a sentence that is long enough to be seen if it were kept in the row")
    engine = Engine(documents(ONE))
    sizes = [len(wire.row(engine.hear([event]).row)) for event in story.events]
    growth = [after - before for before, after in pairwise(sizes[2:])]
    assert max(growth) <= 8 + 2, "8 bytes of fingerprint; a length that needs one byte more now and then"
    assert sizes[-1] - sizes[2] <= 8 * len(growth) + 16


def test_a_test_call_runs_and_says_so() -> None:
    engine = Engine(documents(ONE)).hear([*call().queued(is_test=True, id="q").events, *PROPER.events])
    headers = dict(engine.requests["crm"].request.headers)
    assert headers["postcall-test"] == ("true",)


def test_a_workflow_that_skips_test_calls_skips_all_their_nodes() -> None:
    skipping = flow((api("crm"),), "resolved>crm", test_calls="skip")
    engine = Engine(documents(skipping)).hear([*call().queued(is_test=True, id="q").events, *PROPER.events])
    assert engine.asked == []
    assert engine.told("call.settled")[0]["deliveries"][0]["why"] == "test_call"


def test_whose_call_it_is_may_be_said_after_its_end_within_the_grace() -> None:
    engine = Engine(documents(ONE)).hear(reversed(PROPER.events)).wait(3)
    assert engine.asked == ["crm"]


def test_what_is_due_is_told_apart_by_what_may_conclude_from_silence() -> None:
    engine = Engine(documents(ONE)).hear(PROPER)
    assert machine.due(engine.row) == (None, engine.conversation.window_until)
    engine.reply("crm", Answered(500))
    assert engine.delivery("crm").state is State.PARKED
    assert machine.due(engine.row)[0] == engine.delivery("crm").due
