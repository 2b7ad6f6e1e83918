"""Which dead letters a command is about."""

from collections.abc import Mapping

from agents import selecting
from agents.cli.exits import UsageRefused
from streams.letters import Selection


def selection(flags: Mapping[str, str], call_id: str | None = None) -> Selection:
    """The selection that flags make, of a call that may be named without one. Raises UsageRefused."""
    try:
        return selecting.selection(flags, call_id)
    except ValueError as fault:
        raise UsageRefused(str(fault)) from None
