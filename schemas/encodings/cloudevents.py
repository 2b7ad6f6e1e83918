"""CloudEvents as envelopes of our own: the same fields under their plain names.

`subject` is the call id, `time` is when it occurred; the rest of the envelope are extension attributes,
whose names CloudEvents wants in lower case without underscores, or members of `data` under their plain
names. An attribute goes before a member of `data`.
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from schemas.encodings.bounded_json import Unreadable, bounded_json

STRUCTURED: Final = "application/cloudevents"
"""How the content type of a structured event begins."""

PREFIX: Final = "ce_"
"""Of the headers of a binary event (CloudEvents' Kafka protocol binding)."""

_ATTRIBUTES: Final = {
    "subject": "call_id",
    "time": "occurred_at",
    "agentid": "agent_id",
    "workflowid": "workflow_id",
    "workflowversion": "workflow_version",
    "sessionid": "session_id",
    "istest": "is_test",
}
"""The others are called the same."""

_MEMBERS: Final[dict[str, type]] = {
    "call_id": str,
    "agent_id": str,
    "workflow_id": str,
    "workflow_version": int,
    "session_id": str,
    "is_test": bool,
    "seq": int,
    "attempt": int,
    "direction": str,
    "channel": str,
}
"""What `data` may bring, and as what; a member of another type means something else."""

_FORMAL: Final = frozenset({"specversion", "datacontenttype", "data_base64"})
_TRUTHS: Final = {"true": True, "false": False}
_WHOLE_NUMBERS: Final = frozenset({"seq", "attempt", "workflow_version"})


def is_binary(headers: Mapping[str, str]) -> bool:
    """The attributes are in headers, the value is the data alone."""
    return "ce_specversion" in headers or "ce_type" in headers


def structured(fields: dict[str, Any]) -> dict[str, Any]:
    """The envelope of a structured event. Raises Unreadable when `data_base64` holds no JSON."""
    envelope = {_ATTRIBUTES.get(name, name): value for name, value in fields.items() if name not in _FORMAL}
    packed = fields.get("data_base64")
    if packed is not None:
        envelope["data"] = _unpacked(packed)
    return _completed(envelope)


def binary(value: bytes, headers: Mapping[str, str], key: bytes | None) -> dict[str, Any]:
    """The envelope of a binary event. A subject may be percent-encoded; the record's key tells."""
    envelope: dict[str, Any] = {}
    for header, text in headers.items():
        if header.startswith(PREFIX) and header[len(PREFIX) :] not in _FORMAL:
            name = header[len(PREFIX) :]
            envelope[_ATTRIBUTES.get(name, name)] = text
    subject = envelope.get("call_id")
    if subject is not None and subject.encode() != key:
        envelope["call_id"] = _decoded(subject)
    envelope["data"] = bounded_json(value) if value else None
    return _completed(envelope)


def _completed(envelope: dict[str, Any]) -> dict[str, Any]:
    """Attributes that are text by their encoding become what they are; `data` fills gaps."""
    for name in _WHOLE_NUMBERS:
        envelope[name] = _whole(envelope.get(name))
    is_test = envelope.get("is_test")
    envelope["is_test"] = _TRUTHS.get(is_test, is_test) if isinstance(is_test, str) else is_test
    data = envelope.get("data")
    if isinstance(data, dict):
        for name, sort in _MEMBERS.items():
            if envelope.get(name) is None and type(data.get(name)) is sort:
                envelope[name] = data[name]
    return envelope


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _whole(value: Any) -> Any:
    fits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
    return int(value) if fits else value


def _unpacked(packed: Any) -> Any:
    try:
        # Of text that is not ASCII it says so with a plain ValueError.
        text = b64decode(packed, validate=True)
    except (ValueError, TypeError) as why:
        raise Unreadable(
            f"found data_base64 that is not base64 ({type(why).__name__}); expected it to be"
        ) from None
    return bounded_json(text)
