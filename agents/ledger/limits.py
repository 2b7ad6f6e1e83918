"""What of a JSON text is too much for an event: size, depth, numbers, and text that is none."""

from typing import Any, Final

MOST_BYTES: Final = 1 << 20
MOST_DEPTH: Final = 64
_INTEGERS: Final = range(-(2**63), 2**64)


def fault_of_text(text: bytes) -> str | None:
    """What can be said against a text before it is parsed; None if nothing."""
    if len(text) > MOST_BYTES:
        return f"{len(text)} bytes"
    try:
        text.decode()
    except UnicodeDecodeError:
        return "no UTF-8"
    return None


def fault_of_value(value: Any) -> str | None:
    """What can be said against a parsed value; None if nothing. It never recurses."""
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        if not level:
            return None
        deeper: list[Any] = []
        for each in level:
            if fault := _fault_of_one(each):
                return fault
            deeper += _inside(each)
        level = deeper
    return f"nested over {MOST_DEPTH} levels deep" if any(map(_nests, level)) else _last(level)


def _last(level: list[Any]) -> str | None:
    return next((fault for each in level if (fault := _fault_of_one(each))), None)


def _nests(value: Any) -> bool:
    return isinstance(value, dict | list)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _fault_of_one(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "a NUL character"
        return "half a surrogate pair" if not _encodes(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return None if value in _INTEGERS else "a whole number beyond 64 bits"
    if isinstance(value, float):
        return None if value - value == 0 else "a number that is none"
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
