"""What is wrong with a document, and where: one line a fault, all of them at once.

A message says what was found, then what was expected. It never quotes a URL or a credential: both
may be secrets, and faults end up in logs.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

from msgspec import Struct

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: the keys and list positions that lead to it."""

WHOLE: Final = "document"
"""The path that is shown for the document itself."""

MOST_FAULTS: Final = 500
"""Kept of one document, and as many warnings."""

_SHOWN: Final = 60


class Fault(Struct, frozen=True):
    """One thing that is wrong: `FILE:LINE: path: what was found; what was expected`.

    `line` counts from 1; it is 0 where there is no text, only a value.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.message}"


class Findings:
    """Collects the faults and warnings of one document, each with the line of its path."""

    def __init__(self, file: str, lines: Mapping[Path, int]) -> None:
        self._file = file
        self._lines = lines
        self._errors: dict[Fault, None] = {}
        self._warnings: dict[Fault, None] = {}

    @property
    def has_room(self) -> bool:
        """Whether another warning would still be kept; working one out may take a while."""
        return len(self._warnings) <= MOST_FAULTS

    @property
    def has_room_for_faults(self) -> bool:
        """Whether another fault would still be kept."""
        return len(self._errors) <= MOST_FAULTS

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults so far, in the order of their lines."""
        return tuple(sorted(self._errors, key=lambda fault: fault.line))

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The warnings so far, in the order of their lines."""
        return tuple(sorted(self._warnings, key=lambda fault: fault.line))

    def fault(self, path: Path, message: str, line: int | None = None) -> None:
        """The document is refused because of this; the line is the path's where none is given."""
        if len(self._errors) < MOST_FAULTS:
            self._errors[self._at(path, message, line)] = None
        elif len(self._errors) == MOST_FAULTS:
            message = f"found over {MOST_FAULTS} faults; expected none, and the others are not shown"
            self._errors[self._at((), message)] = None

    def warn(self, path: Path, message: str) -> None:
        """The document is accepted, and this is said."""
        if self.has_room:
            self._warnings[self._at(path, message)] = None

    def _at(self, path: Path, message: str, line: int | None = None) -> Fault:
        at = line_of(path, self._lines) if line is None else line
        return Fault(self._file, at, path_text(path), message)


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a path, or of the nearest value around it where the path itself is not written."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def path_text(path: Path) -> str:
    """How a path is written: `nodes[2].headers.X-Team`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_one_line(step)}"
    return text.removeprefix(".") or WHOLE


def found(value: Any) -> str:
    """Names a JSON value in a message, shortened."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return quoted(value)
        case dict():
            return "an object"
        case _:
            return "a list"


def quoted(text: str) -> str:
    """A text in quotes, on one line, shortened."""
    return f"'{_one_line(text)}'"


def one_of(names: tuple[str, ...] | frozenset[str]) -> str:
    """`one of a, b, c`, sorted unless their order was given."""
    ordered = names if isinstance(names, tuple) else tuple(sorted(names))
    return f"one of {', '.join(ordered)}" if len(ordered) > 1 else ordered[0]


def nearest(name: str, known: frozenset[str]) -> str | None:
    """The known name that somebody who wrote `name` may have meant."""
    close = get_close_matches(name.lower()[:_SHOWN], sorted(known), n=1, cutoff=0.7)
    return close[0] if close else None


def _one_line(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[: _SHOWN + 1])
    return printable if len(text) <= _SHOWN else printable[:_SHOWN] + "…"
