"""Settled calls are forgotten when their time is over, a slice at a time, and no others."""

from agents.sweep import SLICE, first, sweep
from agents.tenure import Tenure
from schemas.calls import Call, Conversation, Past
from schemas.messages import Sweep
from streams.effects import Step
from tests.agents.partitions import Rows, tenure
from tests.builders import START, second


def settled(call_id: str, at: float) -> Call:
    return Call(call_id, past=(Past(1, second(at), None),))


def partition(*calls: Call) -> Tenure:
    one = tenure(Rows())
    for call in calls:
        one.table.write(None, Step(call, (), (), (), (), ()))
    return one


def test_what_was_settled_before_is_forgotten_and_what_was_not_is_kept() -> None:
    one = partition(settled("old", 1), settled("new", 9))
    assert sweep(one, first(second(5))) is None
    assert one.table.call("old") is None
    assert one.table.call("new") is not None


def test_a_live_call_is_never_swept() -> None:
    one = partition(Call("live", conversations=(Conversation(1, START),)))
    sweep(one, first(second(1e9)))
    assert one.table.call("live") is not None


def test_a_lost_call_that_rests_is_swept_in_its_time() -> None:
    one = partition(
        Call("lost", conversations=(Conversation(1, START, resting=True, decided_at=second(60)),))
    )
    sweep(one, first(second(60)))
    assert one.table.call("lost") is not None
    sweep(one, first(second(61)))
    assert one.table.call("lost") is None


def test_a_sweep_goes_on_where_its_slice_ended_until_the_partition_is_through() -> None:
    one = partition(*(settled(f"c{number:04}", 1) for number in range(2 * SLICE + 7)))
    message: Sweep | None = first(second(5))
    slices = 0
    while message is not None:
        message, slices = sweep(one, message), slices + 1
    assert slices == 3
    assert list(one.table.sweep(b"", 9)) == []
