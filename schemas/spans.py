"""Spans of time as people write them: `250ms`, `3s`, `5m`, `2h`, `7d`."""

import re
from datetime import timedelta
from typing import Final

LONGEST: Final = timedelta(days=365)

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)", re.ASCII)


def span(text: str) -> timedelta:
    """The span that a text states. Raises ValueError, worded as found and expected."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"found {text[:40]!r}; expected a duration such as 250ms, 3s, 5m, 2h or 7d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"found {text[:40]!r}; expected at most {LONGEST.days}d")
    return timedelta(seconds=seconds)


def span_text(length: timedelta) -> str:
    """The shortest way to write a span: the largest unit that states it whole, down to milliseconds."""
    milliseconds = round(length.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"
