"""The names that templates and conditions may use, and how one is found in a call's data.

A path is a root and what follows it (2-calls.md, "Data a template can use"). A single name that is
no root is a variable of the conversation, or else what a known platform calls the same thing.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str, ...]

ROOTS: Final = frozenset(
    {
        "call",
        "agent",
        "workflow",
        "variables",
        "transcript",
        "transcript_text",
        "recording",
        "analytics",
        "nodes",
        "now",
    }
)

ALIASES: Final = {
    "call_id": "call",
    "caller_phone": "call",
    "user_number": "call",
    "agent_number": "call",
    "call_duration": "call",
    "call_direction": "call",
    "call_summary": "analytics",
    "disposition": "analytics",
    "current_date": "now",
    "current_time": "now",
    "current_day": "now",
    "timezone": "agent",
}
"""Names that known platforms use, and the root each is drawn from; a variable of the name wins."""

MISSING: Final[Any] = type("Missing", (), {"__repr__": lambda _: "MISSING", "__bool__": lambda _: False})()
"""There is nothing at a path; unlike None, which is a value."""

_SEGMENT: Final = r"[\w-]+"
PATH: Final = rf"[^\W\d][\w-]*(?:\.{_SEGMENT})*"
"""A dotted path, as a regular expression."""

_DOTTED: Final = re.compile(rf"({PATH})((?:\[(?:\d+|'[^']*'|\"[^\"]*\")\]|\.{_SEGMENT})*)")
_STEP: Final = re.compile(rf"\.({_SEGMENT})|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


class PathFault(ValueError):
    """A path cannot be meant: the message says what was found and what was expected."""


def parse(text: str) -> Path:
    """The path that a condition names, such as `nodes.crm.response.body.items[0].id`.

    Raises PathFault if it is not written like a path, or starts at an unknown root.
    """
    matched = _DOTTED.fullmatch(text.strip())
    if matched is None:
        raise PathFault(f"found {text!r}; expected a path such as analytics.disposition")
    steps = ("".join(groups) for groups in _STEP.findall(matched[2]))
    return canonical((*matched[1].split("."), *steps))


def canonical(path: Path) -> Path:
    """The path with its root spelled out: `name` is `variables.name`. Raises PathFault."""
    root = path[0]
    if root == "secrets":
        raise PathFault(
            f"found {'.'.join(path)!r}; expected a secret only as {{{{ secrets.NAME }}}}, without filters, "
            "in a header, a URL or auth"
        )
    if root == "nodes" and len(path) < 2:
        raise PathFault("found 'nodes' alone; expected nodes.<node id>.response")
    if root in ROOTS:
        return path
    if len(path) > 1:
        raise PathFault(
            f"found unknown root {root!r} in {'.'.join(path)!r}; expected variables.{'.'.join(path)}, "
            f"or one of {', '.join(sorted(ROOTS))}"
        )
    return path if root in ALIASES else ("variables", root)


def lookup(context: Mapping[str, Any], path: Path) -> Any:
    """The value at a canonical path, or MISSING."""
    value = context.get(path[0], MISSING)
    if value is MISSING and len(path) == 1:
        value = step(context.get("variables", MISSING), path[0])
    for segment in path[1:]:
        if value is MISSING:
            return MISSING
        value = step(value, segment)
    return value


def step(value: Any, segment: str | int) -> Any:
    """One step down: a member of an object or an item of a list, else MISSING.

    `size`, `first` and `last` work as in Liquid where no member has the name.
    """
    if isinstance(value, Mapping):
        if segment in value:
            return value[segment]
        if isinstance(segment, int):
            return value.get(str(segment), MISSING)
    elif isinstance(value, list | tuple | range):
        index = _index(segment)
        if index is not None:
            return value[index] if -len(value) <= index < len(value) else MISSING
        if segment in ("first", "last"):
            return value[0 if segment == "first" else -1] if value else MISSING
    if segment == "size" and isinstance(value, Mapping | list | tuple | range | str):
        return len(value)
    return MISSING


def _index(segment: str | int) -> int | None:
    if isinstance(segment, int):
        return segment
    # Longer numbers are no index of anything, and Python refuses to read very long ones.
    return int(segment) if segment.isascii() and segment.isdigit() and len(segment) < 10 else None
