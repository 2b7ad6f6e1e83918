"""The rows of a step go to Kafka in one batch when they fit, and in their order when not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.changelog import MOST_BYTES, Row, TooLarge, batches, check_size

rows = st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=40).map(
    lambda drawn: [Row(b"%d" % n, b"x" * size, step) for n, (size, step) in enumerate(numbered(drawn))]
)


def numbered(drawn: list[tuple[int, bool]]) -> list[tuple[int, int]]:
    """Sizes with the number of the step they belong to; True begins the next step."""
    step, out = 0, []
    for size, begins in drawn:
        step += begins
        out.append((size, step))
    return out


def test_a_step_that_fits_one_batch_is_not_cut() -> None:
    step_1 = [Row(b"part", b"x" * 200, 1), Row(b"live", b"x" * 200, 1)]
    step_2 = [Row(b"part2", b"x" * 200, 2), Row(b"live2", b"x" * 200, 2)]
    # A row of the second step would still fit into the first batch.
    assert list(batches([*step_1, *step_2], room=1000)) == [step_1, step_2]


def test_small_steps_share_a_batch() -> None:
    both = [Row(b"a", b"1", 1), Row(b"b", b"2", 2)]
    assert list(batches(both, room=1000)) == [both]


def test_a_step_larger_than_a_batch_writes_its_live_row_last() -> None:
    parts = [Row(b"part%d" % n, b"x" * 900, 1) for n in range(3)]
    live = Row(b"live", b"names the parts", 1)
    cut = list(batches([*parts, live], room=1000))
    assert len(cut) > 1
    assert cut[-1][-1] == live


def test_a_row_that_kafka_would_refuse_is_refused_before() -> None:
    check_size(b"k", b"x" * (MOST_BYTES - 1))
    with pytest.raises(TooLarge, match=f"{MOST_BYTES + 1} bytes; expected at most {MOST_BYTES}"):
        check_size(b"k", b"x" * MOST_BYTES)


@given(rows)
def test_cutting_keeps_every_row_and_its_place(written: list[Row]) -> None:
    assert [row for batch in batches(written, room=1000) for row in batch] == written


@given(rows)
def test_no_batch_exceeds_its_room_but_for_a_single_row(written: list[Row]) -> None:
    for batch in batches(written, room=300):
        assert len(batch) == 1 or sum(row.size for row in batch) <= 300


@given(rows)
def test_only_a_step_larger_than_a_batch_spans_two(written: list[Row]) -> None:
    homes: dict[int, set[int]] = {}
    for number, batch in enumerate(batches(written, room=1000)):
        for row in batch:
            homes.setdefault(row.step, set()).add(number)
    for step, home in homes.items():
        assert len(home) == 1 or sum(row.size for row in written if row.step == step) > 1000
