"""Moments as others write them: RFC 3339, turned into UTC."""

from datetime import UTC, datetime

from msgspec import ValidationError, convert

EARLIEST, LATEST = 1971, 8999
"""Years between which moments can be added to spans without leaving what Python can say."""


def utc(text: str) -> datetime | None:
    """The moment in UTC; None if the text is not RFC 3339 with an offset, or out of all proportion."""
    try:
        at = convert(text, datetime)
    except ValidationError:
        return None
    return in_utc(at)


def in_utc(at: datetime) -> datetime | None:
    """A moment as read, in UTC; None if it is in no time zone, or out of all proportion."""
    if at.tzinfo is UTC and EARLIEST <= at.year <= LATEST:
        return at
    if at.tzinfo is None or not EARLIEST <= at.year <= LATEST:
        return None
    return at.astimezone(UTC)
