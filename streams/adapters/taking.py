"""What a table takes out of a payload, made into what an event's `data` has.

What is not there, or cannot be read as what the table says, is left out: an event with less in it is better than
none, and what an event cannot do without its reader checks.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, assert_never

from schemas.adapters.tables import Case, Fixed, Form, Inner, Named, Place, Sum, Take, Together, Turns, Value
from schemas.encodings.moments import in_utc, utc
from schemas.wire import moment
from streams.adapters.places import found

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_A_SECOND: Final[Mapping[str, int]] = {"seconds": 1, "milliseconds": 1000, "nanoseconds": 1_000_000_000}

_LATEST: Final = 32_503_680_000
"""Seconds since 1970 until the year 3000; what is later is no time."""


def members(payload: Any, takes: Mapping[str, Take]) -> dict[str, Any]:
    """All that is there of an object's members."""
    said = {name: taken(payload, take) for name, take in takes.items()}
    return {name: value for name, value in said.items() if value is not None}


def taken(payload: Any, take: Take) -> Any:
    """What a table takes; None for nothing."""
    match take:
        case Value():
            return _value(payload, take)
        case Fixed(value):
            return value
        case Sum(places, form):
            return _sum(payload, places, form)
        case Case(place, of):
            chosen = of.get(str(found(payload, place)))
            return None if chosen is None else _value(payload, chosen)
        case Turns():
            return _turns(payload, take)
        case Named(place, name, value):
            return _named(found(payload, place), name, value)
        case Inner(place, value):
            return _inner(found(payload, place), value)
        case Together(named, spread):
            return _together(payload, named, spread)
        case _:
            assert_never(take)


def _value(payload: Any, take: Value) -> Any:
    value = found(payload, take.place)
    if value is None:
        return None
    if take.words:
        return take.words.get(str(value))
    return _formed(value, take.form, take.per)


def _formed(value: Any, form: Form, per: int) -> Any:
    match form:
        case "as_is":
            return value
        case "text":
            return _text(value)
        case "number":
            number = _number(value)
            return None if number is None else _plain(number / per)
        case "whole":
            number = _number(value)
            return int(number) if number is not None and number.is_integer() else None
        case "moment":
            return _moment(value)
        case "seconds" | "milliseconds" | "nanoseconds":
            return _since_1970(_number(value), form)
        case _:
            assert_never(form)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(number: float) -> float | int:
    return int(number) if number.is_integer() else number


def _moment(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    at = utc(value) or _of_mail(value)
    return None if at is None else moment(at)


def _of_mail(text: str) -> datetime | None:
    """A moment as RFC 2822 has them, `Sun, 25 Mar 2018 09:53:19 +0000`."""
    try:
        return in_utc(parsedate_to_datetime(text))
    except ValueError:
        return None


def _since_1970(number: float | None, form: str) -> str | None:
    if number is None or not 0 < number / _A_SECOND[form] < _LATEST:
        return None
    return moment(_EPOCH + timedelta(seconds=number / _A_SECOND[form]))


def _sum(payload: Any, places: tuple[Place, ...], form: str) -> str | None:
    numbers = [_number(found(payload, place)) for place in places]
    known = [number for number in numbers if number is not None]
    return _since_1970(sum(known), form) if len(known) == len(numbers) else None


def _turns(payload: Any, take: Turns) -> list[dict[str, Any]] | None:
    lines = found(payload, take.place)
    if not isinstance(lines, list):
        return None
    turns = []
    for line in lines:
        role, content = found(line, take.role), found(line, take.content)
        role = take.roles.get(str(role)) if take.roles else role
        if isinstance(role, str) and isinstance(content, str):
            at = found(line, take.at) if take.at else None
            turns.append({"role": role, "content": content} | ({} if at is None else {"at": at}))
    return turns


def _named(things: Any, name: Place, value: Place) -> dict[str, Any] | None:
    if not isinstance(things, list):
        return None
    return {called: found(thing, value) for thing in things if isinstance(called := found(thing, name), str)}


def _inner(things: Any, value: Place) -> dict[str, Any] | None:
    if not isinstance(things, dict):
        return None
    return {name: found(thing, value) for name, thing in things.items()}


def _together(
    payload: Any, named: Mapping[str, Value], spread: tuple[Value | Named | Inner, ...]
) -> dict[str, Any] | None:
    whole = members(payload, named)
    for take in spread:
        more = taken(payload, take)
        whole |= more if isinstance(more, dict) else {}
    return whole or None
