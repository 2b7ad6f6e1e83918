"""Whether a node runs: the tests of its `when`, on the same paths that templates use.

| op | holds when | a missing path |
|---|---|---|
| eq, neq | equal; so are 7 and "7", true and "true"; two texts only letter by letter | neq |
| gt gte lt lte | both read as numbers; or both are moments; or both are texts, in the order of their letters | never |
| in, nin | equal (as by eq) to an item of the list | nin |
| contains, not_contains | a text holds the text, a list an equal item, an object a member of the name | not_contains |
| starts_with, ends_with | a text (or number, as text) does | never |
| exists | there is a value, null included; with `value: false` there is none | exists with false |

Two texts of digits are not equal as numbers: a phone number is not its neighbour without a zero.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

from schemas.workflow import Test, When
from streams.templates.paths import MISSING, Path, lookup, parse
from streams.templates.values import as_text

Comparison: TypeAlias = Callable[[Any, Any], bool]


def holds(when: When, context: Mapping[str, Any]) -> bool:
    """Whether a condition is true of a call's data. Raises PathFault for a path that `check_path`
    refuses, KeyError for an operator that is not among OPERATORS."""
    told = (holds(one, context) if isinstance(one, When) else _true(one, context) for one in when.tests)
    return all(told) if when.mode == "all" else any(told)


def paths(when: When | None) -> frozenset[Path]:
    """The canonical paths that a condition looks at. Raises PathFault."""
    if when is None:
        return frozenset()
    nested = (paths(one) if isinstance(one, When) else {_path(one.path)} for one in when.tests)
    return frozenset().union(*nested)


def _true(test: Test, context: Mapping[str, Any]) -> bool:
    value = lookup(context, _path(test.path))
    if test.op == "exists":
        return (value is not MISSING) is not (test.value is False)
    if value is MISSING:
        return test.op in _TRUE_OF_NOTHING
    return _COMPARISONS[test.op](value, test.value)


_path: Final = lru_cache(maxsize=4096)(parse)
_TRUE_OF_NOTHING: Final = frozenset({"neq", "nin", "not_contains"})


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return _boolean(value) is not None and _boolean(value) == _boolean(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    one, other = _number(value), _number(wanted)
    if one is not None and other is not None:
        return one == other
    return type(value) is type(wanted) and bool(value == wanted)


def _ordered(order: Comparison) -> Comparison:
    def compare(value: Any, wanted: Any) -> bool:
        for reading in (_number, _moment, _letters):
            one, other = reading(value), reading(wanted)
            if one is not None and other is not None:
                return order(one, other)
        return False

    return compare


def _among(value: Any, wanted: Any) -> bool:
    return any(_equal(value, item) for item in (wanted if isinstance(wanted, list | tuple) else [wanted]))


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_equal(item, wanted) for item in value)
    if isinstance(value, Mapping):
        return wanted in value if isinstance(wanted, str) else False
    return value is not None and as_text(wanted) in as_text(value)


def _starts(value: Any, wanted: Any) -> bool:
    return isinstance(value, str | int | float) and as_text(value).startswith(as_text(wanted))


def _ends(value: Any, wanted: Any) -> bool:
    return isinstance(value, str | int | float) and as_text(value).endswith(as_text(wanted))


def _not(comparison: Comparison) -> Comparison:
    return lambda value, wanted: not comparison(value, wanted)


_COMPARISONS: Final[dict[str, Comparison]] = {
    "eq": _equal,
    "neq": _not(_equal),
    "gt": _ordered(gt),
    "gte": _ordered(ge),
    "lt": _ordered(lt),
    "lte": _ordered(le),
    "in": _among,
    "nin": _not(_among),
    "contains": _contains,
    "not_contains": _not(_contains),
    "starts_with": _starts,
    "ends_with": _ends,
}
OPERATORS: Final = frozenset(_COMPARISONS) | {"exists"}

_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?\s*", re.ASCII)


def _number(value: Any) -> int | float | None:
    """A number, or a text that reads as one."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    if not isinstance(value, str) or (matched := _NUMBER.fullmatch(value)) is None:
        return None
    return float(value) if matched[1] or matched[2] else int(value)


def _moment(value: Any) -> datetime | None:
    """A text that is a moment with its offset."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _letters(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> bool | None:
    """A truth, or a text that says one."""
    if isinstance(value, bool):
        return value
    said = value.strip().lower() if isinstance(value, str) else ""
    return {"true": True, "false": False}.get(said)
