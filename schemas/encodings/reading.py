"""The three ways in which an event may be written, and one way to refuse it.

Plain JSON; CloudEvents structured (told by the content type, or by a `specversion`); CloudEvents binary
(told by its `ce_` headers). All come to the same `Event`. What cannot be understood is one exception,
`Unreadable`, raised before anything large or deep is built. Messages name fields and types, never
contents: those are somebody's conversation.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec import json

from schemas.documents.subscriptions import ALIASES
from schemas.encodings import cloudevents, members
from schemas.encodings.bounded_json import Unreadable, bounded_json
from schemas.encodings.envelopes import MOST_CALL_ID_BYTES, MOST_TEXT_BYTES, Envelope, Usual
from schemas.encodings.moments import in_utc, utc
from schemas.encodings.naming import NAMES, named
from schemas.events import Event, short_hash

__all__ = ["MOST_CALL_ID_BYTES", "MOST_TEXT_BYTES", "Unreadable", "event_of", "read"]

_USUAL: Final = Usual(Envelope)
_HEADERS: Final = frozenset({"content-type", "traceparent"})
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

T = TypeVar("T")


def read(
    value: bytes, headers: Sequence[tuple[str, bytes]], recorded_at: datetime, key: bytes | None
) -> Event:
    """The event of a record.

    `recorded_at` is Kafka's time of the record. Raises Unreadable when the bytes are no event.
    """
    texts = _texts(headers) if headers else {}
    if cloudevents.is_binary(texts):
        fields = cloudevents.binary(value, texts, key)
    else:
        said_structured = texts.get("content-type", "").lower().startswith(cloudevents.STRUCTURED)
        envelope = None if said_structured else _USUAL.read(value)
        event = None if envelope is None else event_of(envelope, texts.get("traceparent"), recorded_at)
        if event is not None:
            return event
        fields = _object(value)
        if said_structured or "specversion" in fields:
            fields = cloudevents.structured(fields)
    return _event(fields, texts.get("traceparent"), recorded_at)


def event_of(said: Envelope, traced: str | None, recorded_at: datetime) -> Event | None:
    """The event of a usual envelope; None where its moment is not a usual one. Raises Unreadable."""
    occurred_at = recorded_at if said.occurred_at is None else in_utc(said.occurred_at)
    if occurred_at is None:
        return None
    stated_type, source, data = ALIASES.get(said.type, said.type), said.source or "", said.data or {}
    members.check(stated_type, data)
    return Event(
        id=said.id or _own_id(said.call_id, stated_type, source, said.seq, occurred_at, data),
        type=stated_type,
        call_id=said.call_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        agent_id=said.agent_id or None,
        source=source,
        seq=said.seq,
        workflow_id=said.workflow_id or None,
        workflow_version=said.workflow_version,
        direction=said.direction or None,
        channel=said.channel or None,
        is_test=said.is_test,
        attempt=said.attempt,
        session_id=said.session_id or None,
        traceparent=None if said.traceparent is traced is None else _traceparent(said.traceparent, traced),
        data=data,
    )


def _texts(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """Headers that say something about the event, by name in lower case; the last of a name wins."""
    texts = {}
    for cased, value in headers:
        name = cased.lower()
        if value is not None and (name in _HEADERS or name.startswith(cloudevents.PREFIX)):
            texts[name] = _header(name, value)
    return texts


def _header(name: str, value: bytes) -> str:
    if name == "traceparent":
        # A trace is no reason to refuse an event; what is none is not handed on.
        return value.decode("ascii", "replace")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"found a header {name[:60]!r} that is not UTF-8; expected UTF-8") from None
    if "\0" in text:
        raise Unreadable(f"found a NUL character in the header {name[:60]!r}; expected text without")
    return text


def _object(value: bytes) -> dict[str, Any]:
    fields = bounded_json(value)
    if not isinstance(fields, dict):
        raise Unreadable(f"found {named(fields)}; expected an object")
    return fields


def _event(fields: dict[str, Any], traced: str | None, recorded_at: datetime) -> Event:
    """Takes the known fields out of `fields`; what is left is kept as it is."""
    call_id = _text(fields, "call_id", MOST_CALL_ID_BYTES)
    if not call_id:
        raise Unreadable("found no call_id; expected a non-empty string")
    stated_type = _text(fields, "type")
    if not stated_type:
        raise Unreadable("found no type; expected a non-empty string such as 'call.ended'")
    stated_type = ALIASES.get(stated_type, stated_type)
    stated_id = _text(fields, "id")
    source = _text(fields, "source") or ""
    seq = _field(fields, "seq", int)
    occurred_at = _moment(fields) or recorded_at
    data = _field(fields, "data", dict) or {}
    members.check(stated_type, data)
    return Event(
        id=stated_id or _own_id(call_id, stated_type, source, seq, occurred_at, data),
        type=stated_type,
        call_id=call_id,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        agent_id=_text(fields, "agent_id") or None,
        source=source,
        seq=seq,
        workflow_id=_text(fields, "workflow_id") or None,
        workflow_version=_field(fields, "workflow_version", int),
        direction=_text(fields, "direction") or None,
        channel=_text(fields, "channel") or None,
        is_test=_field(fields, "is_test", bool),
        attempt=_field(fields, "attempt", int),
        session_id=_text(fields, "session_id") or None,
        traceparent=_traceparent(fields.pop("traceparent", None), traced),
        data=data,
        extra=fields,
    )


def _field(fields: dict[str, Any], name: str, sort: type[T]) -> T | None:
    value = fields.pop(name, None)
    if value is None:
        return None
    if type(value) is not sort:
        raise Unreadable(f"found {named(value)} as {name}; expected {NAMES[sort]}")
    return value


def _text(fields: dict[str, Any], name: str, most: int = MOST_TEXT_BYTES) -> str | None:
    text = _field(fields, name, str)
    if text is None or (len(text) * 4 <= most and text.isprintable()):
        return text
    length = len(text.encode())
    if length > most:
        raise Unreadable(f"found {name} of {length} bytes; expected at most {most}")
    if "\0" in text:
        raise Unreadable(f"found a NUL character in {name}; expected text without")
    return text


def _moment(fields: dict[str, Any]) -> datetime | None:
    text = _field(fields, "occurred_at", str)
    if text is None:
        return None
    at = utc(text)
    if at is None:
        raise Unreadable("found an occurred_at that is no moment; expected RFC 3339 with an offset")
    return at


def _own_id(
    call_id: str, stated_type: str, source: str, seq: int | None, occurred_at: datetime, data: dict[str, Any]
) -> str:
    """What makes the event itself, hashed: said twice it is the same event."""
    place = occurred_at.isoformat() if seq is None else f"#{seq}"
    said = json.encode(data, order="deterministic").decode()
    return short_hash(call_id, stated_type, source, place, said, size=16).hex()


def _traceparent(*stated: Any) -> str | None:
    """The first that is one; a trace is no reason to refuse an event."""
    for text in stated:
        if isinstance(text, str) and _TRACEPARENT.fullmatch(text):
            return text
    return None
