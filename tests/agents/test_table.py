"""The rows of a call: parts before the row that names them, one kind of row at a time, nothing left over."""

import pytest
from msgspec.structs import replace

from agents.kafka.changelog import MOST_BYTES, TooLarge
from agents.tenure import waiting
from schemas import keys
from schemas.calls import Call, Conversation, Heard, PartKey, Past
from schemas.delivery import Delivery, State
from schemas.messages import Tick
from streams import machine
from streams.effects import Step
from tests.agents.partitions import Rows, tenure
from tests.builders import START, call, second
from tests.streams.tales import POLICY, documents

LIVE = Call("c1", conversations=(Conversation(1, START),))
SETTLED = Call("c1", past=(Past(1, START, None),))
HEARD = (PartKey("c1", 1, "h", 0), Heard(call().turn().events[0]))


def step(row: Call, *parts: tuple[PartKey, Heard], forgotten: tuple[PartKey, ...] = ()) -> Step:
    return Step(row, parts, forgotten, (), (), ())


def test_parts_are_written_before_the_row_in_one_step() -> None:
    rows = Rows()
    tenure(rows).table.write(None, step(LIVE, HEARD))
    [written] = rows.writes
    assert list(written) == [keys.part(HEARD[0]), keys.live("c1")]


def test_what_was_written_is_read() -> None:
    table = tenure(Rows()).table
    table.write(None, step(LIVE, HEARD))
    assert (table.call("c1"), table.part(HEARD[0])) == (LIVE, HEARD[1])
    assert list(table.live()) == [LIVE]
    with pytest.raises(KeyError):
        table.part(PartKey("c1", 1, "h", 1))


def test_a_call_has_one_row_whichever_way_it_goes() -> None:
    rows = Rows()
    table = tenure(rows).table
    table.write(None, step(LIVE, HEARD))
    table.write(LIVE, step(SETTLED, forgotten=(HEARD[0],)))
    assert list(rows.kept) == [keys.settled("c1")]
    table.write(SETTLED, step(LIVE))
    assert list(rows.kept) == [keys.live("c1")]


def test_a_step_that_changes_nothing_writes_nothing() -> None:
    rows = Rows()
    table = tenure(rows).table
    table.write(LIVE, step(LIVE))
    assert rows.writes == []


def test_a_message_about_a_forgotten_call_leaves_no_row() -> None:
    rows = Rows()
    table = tenure(rows).table
    came = machine.step(None, Tick("c1", START, silent=True), START, table, documents(None), POLICY)
    table.write(None, came)
    assert rows.kept == {}


def test_a_row_that_kafka_would_refuse_writes_nothing_of_its_step() -> None:
    rows = Rows()
    huge = Call("c1", seen=b"x" * MOST_BYTES)
    with pytest.raises(TooLarge):
        tenure(rows).table.write(None, step(huge, HEARD))
    assert rows.kept == {}


def test_a_row_leaves_as_much_as_it_is_asked_to() -> None:
    table = tenure(Rows()).table
    large = Call("c1", seen=b"x" * (MOST_BYTES - 1000))
    with pytest.raises(TooLarge, match="expected at most"):
        table.write(None, step(large), 2000)
    table.write(None, step(large), 0)


def test_forgetting_takes_the_call_and_whatever_parts_are_left() -> None:
    rows = Rows()
    table = tenure(rows).table
    table.write(None, step(SETTLED, HEARD))
    table.write(None, step(Call("c10", past=SETTLED.past)))
    table.forget("c1")
    assert list(rows.kept) == [keys.settled("c10")]


def test_a_tenure_counts_as_due_what_it_is_to_send_itself() -> None:
    one = tenure(Rows())
    started = Delivery("node", "n", "d", 1, State.STARTED, START)
    announced = replace(started, delivery_id="e", due=second(9))
    both = Call("c1", deliveries=(started, announced))
    one.changed(None, both)
    assert (one.due, one.parked) == (1, 0)
    assert [waiting([one, one], in_flight) for in_flight in (0, 1, 3)] == [2, 1, 0]
    one.changed(both, SETTLED)
    assert one.due == 0


def test_a_tenure_counts_its_live_calls_and_parked_deliveries() -> None:
    one = tenure(Rows())
    parked = Call("c1", deliveries=(Delivery("node", "n", "d", 1, State.PARKED, START, due=second(9)),))
    one.changed(None, LIVE)
    one.changed(LIVE, parked)
    assert (one.calls, one.parked) == (1, 1)
    one.changed(parked, SETTLED)
    assert (one.calls, one.parked) == (0, 0)


def test_an_erased_call_loses_every_part_of_whatever_sort_and_no_other_call_does() -> None:
    rows = Rows()
    table = tenure(rows).table
    others = PartKey("c1", 2, "d", 7), PartKey("c1", 0, "k", 0)
    for call_id in ("c1", "c10"):
        parts = tuple((replace(key, call_id=call_id), HEARD[1]) for key in (HEARD[0], *others))
        table.write(None, step(Call(call_id, conversations=LIVE.conversations), *parts))
    table.write(LIVE, Step(SETTLED, (), (), (), (), (), erased=True))
    left = [keys.part(replace(key, call_id="c10")) for key in (HEARD[0], *others)]
    assert sorted(rows.kept) == sorted([*left, keys.live("c10"), keys.settled("c1")])
