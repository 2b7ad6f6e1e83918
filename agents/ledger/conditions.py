"""Whether a node's `when` holds: true, false, or not to be told from outside.

What the conversation said (variables, analytics, how it ended) is known here as well; what an endpoint
answered, and what a privacy rule took away, is not.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Any, Final

from agents.ledger.reading import Reading
from agents.ledger.told import Told


class NotKnown(Exception):
    """A path whose value cannot be told from outside; the message names it."""


_NOTHING: Final = object()
_PLATFORM: Final = frozenset(
    {
        *("call_id", "caller_phone", "user_number", "agent_number", "call_duration", "call_direction"),
        *("call_summary", "disposition", "current_date", "current_time", "current_day", "timezone"),
    }
)
"""Bare names that mean something else where no variable is called so."""

Value = Callable[[str], Any]


def holds(when: Mapping[str, Any], value_of: Value) -> bool | None:
    """Whether a condition holds; None where that depends on what is not known here."""
    mode = "all" if "all" in when else "any"
    found = [
        holds(one, value_of) if one.keys() & {"all", "any"} else _holds(one, value_of) for one in when[mode]
    ]
    deciding = mode == "any"
    if deciding in found:
        return deciding
    return None if None in found else not deciding


def _holds(test: Mapping[str, Any], value_of: Value) -> bool | None:
    try:
        return _compared(test["op"], value_of(test["path"]), test.get("value", True))
    except NotKnown:
        return None


def _compared(op: str, value: Any, wanted: Any) -> bool:
    if op == "exists":
        return (value is not _NOTHING) is not (wanted is False)
    if op in _OPPOSITES:
        return value is _NOTHING or not _TESTS[_OPPOSITES[op]](value, wanted)
    return value is not _NOTHING and _TESTS[op](value, wanted)


def values(told: Sequence[Told], reading: Reading, private: bool, by: float, until: float) -> Value:
    """What a call's conversation said, by path, for a node whose verdict came `by` then and that waited for
    analytics until then. `private`: rules took something away, nobody here knows what."""
    variables: dict[str, Any] = {}
    updates = [each for each in told if each.type == "variables.updated"]
    analytics = [each for each in told if each.type == "analytics.completed"]
    for each in sorted(updates, key=lambda one: one.order):
        if isinstance(each.data.get("variables"), dict):
            variables |= each.data["variables"]
    call = {"verdict": reading.verdict, "end_reason": reading.reason, "id": told[0].call_id}
    known: dict[str, Any] = {"call": {**call, "end_node_id": reading.end_node_id}}
    # What came later may or may not have been there when the node ran.
    in_time = all(each.at <= by for each in updates)
    if in_time:
        known["variables"] = variables
    if len(analytics) == 1 and analytics[0].at <= until:
        known["analytics"] = analytics[0].data

    def value_of(path: str) -> Any:
        parts = path.split(".")
        bare = len(parts) == 1 and parts[0] not in known
        if private or (bare and not in_time) or any(not part.replace("_", "a").isalnum() for part in parts):
            raise NotKnown(path)
        if bare and parts[0] in variables:
            return variables[parts[0]]
        if bare and parts[0] not in _PLATFORM:
            return _NOTHING
        if parts[0] not in known or (parts[0] == "call" and parts[-1] not in known["call"]):
            raise NotKnown(path)
        return _walked(known, parts)

    return value_of


def _walked(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if not isinstance(value, Mapping):
            raise NotKnown(".".join(parts))
        if part not in value:
            return _NOTHING
        value = value[part]
    return value


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return _truth(value) is not None and _truth(value) == _truth(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    one, other = _number(value), _number(wanted)
    if one is not None and other is not None:
        return one == other
    return type(value) is type(wanted) and bool(value == wanted)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, wanted: Any) -> bool:
        for read in (_number, _moment, _text):
            one, other = read(value), read(wanted)
            if one is not None and other is not None:
                return compare(one, other)
        return False

    return test


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return any(_equal(item, wanted) for item in value)
    if isinstance(value, Mapping):
        return isinstance(wanted, str) and wanted in value
    return value is not None and _words(wanted) in _words(value)


def _among(value: Any, wanted: Any) -> bool:
    return any(_equal(value, item) for item in wanted)


def _words(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotKnown(repr(type(value)))
    return str(value)


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and set(value.strip()) - set("0123456789+-.eE"):
        return None
    try:
        return value if not isinstance(value, str) else float(value)
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


_TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": _equal,
    "gt": _ordered(gt),
    "gte": _ordered(ge),
    "lt": _ordered(lt),
    "lte": _ordered(le),
    "in": _among,
    "contains": _contains,
    "starts_with": lambda value, wanted: _words(value).startswith(_words(wanted)),
    "ends_with": lambda value, wanted: _words(value).endswith(_words(wanted)),
}
_OPPOSITES: Final = {"neq": "eq", "nin": "in", "not_contains": "contains"}
