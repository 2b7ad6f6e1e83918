"""What all workers are told of an endpoint: since when it fails, and when that has been for too long.

Every worker has breakers of its own; the mark is what is left of their verdicts when workers come and go.
"""

from datetime import datetime, timedelta
from typing import Final

from schemas.endpoints import Mark

GIVEN_UP_AFTER: Final = timedelta(hours=120)
"""Without a single success for so long an endpoint is disabled."""


def failing(mark: Mark | None, now: datetime) -> Mark | None:
    """The mark to write when a breaker opens; None where the one that is there says it already."""
    if mark is None:
        return Mark(failing_since=now)
    if mark.disabled or mark.failing_since is None or now - mark.failing_since < GIVEN_UP_AFTER:
        return None
    hours = int(GIVEN_UP_AFTER.total_seconds() // 3600)
    return Mark(disabled=True, failing_since=mark.failing_since, why=f"no success for {hours} hours")


def ended(mark: Mark | None) -> bool:
    """Whether a success ends the mark. One that disables is ended by `postcall resume` alone."""
    return mark is not None and not mark.disabled
