"""When a delivery is tried again: schedules, backoff, budgets, Retry-After."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from schemas.workflow import Backoff, Schedule
from streams.retry import luck, next_at, retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATIENT = Schedule(tuple(timedelta(seconds=s) for s in (1, 5, 30, 120, 600, 1800, 7200, 21600, 43200)))
QUICK = Backoff(5, timedelta(seconds=0.5), timedelta(seconds=30), timedelta(seconds=120))
MIDDLE = 0.5
luckily = some.floats(0, 1, exclude_max=True)


def wait(retry: Schedule | Backoff, attempt: int, luck: float = MIDDLE, asked: float | None = None) -> float:
    at = next_at(retry, attempt, NOW, NOW, luck, asked)
    assert at is not None
    return (at - NOW).total_seconds()


def test_a_schedule_is_followed_wait_by_wait_and_then_exhausted() -> None:
    waits = [wait(PATIENT, attempt) for attempt in range(1, 10)]
    assert waits == pytest.approx([1, 5, 30, 120, 600, 1800, 7200, 21600, 43200])
    assert next_at(PATIENT, 10, NOW, NOW, MIDDLE) is None


@given(some.integers(1, 9), luckily)
def test_a_scheduled_wait_is_within_a_fifth_of_what_it_says(attempt: int, luck: float) -> None:
    stated = PATIENT.waits[attempt - 1].total_seconds()
    assert 0.8 * stated - 1e-6 <= wait(PATIENT, attempt, luck) <= 1.2 * stated + 1e-6


@given(some.integers(1, 4), luckily)
def test_backoff_waits_anything_up_to_a_doubling_bound(attempt: int, luck: float) -> None:
    assert 0 <= wait(QUICK, attempt, luck) <= min(30, 0.5 * 2 ** (attempt - 1))


@given(some.integers(1, 2_000), luckily)
def test_backoff_never_waits_over_its_cap(attempt: int, luck: float) -> None:
    endless = Backoff(10_000, timedelta(seconds=0.5), timedelta(seconds=30))
    assert wait(endless, attempt, luck) <= 30


def test_quick_makes_five_attempts() -> None:
    assert next_at(QUICK, 4, NOW, NOW, MIDDLE) is not None
    assert next_at(QUICK, 5, NOW, NOW, MIDDLE) is None


def test_a_budget_that_the_next_wait_would_pass_ends_the_retries() -> None:
    assert next_at(QUICK, 4, NOW - timedelta(seconds=119), NOW, 0.99) is None
    assert next_at(QUICK, 4, NOW - timedelta(seconds=110), NOW, 0.99) is not None


def test_what_the_endpoint_asks_for_uses_no_budget() -> None:
    assert wait(QUICK, 1, asked=3600) == 3600


@given(some.integers(1, 9), luckily, some.floats(0, 3600))
def test_no_retry_comes_before_the_endpoint_asked(attempt: int, luck: float, asked: float) -> None:
    at = next_at(PATIENT, attempt, NOW, NOW, luck, asked)
    assert at is not None
    assert at >= NOW + timedelta(seconds=asked)
    assert at >= NOW + PATIENT.waits[attempt - 1] * 0.79


@given(some.text(max_size=40), some.integers(1, 100))
def test_luck_is_the_same_whenever_it_is_asked(delivery_id: str, attempt: int) -> None:
    assert luck(delivery_id, attempt) == luck(delivery_id, attempt)
    assert 0 <= luck(delivery_id, attempt) < 1


def test_luck_spreads_deliveries_evenly() -> None:
    tenths = [int(10 * luck(f"delivery-{n}", 1)) for n in range(10_000)]
    assert all(850 < tenths.count(tenth) < 1150 for tenth in range(10))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("1000000000", 3600),
        ("9" * 400, 3600),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60),
        ("Fri, 01 Jan 2999 00:00:00 GMT", 3600),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


NO_MOMENTS = (
    "Fri, 01 Jan 1999 00:00:00 GMT",
    "Fri, 99 Foo 2026 03:05:05 GMT",
    "Fri, 02 Jan 99999 03:05:05 GMT",
    "Mon, 0 Jan 2026",
)


@pytest.mark.parametrize(
    "header",
    [None, "", "-5", "soon", "1e9", "inf", "nan", "0x10", "１２", "5 s", "\x00", *NO_MOMENTS],
)
def test_a_retry_after_that_is_garbage_or_over_asks_for_nothing(header: str | None) -> None:
    assert retry_after(header, NOW) is None


@given(some.text(max_size=60))
def test_no_retry_after_is_too_odd_to_read(header: str) -> None:
    asked = retry_after(header, NOW)
    assert asked is None or 0 <= asked <= 3600
