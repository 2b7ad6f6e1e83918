"""When to try a delivery again, and when to stop."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from itertools import pairwise
from typing import Final, assert_never

from schemas.delivery import Attempted
from schemas.workflow import Backoff, Retry, Schedule

SPREAD: Final = 0.2
"""A scheduled wait is 80 % to 120 % of what the schedule says, so that a herd does not stay one."""

LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds. Receivers send absurd ones (1e9); an hour is the most that is believed."""

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def next_at(
    retry: Retry,
    attempt: int,
    started_first_at: datetime,
    now: datetime,
    luck: float,
    retry_after: float | None = None,
) -> datetime | None:
    """When the attempt after `attempt` (from 1) is due, or None when the retries are exhausted.

    `started_first_at` is when the chain's first attempt started, for the budget; who waited on a
    pause or breaker moves it on by that wait (see `rested`), which uses no budget. `luck` is in [0, 1).
    `retry_after` (seconds) moves the moment back, never forth, and uses no budget either.
    """
    wait = _wait(retry, attempt, luck)
    if wait is None or _over_budget(retry, started_first_at, now + wait):
        return None
    return now + max(wait, timedelta(seconds=retry_after or 0.0))


def rested(retry: Retry, delivery_id: str, attempts: Sequence[Attempted], spent: int = 0) -> timedelta:
    """How much longer a delivery has waited between its attempts than its schedule says: on a pause, a
    breaker or Retry-After, none of which uses its budget. `spent` attempts were made before a replay."""
    total = timedelta()
    for number, (earlier, later) in enumerate(pairwise(attempts), start=1):
        scheduled = _wait(retry, number, luck(delivery_id, spent + number)) or timedelta()
        waited = later.at - earlier.at - timedelta(seconds=earlier.seconds)
        total += max(waited - scheduled, timedelta())
    return total


def luck(delivery_id: str, attempt: int) -> float:
    """The jitter of one attempt, in [0, 1): the same wherever and whenever it is asked, so that a
    simulation, a worker and the worker that takes over agree."""
    digest = blake2b(f"{delivery_id}:{attempt}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, an hour at most; None when absent or garbage.

    It holds seconds or an HTTP-date (RFC 9110, 10.2.3); fractions are sent too and are read. A
    date that is over asks for nothing.
    """
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER)
    return _until(text, now)


def _wait(retry: Retry, attempt: int, luck: float) -> timedelta | None:
    match retry:
        case Schedule(waits=waits):
            if attempt > len(waits):
                return None
            return waits[attempt - 1] * (1 - SPREAD + 2 * SPREAD * luck)
        case Backoff():
            if attempt >= retry.attempts:
                return None
            # 2**63 half-seconds are past every cap; more would overflow a timedelta.
            doublings: int = 2 ** min(attempt - 1, 63)
            seconds = min(retry.cap.total_seconds(), retry.base.total_seconds() * doublings)
            return timedelta(seconds=luck * seconds)
        case _:
            assert_never(retry)


def _over_budget(retry: Retry, started_first_at: datetime, due: datetime) -> bool:
    budget = retry.budget if isinstance(retry, Backoff) else None
    return budget is not None and due > started_first_at + budget


def _until(text: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        seconds = (at - now).total_seconds()
    except OverflowError:
        return None
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None
