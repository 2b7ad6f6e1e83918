"""From a voice platform's payload to canonical events, as its table says.

The same payload gives the same events with the same ids, whenever and however often it comes: said again it is a
duplicate (R13).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from msgspec import Struct, json

from schemas.adapters.tables import Adapter, Said
from schemas.encodings.bounded_json import MOST_BYTES, Unreadable, bounded_json
from schemas.encodings.envelopes import MOST_TEXT_BYTES
from schemas.encodings.naming import named
from schemas.events import CALL_ENDED, short_hash
from schemas.reasons import UNKNOWN, canonical
from schemas.wire import moment
from streams.adapters.places import fits, found
from streams.adapters.taking import members, taken

NOT_ANSWERED: Final = frozenset(
    {"busy", "no_answer", "rejected", "dial_failed", "blocked", "setup_error", "cancelled"}
)
"""Ends at which a time of an answer is not believed: platforms put the time of dialling there."""

LONGEST_SHOWN: Final = 60
"""Characters of a platform's own word in a message."""


class Adapted(Struct, frozen=True):
    """The events of a payload, as they stand on `call-events`; none where it is passed over on purpose.

    `unmapped` are the reasons among them that nobody mapped.
    """

    events: tuple[dict[str, Any], ...] = ()
    unmapped: tuple[str, ...] = ()


class Unknown(Struct, frozen=True):
    """A payload of a sort that the platform's table does not have; `told_by` shows which."""

    told_by: str


def payload_of(value: bytes) -> dict[str, Any]:
    """A payload as a platform sends it: a JSON object, or a form (`CallSid=CA1&CallStatus=ringing`).

    Raises Unreadable as `bounded_json` does.
    """
    text = value.strip()
    if text and text[:1] not in b'{["' and b"=" in text and b"\n" not in text:
        return _form(text)
    payload = bounded_json(value)
    if not isinstance(payload, dict):
        raise Unreadable(f"found {named(payload)}; expected an object, a platform's payload")
    return payload


def adapt(adapter: Adapter, payload: dict[str, Any], recorded_at: datetime) -> Adapted | Unknown:
    """What a payload says. `recorded_at` is when it came, for what has no time of its own.

    Raises Unreadable where a payload that says something names no call.
    """
    heart = _heart(adapter, payload)
    rule = next((rule for rule in adapter.rules if fits(heart, rule.when)), None)
    if rule is None:
        shown = (f"{place}={_shown(found(heart, place))}" for place in adapter.told_by)
        return Unknown(", ".join(shown))
    said = [(each, part) for each in rule.says for part in _parts(each, heart)]
    if not said:
        return Adapted()
    envelope = _envelope(adapter, heart, moment(recorded_at))
    own = _own_id(adapter, heart, payload)
    events, unmapped = [], []
    for number, (each, part) in enumerate(said):
        data, missing = _data(adapter, each, heart, part)
        events.append(_event(envelope, each, heart, f"{own}#{number}", data, number))
        unmapped += missing
    return Adapted(tuple(events), tuple(unmapped))


def _form(text: bytes) -> dict[str, Any]:
    if len(text) > MOST_BYTES:
        raise Unreadable(f"found {len(text)} bytes; expected at most {MOST_BYTES}")
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise Unreadable("found a form that is not UTF-8; expected UTF-8") from None


def _heart(adapter: Adapter, payload: dict[str, Any]) -> dict[str, Any]:
    for place in adapter.inside:
        heart = found(payload, place)
        if isinstance(heart, dict) and heart:
            return heart
    return payload


def _parts(said: Said, heart: Any) -> Iterator[Any]:
    """What an event is said of: the payload, or each item of a list in it; nothing, where it is not said."""
    if said.needs and found(heart, said.needs) in (None, [], {}):
        return
    if not said.each:
        yield heart
        return
    items = found(heart, said.each)
    yield from (item for item in (items if isinstance(items, list) else ()) if fits(item, said.where))


def _envelope(adapter: Adapter, heart: Any, recorded_at: str) -> dict[str, Any]:
    """What all events of a payload have in common."""
    call_id = _word(found(heart, adapter.call_id))
    if call_id is None:
        raise Unreadable(f"found no {adapter.call_id.split(' | ')[0]}; expected the call's id there")
    return {
        "call_id": call_id,
        "agent_id": _word(found(heart, adapter.agent_id)) if adapter.agent_id else None,
        "source": adapter.platform,
        "seq": taken(heart, adapter.seq) if adapter.seq else None,
        "occurred_at": (taken(heart, adapter.at) if adapter.at else None) or recorded_at,
        "direction": taken(heart, adapter.direction) if adapter.direction else None,
        "channel": taken(heart, adapter.channel) if adapter.channel else None,
        "session_id": _word(found(heart, adapter.session_id)) if adapter.session_id else None,
    }


def _own_id(adapter: Adapter, heart: Any, payload: dict[str, Any]) -> str:
    """The platform's id of a payload, or a hash of it."""
    own = _word(found(heart, adapter.id)) if adapter.id else None
    if own is not None and len(own.encode()) < MOST_TEXT_BYTES // 2:
        return own
    return short_hash(json.encode(payload, order="deterministic").decode(), size=16).hex()


def _data(adapter: Adapter, said: Said, heart: Any, part: Any) -> tuple[dict[str, Any], list[str]]:
    """The `data` of an event, and its reason if nobody mapped that."""
    data = members(heart, adapter.everywhere) | members(part, said.data)
    if said.type != CALL_ENDED:
        return data, []
    unmapped = _reason(adapter, found(heart, said.reason), data) if said.reason else []
    if data.get("reason") in NOT_ANSWERED:
        data.pop("answered_at", None)
    return data, unmapped


def _reason(adapter: Adapter, raw: Any, data: dict[str, Any]) -> list[str]:
    """Put the reason in, and the platform's own word beside it. What nobody mapped only as the latter: the reader
    then counts it."""
    if not isinstance(raw, str):
        data.setdefault("reason", UNKNOWN)
        return []
    data["raw_reason"] = raw
    reason = adapter.reasons.get(raw)
    if reason is None:
        known = canonical(None, raw)
        if not known.mapped:
            return [_shown(raw)]
        reason = known.canonical
    data["reason"] = reason
    return []


def _event(
    envelope: dict[str, Any], said: Said, heart: Any, event_id: str, data: dict[str, Any], number: int
) -> dict[str, Any]:
    at = taken(heart, said.at) if said.at else None
    event = {"id": event_id, "type": said.type, **envelope}
    if at is not None:
        event["occurred_at"] = at
    if said.each:
        event["seq"] = number + 1
    event["data"] = data
    return {name: value for name, value in event.items() if value is not None and value != {}}


def _word(value: Any) -> str | None:
    """An id; whole numbers are some, too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def _shown(value: Any) -> str:
    """A platform's own word, as a message shows it."""
    if value is None:
        return "nothing"
    return repr(value[:LONGEST_SHOWN]) if isinstance(value, str) else named(value)
