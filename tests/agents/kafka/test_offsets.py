"""A timer concludes from silence only when all that was in Kafka at its due time is handled."""

from datetime import UTC, datetime, timedelta

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.offsets import MOST_FETCHES, Fetch, Offsets

EVENTS = TP("call-events", 0)
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def reading(committed: int | None = 0) -> Offsets:
    """The offsets of a worker that owns partition 0 and reads it from `committed`."""
    offsets = Offsets([EVENTS.topic])
    offsets.sought(EVENTS, committed)
    return offsets


def test_an_empty_fetch_after_due_shows_that_nothing_came() -> None:
    offsets = reading(committed=5)
    offsets.fetched(EVENTS, Fetch(at(10), position=5, highwater=5))
    assert offsets.caught_up(0, at(9))


def test_a_fetch_sent_before_due_says_nothing_about_due() -> None:
    offsets = reading(committed=5)
    offsets.fetched(EVENTS, Fetch(at(10), position=5, highwater=5))
    assert not offsets.caught_up(0, at(10))


def test_events_that_wait_in_kafka_hold_the_timer_back() -> None:
    offsets = reading(committed=5)
    offsets.fetched(EVENTS, Fetch(at(10), position=5, highwater=9))
    offsets.taken(EVENTS, 9)
    offsets.done(EVENTS, 8)
    assert not offsets.caught_up(0, at(1))


def test_processing_past_what_the_fetch_showed_releases_the_timer() -> None:
    offsets = reading(committed=5)
    offsets.fetched(EVENTS, Fetch(at(10), position=5, highwater=9))
    offsets.done(EVENTS, 9)
    assert offsets.caught_up(0, at(1))


def test_a_steady_lag_does_not_starve_timers() -> None:
    offsets = reading()
    for second in range(200):
        offsets.fetched(EVENTS, Fetch(at(second), position=second, highwater=second + 50))
        offsets.taken(EVENTS, second + 40)
        offsets.done(EVENTS, second)
    assert offsets.caught_up(0, at(100))


def test_transaction_markers_at_the_end_do_not_starve_timers() -> None:
    offsets = reading(committed=0)
    offsets.taken(EVENTS, 3)
    offsets.done(EVENTS, 3)
    offsets.fetched(EVENTS, Fetch(at(10), position=4, highwater=4))
    assert offsets.caught_up(0, at(9))


def test_what_was_taken_over_and_not_handled_counts_as_waiting() -> None:
    offsets = reading(committed=0)
    offsets.taken(EVENTS, 4)
    offsets.done(EVENTS, 3)
    offsets.fetched(EVENTS, Fetch(at(10), position=4, highwater=4))
    assert not offsets.caught_up(0, at(9))


def test_a_partition_that_is_not_ours_is_never_caught_up() -> None:
    offsets = reading()
    offsets.fetched(EVENTS, Fetch(at(10), position=0, highwater=0))
    offsets.lost([EVENTS])
    assert not offsets.caught_up(0, at(1))


def test_a_long_lag_is_remembered_in_bounded_space() -> None:
    offsets = reading()
    for second in range(10_000):
        offsets.fetched(EVENTS, Fetch(at(second), position=0, highwater=second + 1))
    assert len(offsets._readings[EVENTS].fetches) <= MOST_FETCHES
    offsets.done(EVENTS, 10_000)
    assert offsets.caught_up(0, at(9_998))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=200), st.integers(0, 100))
def test_a_released_timer_has_seen_every_event_of_before_its_due_time(
    seconds: list[tuple[int, int]], due: int
) -> None:
    offsets, appended, handled, appended_by_due = reading(), 0, 0, 0
    for second, (arrive, work) in enumerate(seconds):
        offsets.fetched(EVENTS, Fetch(at(second), position=handled, highwater=appended))
        appended += arrive
        appended_by_due = appended if second < due else appended_by_due
        handled = min(appended, handled + work)
        offsets.taken(EVENTS, appended)
        offsets.done(EVENTS, handled)
        if offsets.caught_up(0, at(due)):
            assert handled >= appended_by_due


def test_what_a_fetch_showed_waits_since_that_fetch_until_it_is_handled() -> None:
    offsets = reading(committed=5)
    offsets.fetched(EVENTS, Fetch(at(10), position=5, highwater=7))
    offsets.fetched(EVENTS, Fetch(at(11), position=7, highwater=9))
    assert offsets.waits_since(EVENTS.topic) == at(10)
    offsets.done(EVENTS, 7)
    assert offsets.waits_since(EVENTS.topic) == at(11)
    offsets.done(EVENTS, 9)
    assert offsets.waits_since(EVENTS.topic) is None


def test_a_partition_where_nothing_comes_waits_for_nothing() -> None:
    offsets = reading(committed=5)
    for second in range(100):
        offsets.fetched(EVENTS, Fetch(at(second), position=5, highwater=5))
    assert offsets.waits_since(EVENTS.topic) is None
