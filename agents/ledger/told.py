"""What an event says: read a second time, out of any of its three encodings.

Plain JSON; CloudEvents structured (told by the content type, or by a `specversion`); CloudEvents binary (told
by its `ce_` headers). What cannot be read is a fault in words: the engine owes a dead letter for it.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

from agents.ledger.limits import fault_of_text, fault_of_value
from agents.ledger.witnesses import Record, moment

_NAMES: Final = {
    "subject": "call_id",
    "time": "occurred_at",
    "agentid": "agent_id",
    "workflowid": "workflow_id",
    "workflowversion": "workflow_version",
    "sessionid": "session_id",
    "istest": "is_test",
}
"""CloudEvents attributes that are called otherwise in plain JSON."""

_SORTS: Final[dict[str, type]] = {
    **dict.fromkeys(("call_id", "type", "id", "source", "agent_id", "workflow_id", "session_id"), str),
    **dict.fromkeys(("direction", "channel", "occurred_at"), str),
    **dict.fromkeys(("seq", "attempt", "workflow_version"), int),
    "is_test": bool,
    "data": dict,
}
_FROM_DATA: Final = frozenset(_SORTS) - {"type", "id", "source", "occurred_at", "data"}
ALIASES: Final = {
    "pre-conversation": "conversation.started",
    "post-conversation": "call.ended",
    "analytics-completed": "analytics.completed",
}
_LONGEST: Final = {"call_id": 256}
"""Bytes; 1,024 of any other text of the envelope."""

_OF_A_NODE: Final = ("node.entered", "closing.spoken")


class Unreadable(ValueError):
    """An event that nobody can understand; the message says why."""


@dataclass(frozen=True)
class Told:
    """One event: what is said, and when it arrived (`at`, seconds since 1970)."""

    call_id: str
    type: str
    occurred_at: datetime
    at: float
    record: Record
    id: str = ""
    source: str = ""
    seq: int | None = None
    agent_id: str | None = None
    workflow_id: str | None = None
    workflow_version: int | None = None
    session_id: str | None = None
    attempt: int | None = None
    is_test: bool | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def identity(self) -> str:
        """What a repetition shares (R13): the id of its source, else all that makes the event itself."""
        if self.id:
            return json.dumps([self.source, self.id])
        nth = self.seq if self.seq is not None else self.occurred_at.isoformat()
        return json.dumps([self.source, self.type, nth, self.data], sort_keys=True)

    @cached_property
    def order(self) -> tuple[datetime, str, int, str]:
        """Where it stands by the producers' clocks (R14)."""
        return self.occurred_at, self.source, -1 if self.seq is None else max(self.seq, -1), self.id

    def word(self, name: str) -> str | None:
        """A member of `data` that is an id or a name, else None."""
        value = self.data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return value if isinstance(value, str) and 0 < len(value) <= 256 else None

    def moment(self, name: str) -> datetime | None:
        """A member of `data` that is a moment, else None."""
        at = moment(self.data.get(name))
        return None if at is None else datetime.fromtimestamp(at, UTC)


def read(record: Record, at: float | None = None) -> Told:
    """The event of a record that arrived then. Raises Unreadable."""
    fields = _fields(record)
    for name, sort in _SORTS.items():
        if (value := fields.get(name)) is not None and type(value) is not sort:
            raise Unreadable(f"{name} is no {sort.__name__}")
    call_id, kind = fields.get("call_id"), fields.get("type")
    if not call_id or not kind:
        raise Unreadable("no call_id" if not call_id else "no type")
    for name, value in fields.items():
        if name in _SORTS and isinstance(value, str):
            _check_text(name, value)
    stated = fields.get("occurred_at")
    occurred = record.at if stated is None else moment(stated)
    if occurred is None:
        raise Unreadable("occurred_at is no moment")
    told = Told(
        call_id=call_id,
        type=ALIASES.get(kind, kind),
        occurred_at=datetime.fromtimestamp(occurred, UTC) if stated is None else _utc(stated),
        at=record.at if at is None else at,
        record=record,
        id=fields.get("id") or "",
        source=fields.get("source") or "",
        seq=fields.get("seq"),
        agent_id=fields.get("agent_id") or None,
        workflow_id=fields.get("workflow_id") or None,
        workflow_version=fields.get("workflow_version"),
        session_id=fields.get("session_id") or None,
        attempt=fields.get("attempt"),
        is_test=fields.get("is_test"),
        data=fields.get("data") or {},
    )
    if told.type in _OF_A_NODE and told.word("node_id") is None:
        raise Unreadable(f"{told.type} names no node")
    return told


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _check_text(name: str, text: str) -> None:
    if len(text.encode(errors="surrogatepass")) > _LONGEST.get(name, 1024):
        raise Unreadable(f"{name} is too long")


def _fields(record: Record) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in record.headers.items()}
    if "ce_specversion" in headers or "ce_type" in headers:
        return _binary(record, headers)
    fields = _parsed(record.value or b"")
    if not isinstance(fields, dict):
        raise Unreadable("no JSON object")
    structured = headers.get("content-type", "").lower().startswith("application/cloudevents")
    return _structured(fields) if structured or "specversion" in fields else fields


def _parsed(text: bytes) -> Any:
    if fault := fault_of_text(text):
        raise Unreadable(fault)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None
    if fault := fault_of_value(value):
        raise Unreadable(fault)
    return value


def _structured(fields: dict[str, Any]) -> dict[str, Any]:
    named = {_NAMES.get(name, name): value for name, value in fields.items()}
    packed = named.pop("data_base64", None)
    if packed is not None:
        try:
            named["data"] = _parsed(b64decode(packed, validate=True))
        except (ValueError, TypeError):
            raise Unreadable("data_base64 is not base64 of JSON") from None
    return _completed(named)


def _binary(record: Record, headers: Mapping[str, str]) -> dict[str, Any]:
    said = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    fields: dict[str, Any] = {_NAMES.get(name, name): value for name, value in said.items()}
    subject = fields.get("call_id")
    if isinstance(subject, str) and subject.encode() != record.key:
        fields["call_id"] = unquote(subject)
    fields["data"] = _parsed(record.value) if record.value else None
    return _completed(fields)


def _completed(fields: dict[str, Any]) -> dict[str, Any]:
    """Attributes that are text become what they are; members of `data` fill what is missing."""
    for name in ("seq", "attempt", "workflow_version"):
        value = fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            fields[name] = int(value)
    if isinstance(fields.get("is_test"), str):
        fields["is_test"] = {"true": True, "false": False}.get(fields["is_test"], fields["is_test"])
    data = fields.get("data")
    if isinstance(data, dict):
        for name in _FROM_DATA:
            if fields.get(name) is None and type(data.get(name)) is _SORTS[name]:
                fields[name] = data[name]
    return fields
