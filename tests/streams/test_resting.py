"""What a replay may need is kept, and nothing of it makes a live row longer."""

import msgspec

from schemas import wire
from schemas.delivery import Answered
from streams.settling import forgotten_at
from tests.builders import call, second
from tests.streams.engine import Engine
from tests.streams.replays import CHAIN, given_up
from tests.streams.tales import documents


def test_a_call_with_a_dead_node_rests_with_its_nodes_and_the_request() -> None:
    told = given_up()
    assert told.row.settled
    assert told.states() == {
        "crm": "dead",
        "mail": "skipped",
        "thanks": "skipped",
        "alarm": "done",
        "log": "done",
    }
    assert sorted(key.sort for key in told.parts) == ["a", "a", "r"]
    assert len(wire.row(told.row)) < 2500


def test_a_resting_call_is_remembered_from_when_it_came_to_rest() -> None:
    assert forgotten_at(given_up().row) == second(600)


def test_a_resting_call_with_a_verdict_takes_no_event_of_another_session() -> None:
    told = given_up().hear(call().answered(agent_id="bot", id="n", session_id="2"))
    assert [one.number for one in told.row.conversations] == [1, 2]


def test_a_late_event_leaves_a_resting_call_at_rest() -> None:
    told = given_up().hear(call().node("greet", at=-5, id="late"))
    assert (told.counts["events", "late"], told.row.settled) == (1, True)
    assert told.replay("crm").reply("crm").states()["crm"] == "done"


def test_a_thousand_dead_webhooks_do_not_lengthen_the_row() -> None:
    told = Engine(documents(CHAIN, "turn.completed")).hear(call().answered(agent_id="bot", id="a"))
    for number in range(1000):
        told.hear(call().turn(id=f"t{number:03}")).reply("turn.completed", Answered(410)).acknowledge()
    fingerprints = len(told.row.seen)
    assert len(wire.row(told.row)) - fingerprints < 1000
    assert sum(key.sort == "d" for key in told.parts) == told.row.buried == 1000


def test_a_row_without_what_replays_need_is_read() -> None:
    said = msgspec.msgpack.decode(wire.row(given_up().row)[1:])
    del said["conversations"][0]["rested_at"]
    row = wire.read_call(bytes([wire.FORMAT]) + msgspec.msgpack.encode(said))
    assert (row.buried, row.conversations[0].replays, row.conversations[0].rested_at) == (0, 0, None)
