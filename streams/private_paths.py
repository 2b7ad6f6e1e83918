"""Where in events a path of `privacy` finds what it takes away.

A path is that of a template (2-calls.md), or `data.…` and `envelope.…`, what an event says as it stands.
The same value may be told by several types of event, in `data` or beside it, and a producer may repeat it
where no template looks but a webhook would show it: all those places count. Where a path may mean more
than one thing, it means all of them.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.encodings.envelopes import Envelope
from streams.templates.paths import ALIASES, ROOTS, PathFault

ANY: Final = "*"
"""A step to every member of an object and every item of a list."""

DATA: Final = "data"
EXTRA: Final = "extra"
"""The members of an `Event` that hold what producers say in their own words."""


class Place(NamedTuple):
    """The steps from an event down to a value; of which type of event, None: of any.

    `texts`: a text that is met on the way is the value, too (a transcript may be one text).
    """

    steps: tuple[str, ...]
    type: str | None = None
    texts: bool = False


_TURN: Final = "turn.completed"
_TOLD_BY: Final = {"recording": "recording.ready", "analytics": "analytics.completed", "transcript": _TURN}
"""Roots whose members are the very `data` of a type."""

_MEMBERS: Final = {
    "recording": ("url",),
    "analytics": ("summary", "disposition", "metrics"),
    "transcript": ("role", "content", "at"),
}
_NUMBERS: Final = ("from", "to")
_TAKEN_BY_ALIAS: Final = {
    **dict.fromkeys(("caller_phone", "user_number", "agent_number"), ("call.from", "call.to")),
    "call_summary": ("analytics.summary",),
    "disposition": ("analytics.disposition",),
}
"""Which number an alias names depends on the direction, which another event may state later: both."""

_OF_VERDICTS: Final = frozenset(
    {"node_id", "node_type", "end_node_id", "reason", "answered_at", "ended_at", ANY}
)
"""Members of `data` without which a call could not be judged."""

_OF_THE_ENGINE: Final = frozenset(Envelope.__struct_fields__) | {ANY}

_STEPS: Final = re.compile(r"[\w-]+|\*", re.ASCII)
_INDEX: Final = re.compile(r"[0-9]+|\*|first|last", re.ASCII)


def places(path: str) -> tuple[Place, ...]:
    """Where the value of a path lies. Raises PathFault if that is nowhere, or not to be taken away."""
    root, *rest = _STEPS.findall(path)
    steps = tuple(rest)
    if root == DATA:
        return _raw(path, DATA, steps, _OF_VERDICTS)
    if root == "envelope":
        return _raw(path, EXTRA, steps, _OF_THE_ENGINE)
    if root == "call":
        return tuple(_numbers(path, steps))
    if root == "transcript_text":
        return (*_beside(root), *_turns(("content",)))
    if root == "transcript":
        return tuple(_turns(steps[1:] if steps and _INDEX.fullmatch(steps[0]) else steps))
    if root in _TOLD_BY:
        return (*_beside(root, *steps), *_members(root, steps))
    if root == "variables":
        return tuple(_beside(root, *steps))
    return _name(path, root, steps)


def _name(path: str, root: str, steps: tuple[str, ...]) -> tuple[Place, ...]:
    """A bare name: a variable, or what a known platform calls something, or a field of the envelope."""
    if root in ROOTS or root == "secrets":
        raise PathFault(f"found {path!r}; expected what events say of the conversation: {_EXPECTED}")
    if steps:
        raise PathFault(f"found unknown root {root!r} in {path!r}; expected variables.{path}, or {_EXPECTED}")
    aliased = _TAKEN_BY_ALIAS.get(root, ())
    if root in ALIASES and not aliased:
        raise PathFault(f"found {path!r}, which no event says; expected variables.{path}, or {_EXPECTED}")
    told = (place for alias in aliased for place in places(alias))
    return (*told, *_beside("variables", root), Place((EXTRA, root)))


def _raw(path: str, member: str, steps: tuple[str, ...], kept: frozenset[str]) -> tuple[Place, ...]:
    if not steps or steps[0] in kept:
        shown = ", ".join(sorted(kept - {ANY}))
        raise PathFault(f"found {path!r}; expected one member of it, and none of {shown}")
    return (Place((member, *steps)),)


def _numbers(path: str, steps: tuple[str, ...]) -> Iterator[Place]:
    if len(steps) > 1 or (steps and steps[0] not in (*_NUMBERS, ANY)):
        raise PathFault(f"found {path!r}; expected call.from or call.to, or what events say: {_EXPECTED}")
    for name in _NUMBERS:
        if steps in ((), (ANY,), (name,)):
            yield from _beside(name)
            yield from _beside("call", name)


def _turns(steps: tuple[str, ...]) -> Iterator[Place]:
    """One turn after another by `turn.completed`, all of them in a `transcript`; a single turn does not
    know its index, so each index means all turns."""
    texts = not steps or steps[-1] == "content"
    for place in _beside("transcript", *((ANY, *steps) if steps else ())):
        yield place._replace(texts=texts)
    if texts:
        yield from _beside("transcript_text")
    yield from _members("transcript", steps)


def _members(root: str, steps: tuple[str, ...]) -> Iterator[Place]:
    told_by = _TOLD_BY[root]
    yield Place((DATA, *steps), told_by)
    for told in (steps,) if steps else ((name,) for name in _MEMBERS[root]):
        yield Place((EXTRA, *told), told_by)


def _beside(*steps: str) -> Iterator[Place]:
    """In `data` of any event, or beside it."""
    yield Place((DATA, *steps))
    yield Place((EXTRA, *steps))


_EXPECTED: Final = (
    "variables, transcript, transcript_text, recording, analytics, call.from, call.to, data or envelope"
)
