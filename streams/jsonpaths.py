"""What a JSONPath leads along, limited to members and items: `$.a.b[0]['c']`, or `users.0.email`.

Anything more is refused: filters hold regular expressions, which a reply could make run for hours.
A path of plain names, as nearly all are, is read here; the library, which takes long to load, reads the others.
"""

import re
from functools import lru_cache
from typing import Any, Final, TypeAlias

from streams.template import TemplateFault

Steps: TypeAlias = tuple[str | int, ...]

PATH_LIMIT: Final = 1024


def steps(path: str) -> Steps:
    """The members and items that an `extract` path leads along. Raises TemplateFault."""
    if len(path) > PATH_LIMIT:
        raise TemplateFault(f"found a path of {len(path)} characters; expected at most {PATH_LIMIT}")
    return _steps(path.strip())


@lru_cache(maxsize=4096)
def _steps(path: str) -> Steps:
    rooted = _in_jsonpath(path)
    return tuple(rooted.split(".")[1:]) if _PLAIN.fullmatch(rooted) else _read(path, rooted)


_PLAIN: Final = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*)+")


def _in_jsonpath(path: str) -> str:
    """`users.0.email` as `$.users[0].email`."""
    rooted = path if path.startswith("$") else f"${path}" if path.startswith("[") else f"$.{path}"
    return _DOTTED_INDEX.sub(r"[\1]", rooted)


_DOTTED_INDEX: Final = re.compile(r"\.(\d+)(?=[.\[]|$)")


def _read(path: str, rooted: str) -> Steps:
    from jsonpath import JSONPathEnvironment
    from jsonpath.exceptions import JSONPathError

    try:
        read = JSONPathEnvironment(strict=True).compile(rooted)
    except (JSONPathError, RecursionError) as fault:
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise TemplateFault(f"found the path {path!r}: {reason}; expected one such as $.ticket.id") from None
    led = [_step(segment) for segment in getattr(read, "segments", (None,))]
    along = tuple(one for one in led if one is not None)
    if len(along) < len(led):
        raise TemplateFault(f"found {path!r}; expected only members and items, such as $.a.b[0]")
    return along


def _step(segment: Any) -> str | int | None:
    from jsonpath.segments import JSONPathChildSegment
    from jsonpath.selectors import IndexSelector, NameSelector

    if isinstance(segment, JSONPathChildSegment) and len(segment.selectors) == 1:
        match segment.selectors[0]:
            case NameSelector(name=name):
                return name
            case IndexSelector(index=index):
                return index
    return None
