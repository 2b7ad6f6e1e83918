"""Which dead letters a command is about: from its options to a selection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from agents.cli.exits import UsageRefused
from agents.cli.moments import moment
from streams.letters import Selection
from streams.records import Reason


def selection(flags: Mapping[str, str], call_id: str | None = None) -> Selection:
    """The selection that flags make, of a call that may be named without one. Raises UsageRefused."""
    if call_id is not None and flags.get("call", call_id) != call_id:
        raise UsageRefused(f"found {call_id!r} and --call {flags['call']!r}; expected one of them")
    if "node" in flags and "type" in flags:
        raise UsageRefused("found --node and --type; expected one of them")
    reason = flags.get("reason")
    if reason is not None and reason not in get_args(Reason):
        raise UsageRefused(f"--reason: found {reason!r}; expected one of {', '.join(get_args(Reason))}")
    return Selection(
        call=call_id or flags.get("call"),
        node=flags.get("node"),
        webhook=flags.get("type"),
        endpoint=flags.get("endpoint"),
        reason=reason,
        since=_moment("since", flags),
        until=_moment("until", flags),
    )


def _moment(name: str, flags: Mapping[str, str]) -> datetime | None:
    return moment(f"--{name}", flags[name], datetime.now(UTC)) if name in flags else None
