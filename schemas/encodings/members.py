"""What is inside `data`: ids and names, and what an event cannot be understood without.

Most of `data` may be missing or odd, and then is as good as not said. But a node event that names no node
says that something happened which decides the verdict, and not what: it is unreadable, so that somebody
hears of it.
"""

from typing import Any, Final

from schemas.encodings.bounded_json import Unreadable
from schemas.encodings.naming import named

LONGEST_WORD: Final = 256
"""Characters of a node id, a number or a name inside `data`; longer ones are no ids and not kept."""

_OF_A_NODE: Final = frozenset({"node.entered", "closing.spoken"})


def word(value: Any) -> str | None:
    """An id or a name inside `data`: a string of sensible length (or a whole number), else None."""
    if type(value) is int:
        value = str(value)
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_WORD else None


def check(event_type: str, data: dict[str, Any]) -> None:
    """Raise Unreadable if an event of this type means nothing with this `data`."""
    if event_type in _OF_A_NODE and word(data.get("node_id")) is None:
        raise Unreadable(
            f"found {_found(data.get('node_id'))} as data.node_id of {event_type}; "
            f"expected a node's id, 1 to {LONGEST_WORD} characters"
        )


def _found(value: Any) -> str:
    if isinstance(value, str):
        return f"{len(value)} characters" if value else "an empty string"
    return "nothing" if value is None else named(value)
