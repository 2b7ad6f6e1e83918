"""What templates may do to a value: the Liquid filters that are bounded, and only those.

The engine limits loops and output, not filters: `replace` and `join` multiply two texts, numbers may
grow without end, `date` reads the worker's clock. So each filter here is counted, before where its
result may grow. Left out: strip_html (its parser is quadratic), and what makes no sense without HTML.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from liquid import Environment
from liquid.exceptions import FilterArgumentError, FilterValueError

from schemas.wire import json_bytes
from streams.templates.filter_names import FILTERS, OF_TEXT
from streams.templates.meter import Meter
from streams.templates.values import Json, as_text, native

Filter = Callable[..., Any]

_NUMBER_BITS: Final = 1024
_ESCAPED_LENGTH: Final = 12
"""The longest that one character becomes (a 4-byte one, percent-encoded)."""


def allow(environment: Environment, encoded_anyway: bool) -> None:
    """Leave an environment only these filters, each counted.

    `encoded_anyway`: the text goes into a URL, where url_encode would encode a second time.
    """
    known = environment.filters
    environment.filters = {name: _counted(name, known.get(name)) for name in FILTERS - {"date", "json"}}
    environment.filters["date"] = _with_context(_date)
    environment.filters["json"] = _with_context(_json)
    if encoded_anyway:
        environment.filters["url_encode"] = _with_context(_unchanged)


def _counted(name: str, known: Filter | None) -> Filter:
    if known is None:
        raise LookupError(f"found no filter {name!r} in the template engine; expected one")
    growth: Filter | None = _GROWTH.get(name, _escaping if name in OF_TEXT else None)

    def counted(value: Any, *arguments: Any, context: Any, **named: Any) -> Any:
        meter: Meter = context.meter
        for one in (value, *arguments):
            meter.value(one)
        if name in OF_TEXT:
            value, arguments = as_text(value), tuple(map(_plain, arguments))
        if growth is not None:
            growth(meter, value, *arguments)
        if getattr(known, "with_environment", False):
            named["environment"] = context.env
        result = known(value, *arguments, **named)
        return _bounded_number(result) if isinstance(result, int) else result

    return _with_context(counted)


def _unchanged(value: Any, *, context: Any) -> str:
    return as_text(value)


def _with_context(function: Filter) -> Filter:
    """Mark a filter as one that takes the `context` of the rendering."""
    function.with_context = True  # type: ignore[attr-defined]  # the engine looks for this attribute
    return function


def _plain(argument: Any) -> Any:
    return as_text(argument) if isinstance(argument, Mapping | list | tuple) else argument


def _bounded_number(number: int) -> int:
    if number.bit_length() > _NUMBER_BITS:
        raise FilterValueError(f"found a number of over {_NUMBER_BITS} bits", token=None)
    return number


def _escaping(meter: Meter, value: str, *arguments: Any) -> None:
    meter.text(len(value) + sum(len(str(one)) for one in arguments))
    meter.work(len(value) * _ESCAPED_LENGTH // 16)


def _replacing(meter: Meter, value: str, sought: Any = "", replacement: Any = "", *_: Any) -> None:
    times = value.count(str(sought))
    meter.text(len(value) + times * len(str(replacement)))


def _joining(meter: Meter, value: Any, separator: Any = " ", *_: Any) -> None:
    if isinstance(value, list | tuple):
        meter.text(len(value) * len(str(separator)) + sum(len(as_text(one)) for one in value))


def _splitting(meter: Meter, value: str, separator: Any = "", *_: Any) -> None:
    meter.work(value.count(str(separator)))


def _comparing(meter: Meter, value: Any, *_: Any) -> None:
    if isinstance(value, list | tuple | range):
        meter.work(len(value) ** 2)


_GROWTH: Final[dict[str, Filter]] = {
    "replace": _replacing,
    "join": _joining,
    "split": _splitting,
    "uniq": _comparing,
}
"""What counts a filter whose result may be far longer than what it gets, or that compares all pairs."""


def _json(value: Any, *, context: Any) -> Json:
    context.meter.value(value)
    return Json(json_bytes(native(value)).decode())


def _date(value: Any, form: Any = "%Y-%m-%d", *, context: Any) -> str:
    """A moment in the form asked for. Moments are RFC 3339 texts or seconds since 1970; anything
    else stays as it is, as in Liquid. `now` and `today` are the rendering's own."""
    if value in ("now", "today"):
        value = context.get(["now"], token=None)
    at = _moment(value)
    if at is None:
        return as_text(value)
    if not isinstance(form, str) or len(form) > 256:
        raise FilterArgumentError("found a date form that is no short text", token=None)
    return _DIRECTIVE.sub(partial(_directive, at), form)


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


_DIRECTIVE: Final = re.compile(r"%(-?)(.)", re.DOTALL)
_DIRECTIVES: Final = frozenset("aAbBdeHIjmMpSyYzZFTDRuwUVWGh%nt")


def _directive(at: datetime, matched: re.Match[str]) -> str:
    """One `%x` of a date form; widths are refused, because the C library would obey huge ones."""
    unpadded, letter = matched[1], matched[2]
    if letter == "s":
        return str(int(at.timestamp()))
    if letter == "L":
        return f"{at.microsecond // 1000:03d}"
    if letter not in _DIRECTIVES:
        raise FilterArgumentError(
            f"found {matched[0]!r} in a date form; expected no such directive", token=None
        )
    text = at.strftime(f"%{letter}")
    return (text.lstrip("0 ") or "0") if unpadded else text
