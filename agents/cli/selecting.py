"""Which dead letters a command is about: from its options to a selection, and from the topic to the letters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from agents.cli.exits import UsageRefused
from agents.cli.moments import moment
from agents.kafka.config import KafkaConfig
from agents.output_topics import values
from streams.letters import Letter, Selection, read, selects
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


async def letters(config: KafkaConfig, topic: str, wanted: Selection) -> list[Letter]:
    """The letters that are meant, in the order of their times."""
    found = [
        letter
        async for value in values(config, topic, wanted.since)
        if (letter := read(value)) is not None and selects(wanted, letter)
    ]
    return sorted(found, key=lambda one: one.at)
