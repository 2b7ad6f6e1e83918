"""A rate is reached and never exceeded; a slow start is slow, and comes to its end."""

from hypothesis import given
from hypothesis import strategies as some

from streams.pace import DOUBLES_EVERY, LATENESS, START_RATE, STARTS_FOR, Pace


def starts(pace: Pace, until: float, late: float = 0.0, now: float = 0.0) -> list[float]:
    """When attempts start that always wait, each woken so much too late."""
    made = []
    while now < until:
        pace.started(now)
        made.append(now)
        now = max(now + 1e-4, pace.next_at + late)
    return made


def at_rate(rate: float) -> Pace:
    pace = Pace()
    pace.allow(rate, -1e9)
    return pace


def test_without_a_rate_there_is_no_waiting() -> None:
    pace = Pace()
    pace.started(5.0)
    assert pace.next_at <= 5.0


def test_a_rate_is_kept_to_and_reached_although_wake_ups_are_late() -> None:
    assert 499 <= len(starts(at_rate(50), 10.0, late=0.004)) <= 502


def test_a_rate_that_is_learnt_from_an_attempt_holds_for_the_next() -> None:
    pace = Pace()
    pace.started(3.0)
    pace.allow(2, 3.0)
    assert pace.next_at == 3.5


def test_a_rate_that_is_taken_back_holds_nobody_up() -> None:
    pace = at_rate(0.001)
    pace.started(0.0)
    pace.allow(None, 0.0)
    assert pace.next_at == 0.0


def test_a_rest_saves_nothing_up() -> None:
    pace = at_rate(10)
    starts(pace, 1.0)
    assert len(starts(pace, 101.0, now=100.0)) <= 11


def test_an_attempt_that_was_not_made_leaves_its_place_to_another() -> None:
    pace = at_rate(1)
    pace.started(0.0)
    before = pace.next_at
    pace.started(before)
    pace.forgone(before)
    assert pace.next_at == before


def test_a_slow_start_doubles_every_five_seconds_and_ends_after_a_minute() -> None:
    pace = Pace()
    pace.restart()
    made = starts(pace, 30.0, now=0.0)
    by_step = [sum(step * 5 <= at < step * 5 + 5 for at in made) for step in range(6)]
    expected = [50, 100, 200, 400, 800, 1600]
    assert all(abs(found - wanted) <= 2 for found, wanted in zip(by_step, expected, strict=True))
    pace.started(STARTS_FOR)
    assert pace.next_at <= STARTS_FOR


def test_a_slow_start_begins_with_the_first_attempt_however_late_that_comes() -> None:
    pace = Pace()
    pace.restart()
    assert len(starts(pace, 1_001.0, now=1_000.0)) <= START_RATE + 1


def test_the_slower_of_rate_and_slow_start_counts() -> None:
    pace = at_rate(2)
    pace.restart()
    assert len(starts(pace, 20.0)) <= 41


@given(some.floats(0.1, 1_000), some.lists(some.floats(0, 3), min_size=1, max_size=300))
def test_no_window_ever_holds_more_than_its_rate(rate: float, waits: list[float]) -> None:
    pace, now, made = at_rate(rate), 0.0, list[float]()
    for wait in waits:
        now = max(now + wait, pace.next_at)
        pace.started(now)
        made.append(now)
    for first in range(len(made)):
        for last in range(first, len(made)):
            span = made[last] - made[first]
            assert last - first + 1 <= rate * (span + LATENESS) + 1 + 1e-6


@given(some.lists(some.floats(0, 1), min_size=1, max_size=300))
def test_no_moment_of_a_slow_start_is_quicker_than_its_step(waits: list[float]) -> None:
    pace, made = Pace(), list[float]()
    pace.restart()
    now = 0.0
    for wait in waits:
        now = max(now + wait / 50, pace.next_at)
        pace.started(now)
        made.append(now)
    for earlier, later in zip(made, made[10:], strict=False):
        rate = START_RATE * 2 ** int(later / DOUBLES_EVERY)
        assert rate * (later - earlier + LATENESS) + 1 + 1e-6 >= 10
