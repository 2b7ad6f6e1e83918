"""Only what is handled without a gap is committed, whatever the order of the acknowledgements."""

import random

from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.progress import Progress


def delivered(*offsets: int) -> Progress:
    """Progress of a partition whose messages at these offsets were delivered."""
    progress = Progress()
    for offset in offsets:
        progress.deliver(offset)
    return progress


def test_nothing_is_committed_before_the_first_message_is_handled() -> None:
    progress = delivered(0, 1, 2)
    progress.ack(1)
    progress.ack(2)
    assert progress.position is None


def test_the_commit_stops_at_the_message_still_in_work() -> None:
    progress = delivered(10, 11, 12)
    progress.ack(10)
    progress.ack(12)
    assert progress.position == 11


def test_offsets_that_kafka_never_delivered_are_no_gap() -> None:
    progress = delivered(3, 7, 20)
    for offset in (20, 3, 7):
        progress.ack(offset)
    assert progress.position == 21


def test_an_offset_gap_does_not_acknowledge_the_message_behind_it() -> None:
    progress = delivered(100, 105, 106)
    progress.ack(100)
    progress.ack(106)
    assert progress.position == 101


def test_a_message_of_before_the_seek_moves_nothing() -> None:
    progress = delivered(5, 6)
    progress.ack(4)
    progress.ack(7)
    assert progress.position is None


@given(st.sets(st.integers(0, 500), min_size=1, max_size=60), st.randoms(use_true_random=False), st.data())
def test_everything_below_the_committed_offset_is_handled(
    offsets: set[int], order: random.Random, data: st.DataObject
) -> None:
    progress = delivered(*sorted(offsets))
    acked = data.draw(st.lists(st.sampled_from(sorted(offsets))))
    order.shuffle(acked)
    for offset in acked:
        progress.ack(offset)
    below = [offset for offset in offsets if offset < (progress.position or 0)]
    assert set(below) <= set(acked)
    assert len(below) + progress.waiting == len(offsets)
