"""Which dead letters somebody means: from what was typed, as flags or in a form, to a selection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from agents.moments import moment
from streams.letters import Selection
from streams.records import Reason


def selection(flags: Mapping[str, str], call_id: str | None = None) -> Selection:
    """The selection that these make, of a call that may be named without one. Raises ValueError."""
    if call_id is not None and flags.get("call", call_id) != call_id:
        raise ValueError(f"found {call_id!r} and --call {flags['call']!r}; expected one of them")
    if "node" in flags and "type" in flags:
        raise ValueError("found --node and --type; expected one of them")
    reason = flags.get("reason")
    if reason is not None and reason not in get_args(Reason):
        raise ValueError(f"--reason: found {reason!r}; expected one of {', '.join(get_args(Reason))}")
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
    if name not in flags:
        return None
    try:
        return moment(flags[name], datetime.now(UTC))
    except ValueError as fault:
        raise ValueError(f"--{name}: {fault}") from None
