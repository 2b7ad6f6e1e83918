"""A call that is over shrinks to what keeps it from happening twice; a lost one rests and can revive."""

from schemas import wire
from schemas.delivery import Answered
from streams import machine
from streams.settling import forgotten_at
from tests.builders import START, call, second
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

ONE = documents(flow((api("crm"),), "resolved>crm"))
PROPER = call().answered(agent_id="bot").turn("hello").ended("end_node", end_node_id="resolved")


def test_a_call_is_settled_when_its_window_is_over_and_nothing_is_owed_or_pending() -> None:
    told = Engine(ONE).hear(PROPER)
    told.wait(601).acknowledge()
    assert not told.row.settled, "crm has no answer yet"
    told.reply("crm")
    assert not told.row.settled, "its records are owed"
    assert told.acknowledge().row.settled


def test_a_settled_call_keeps_its_ids_and_hardly_anything_else() -> None:
    told = Engine(ONE).hear(PROPER).reply("crm").acknowledge().wait(601)
    assert (told.row.conversations, told.row.deliveries, told.parts) == ((), (), {})
    assert len(wire.row(told.row)) < 150
    assert told.hear(PROPER).counts["events", "duplicate"] == 3


def test_of_a_settled_call_it_is_known_when_it_ended_and_what_came_after_is_ignored() -> None:
    told = Engine(ONE).hear(PROPER).reply("crm").acknowledge().wait(601)
    told.hear(call().turn("still there?", at=-1, id="before").turn("hello?", at=900, id="after"))
    assert (told.counts["events", "late"], told.counts["events", "ignored"]) == (1, 1)


def test_a_settled_call_wants_no_tick() -> None:
    told = Engine(ONE).hear(PROPER).reply("crm").acknowledge().wait(601)
    assert machine.due(told.row) == (None, None)


def test_a_delivery_that_is_tried_again_keeps_the_call_open() -> None:
    told = Engine(ONE).hear(PROPER).reply("crm", Answered(500)).acknowledge()
    told.now = second(601)
    told.fold(machine.Tick("c1", second(601), silent=True)).acknowledge()
    assert not told.row.settled


def test_a_lost_call_rests_with_its_evidence_and_any_sign_of_life_raises_it() -> None:
    told = Engine(ONE).hear(call().answered(agent_id="bot", id="a")).wait(3661).acknowledge().wait(601)
    assert (told.row.settled, machine.due(told.row)) == (True, (None, None))
    told.now += 86400 * (second(1) - START)
    told.hear(call().ended("end_node", end_node_id="resolved", id="z"))
    assert told.told("call.outcome_upgraded")[0]["verdict"] == "PROPER"
    assert told.asked == ["crm"]


def test_a_lost_call_that_revived_settles_for_good() -> None:
    told = Engine(ONE).hear(call().answered(agent_id="bot", id="a")).wait(3661).acknowledge().wait(601)
    told.hear(call().ended("end_node", end_node_id="resolved", id="z")).reply("crm").acknowledge().wait(601)
    assert (told.row.conversations, told.row.settled) == ((), True)


def test_a_call_of_which_only_a_transcript_came_rests_without_a_timer() -> None:
    told = Engine(ONE).hear(call().says("transcript.ready", id="t")).hear(call().says("a.b", id="u"))
    assert (told.row.settled, machine.due(told.row)) == (True, (None, None))
    assert told.hear(PROPER).asked == ["crm"]


def test_one_incarnation_settles_while_another_goes_on() -> None:
    told = Engine(ONE)
    told.hear(call().answered(agent_id="bot", id="a", session_id="1").ended("busy", id="b", session_id="1"))
    told.wait(3).acknowledge().wait(500)
    told.hear(call().answered(agent_id="bot", id="c", session_id="2")).wait(200)
    assert [one.number for one in told.row.past] == [1]
    assert [one.number for one in told.row.conversations] == [2]


def test_what_is_not_settled_is_not_forgotten() -> None:
    told = Engine(ONE).hear(PROPER)
    assert forgotten_at(told.row) is None
    settled_at = told.reply("crm").acknowledge().wait(601).row.past[0].settled_at
    assert forgotten_at(told.row) == settled_at


def test_a_resting_call_counts_from_its_verdict() -> None:
    told = Engine(ONE).hear(call().answered(agent_id="bot", id="a")).wait(3661).acknowledge().wait(601)
    assert forgotten_at(told.row) == second(3660)
