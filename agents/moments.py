"""Moments as people give them: RFC 3339, or how long ago."""

from datetime import datetime

from schemas.encodings.moments import utc
from schemas.spans import span


def moment(text: str, now: datetime) -> datetime:
    """A moment in RFC 3339, or so long ago (`2h`). Raises ValueError."""
    at = utc(text)
    if at is not None:
        return at
    try:
        return now - span(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"found {text[:40]!r}; expected a time such as 2026-01-02T03:04:05Z, or how long ago: 2h"
        ) from None
