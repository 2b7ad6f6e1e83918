"""What the events that carry data come to: variables, transcript, recording, analytics.

They are read in the order of R14: within one source `seq` is right, so an event's effective time is
the greatest `occurred_at` among those of its source whose `seq` is not above its own; then source,
seq and id decide.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from schemas import wire
from schemas.events import Event


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events of one type in the order of R14."""
    told = list(events)
    if len(told) < 2:
        return told
    effective = _effective(told)
    return sorted(told, key=lambda event: (effective[id(event)], event.source, event.seq or -1, event.id))


def merged(events: Iterable[Event], member: str | None = None) -> dict[str, Any]:
    """Per top-level name the latest value, of the events' `data` or of one member of it."""
    merged: dict[str, Any] = {}
    for event in in_order(events):
        said = event.data if member is None else event.data.get(member)
        if isinstance(said, dict):
            merged.update(said)
    return merged


def transcript(turns: Iterable[Event], ready: Iterable[Event]) -> list[Any] | None:
    """The turns of the call: as the latest `transcript.ready` lists them, else as they were completed;
    None when nobody told any."""
    listed = [said for event in in_order(ready) if isinstance(said := event.data.get("transcript"), list)]
    if listed:
        return listed[-1]
    completed = [_turn(event) for event in in_order(turns) if not _SAID.isdisjoint(event.data)]
    return completed or None


_SAID: Final = frozenset({"role", "content"})
"""Members that make a turn one; without any it was told that there was a turn, and nothing of it."""


def transcript_text(transcript: list[Any]) -> str:
    """A transcript as text, `role: content` a line."""
    turns = (turn for turn in transcript if isinstance(turn, dict))
    return "\n".join(f"{turn.get('role') or 'unknown'}: {turn.get('content') or ''}" for turn in turns)


def _turn(event: Event) -> dict[str, Any]:
    turn: dict[str, Any] = {name: event.data[name] for name in ("role", "content") if name in event.data}
    return {**turn, "at": event.data.get("at") or wire.moment(event.occurred_at)}


def _effective(events: list[Event]) -> dict[int, datetime]:
    """The effective time of each event, by its identity."""
    effective: dict[int, datetime] = {}
    latest: dict[str, datetime] = {}
    for event in sorted(events, key=lambda event: event.seq or -1):
        at = event.occurred_at
        if event.seq is not None:
            at = latest[event.source] = max(at, latest.get(event.source, at))
        effective[id(event)] = at
    return effective
