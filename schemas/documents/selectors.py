"""JSONPath with child and index selectors only: `$.ticket.id`, `$['odd name'][0]`, `$.items[-1]`.

Filters are left out on purpose: one regular expression in a filter can hold a worker for seconds.
"""

import re
from typing import Final

_STEP: Final = re.compile(
    r"\.(?P<name>[^\W\d]\w*)|\[(?P<index>0|-?[1-9][0-9]{0,8})\]|\['(?P<single>[^'\\]*)'\]|\[\"(?P<double>[^\"\\]*)\"\]"
)
_LONGEST: Final = 500


def selector(path: str) -> tuple[str | int, ...]:
    """The keys and positions that a path names. Raises ValueError, worded as found and expected."""
    if not path.startswith("$") or len(path) > _LONGEST:
        raise ValueError(_complaint(path))
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(_complaint(path))
        steps.append(int(match["index"]) if match["index"] else _name(match))
        at = match.end()
    return tuple(steps)


def _name(match: re.Match[str]) -> str:
    return next(name for name in (match["name"], match["single"], match["double"]) if name is not None)


def _complaint(path: str) -> str:
    return f"found {path[:60]!r}; expected a path of names and positions such as $.ticket.id or $['a b'][0]"
