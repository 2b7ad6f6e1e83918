"""Bytes: the only place that turns values into JSON or rows and back.

JSON on topics and in request bodies is orjson's (compact, UTF-8, keys in the order given). Rows and
internal messages are MessagePack behind one byte, the number of their format: a worker reads its own
and the one before, and stops at a newer one, so that an upgrade and a roll-back lose nothing.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
import orjson

from schemas.calls import Call, Part
from schemas.messages import Message

FORMAT: Final = 1
"""Of rows, parts and internal messages. A new one is written only a release after it is read."""

READABLE: Final = frozenset({FORMAT})

_PREFIX: Final = bytes([FORMAT])
_encode: Final = msgspec.msgpack.Encoder().encode
_calls: Final = msgspec.msgpack.Decoder(Call)
_parts: Final[msgspec.msgpack.Decoder[Part]] = msgspec.msgpack.Decoder(Part)
_messages: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)

T = TypeVar("T")


class NewerFormat(Exception):
    """A newer postcall wrote this; going on would lose what it meant."""

    def __init__(self, found: int) -> None:
        super().__init__(f"found format {found}; this release reads {sorted(READABLE)}: upgrade first")


def json_bytes(value: Any) -> bytes:
    """Compact JSON. Raises TypeError for what JSON cannot say or is nested over 254 levels deep."""
    return orjson.dumps(value, default=_plain)


def json_value(text: bytes | str) -> Any:
    """The JSON value of a text. Raises ValueError where it is not JSON."""
    return orjson.loads(text)


@lru_cache(maxsize=256)
def moment(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as all records show moments: 2026-01-02T03:04:05.678Z."""
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    # Records and templates say the same few moments again and again; orjson writes one in half the time that
    # isoformat takes.
    return f"{orjson.dumps(in_utc)[1:20].decode()}.{in_utc.microsecond // 1000:03d}Z"


def row(value: Call | Part) -> bytes:
    """A table row."""
    return _PREFIX + _encode(value)


def read_call(row: bytes) -> Call:
    """The call of a live or settled row. Raises NewerFormat, msgspec.DecodeError."""
    return _calls.decode(_body(row))


def read_part(row: bytes) -> Part:
    """The part of a row. Raises NewerFormat, msgspec.DecodeError."""
    return _parts.decode(_body(row))


def message(value: Message) -> bytes:
    """An internal message."""
    return _PREFIX + _encode(value)


def read_message(value: bytes) -> Message:
    """An internal message. Raises NewerFormat, msgspec.DecodeError."""
    return _messages.decode(_body(value))


def _body(framed: bytes) -> memoryview:
    found = framed[0] if framed else 0
    if found not in READABLE:
        raise NewerFormat(found)
    return memoryview(framed)[1:]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    raise TypeError(f"found {type(value).__name__}; expected a JSON value")
