"""What a producer is about to say: read as a worker would, and held against the published types, before it is sent.

A worker is lenient: what it cannot read inside `data` is as good as not said. Somebody who is about to send it wants
to hear of it instead.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, ValidationError, convert

from schemas.documents.faults import WHOLE, Fault, nearest
from schemas.documents.subscriptions import ALIASES
from schemas.encodings import reading
from schemas.encodings.bounded_json import Unreadable
from schemas.events import CALL_ENDED, EVENT_TYPES, Event
from schemas.published.events import DATA, CallData, CallEvent
from schemas.reasons import canonical
from schemas.wire import json_value

_WRONG_TYPE: Final = re.compile(r"Expected `(?P<expected>.+?)`, got `(?P<found>.+?)`")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>.+?)`")
_WHERE: Final = re.compile(r" - at `\$\.?(?P<path>.*)`$")


_NAMES: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
    "object": "an object",
    "array": "a list",
}


class Draft(Struct, frozen=True):
    """A line that can be sent, and the event that a worker will read in it."""

    line: int
    value: bytes
    event: Event


class Checked(Struct, frozen=True):
    """What is wrong is a fault; what is odd, and has no effect or little, is a warning."""

    drafts: tuple[Draft, ...]
    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def checked(file: str, lines: Iterable[bytes], now: datetime) -> Checked:
    """Events, one a line as on the topic; empty lines are skipped. `now` stands for Kafka's time."""
    drafts: list[Draft] = []
    errors: list[Fault] = []
    warnings: list[Fault] = []
    for number, line in enumerate(lines, start=1):
        value = line.strip()
        if not value:
            continue
        try:
            event = reading.read(value, (), now, None)
        except Unreadable as why:
            errors.append(Fault(file, number, WHOLE, str(why)))
            continue
        errors += [Fault(file, number, path, why) for path, why in _faults(value, event)]
        warnings += [Fault(file, number, path, why) for path, why in _warnings(event)]
        drafts.append(Draft(number, value, event))
    return Checked(tuple(drafts), tuple(errors), tuple(warnings))


def _faults(value: bytes, event: Event) -> Iterator[tuple[str, str]]:
    said = json_value(value)
    if "specversion" not in said:
        yield from _unlike(said, CallEvent, "")
    yield from _unlike(event.data, DATA.get(event.type, CallData), "data")


def _unlike(value: Any, kind: type[Any], inside: str) -> Iterator[tuple[str, str]]:
    """The first thing that is unlike a published type."""
    try:
        convert(value, kind)
    except ValidationError as fault:
        text = str(fault)
        where = _WHERE.search(text)
        path = ".".join(part for part in (inside, where["path"] if where else "") if part)
        yield path or WHOLE, _told(text if where is None else text[: where.start()])


def _told(text: str) -> str:
    if wrong := _WRONG_TYPE.search(text):
        return f"found {_named(wrong['found'])}; expected {_named(wrong['expected'])}"
    if missing := _MISSING.search(text):
        return f"found no {missing['name']}; expected one"
    return text.replace("`", "")


def _named(kinds: str) -> str:
    """Types in msgspec's words, in ours."""
    return " or ".join(_NAMES.get(each, each) for each in kinds.split(" | "))


def _warnings(event: Event) -> Iterator[tuple[str, str]]:
    if event.type not in EVENT_TYPES:
        near = nearest(event.type, frozenset(EVENT_TYPES | set(ALIASES)))
        meant = f"; did you mean {near}?" if near else ""
        yield "type", f"found {event.type[:60]!r}, which workers keep, count and do nothing with{meant}"
    if event.type == CALL_ENDED:
        reason, raw = event.data.get("reason"), event.data.get("raw_reason")
        if not canonical(reason, raw).mapped:
            yield (
                "data.reason",
                "found a reason that nobody mapped: it is taken for unknown (docs/events.md has all)",
            )
        elif reason is None and raw is None:
            yield "data.reason", "found none: it is taken for unknown"
    if event.agent_id is None:
        yield (
            "agent_id",
            "found none: webhooks and workflow are the voice agent's, and another event has to name it",
        )
