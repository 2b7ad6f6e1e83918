"""Moments as flags give them."""

from datetime import datetime

from agents import moments
from agents.cli.exits import UsageRefused


def moment(flag: str, text: str, now: datetime) -> datetime:
    """A moment in RFC 3339, or so long ago (`2h`). Raises UsageRefused."""
    try:
        return moments.moment(text, now)
    except ValueError as fault:
        raise UsageRefused(f"{flag}: {fault}") from None
