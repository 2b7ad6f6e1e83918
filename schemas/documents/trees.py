"""A text as a tree of values that know their lines, before anybody asks what they mean.

The readers of YAML and JSON both grow such trees. The limits here keep a small text from becoming
a large value: an alias in YAML costs three bytes and repeats whatever it names.
"""

import math
import re
from typing import Any, Final, TypeAlias

from msgspec import Struct

from schemas.documents.faults import Path

LARGEST_TEXT: Final = 1 << 20
"""Bytes of one file."""
DEEPEST: Final = 64
"""Levels of lists and objects inside one another."""
MOST_VALUES: Final = 100_000
"""Values in one document, with every alias written out."""
MOST_DOCUMENTS: Final = 1000
"""Documents in one file."""

_SMALLEST_NUMBER, _LARGEST_NUMBER = -(1 << 63), (1 << 64) - 1
_SURROGATE: Final = re.compile("[\\ud800-\\udfff]")

Scalar: TypeAlias = str | int | float | bool | None


class Unreadable(Exception):
    """A text that has no tree. `line` counts from 1; the message is worded as found and expected."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class TooLarge(Unreadable):
    """A text beyond the limits, whatever it says."""


class Leaf(Struct, frozen=True):
    """A scalar."""

    value: Scalar
    line: int
    size: int = 1
    depth: int = 0


class Branch(Struct, frozen=True):
    """A list, or an object when `keys` are there; a key may be there twice.

    `size` counts the values below and this one, `depth` the levels.
    """

    line: int
    children: tuple["Tree", ...]
    keys: tuple[tuple[str, int], ...] | None
    """Each key with its line."""
    size: int
    depth: int


Tree: TypeAlias = Leaf | Branch


class Source(Struct, frozen=True):
    """The plain JSON value of a tree, the line of each path, and what JSON cannot say.

    A fault is its path, its line and its message.
    """

    value: Any
    lines: dict[Path, int]
    faults: tuple[tuple[Path, int, str], ...]


def branch(line: int, children: list[Tree], keys: list[tuple[str, int]] | None) -> Branch:
    """A list or object of these. Raises Unreadable where it is too deep or too large."""
    size = 1 + sum(child.size for child in children)
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > DEEPEST:
        raise too_deep(line)
    if size > MOST_VALUES:
        raise TooLarge(line, f"found over {MOST_VALUES} values; expected at most that many in a document")
    return Branch(line, tuple(children), None if keys is None else tuple(keys), size, depth)


def too_deep(line: int) -> TooLarge:
    """Lists and objects are nested beyond the limit."""
    return TooLarge(line, f"found over {DEEPEST} levels of nesting; expected at most that many")


def source_of(tree: Tree) -> Source:
    """What a tree says. Of a key that is there twice the first value is taken."""
    walk = _Walk()
    value = walk.plain(tree, (), tree.line)
    return Source(value, walk.lines, tuple(walk.faults))


class _Walk:
    """Writes a tree out as a plain value, and notes where everything stood."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.faults: list[tuple[Path, int, str]] = []

    def plain(self, tree: Tree, path: Path, line: int) -> Any:
        self.lines[path] = line
        if isinstance(tree, Leaf):
            return self._scalar(tree.value, path, line)
        if tree.keys is not None:
            return self._members(tree.keys, tree.children, path)
        return [self.plain(child, (*path, at), child.line) for at, child in enumerate(tree.children)]

    def _members(
        self, keys: tuple[tuple[str, int], ...], children: tuple[Tree, ...], path: Path
    ) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for (key, line), child in zip(keys, children, strict=True):
            if key in members:
                self.faults.append(((*path, key), line, "found this key a second time; expected it once"))
            elif complaint := _beyond_json(key):
                self.faults.append((path, line, complaint))
            else:
                members[key] = self.plain(child, (*path, key), line)
        return members

    def _scalar(self, value: Scalar, path: Path, line: int) -> Scalar:
        complaint = _beyond_json(value)
        if complaint is None:
            return value
        self.faults.append((path, line, complaint))
        return None


def _beyond_json(value: Scalar) -> str | None:
    match value:
        case str():
            if _SURROGATE.search(value):
                return "found half a surrogate pair; expected Unicode text"
        case bool() | None:
            return None
        case int():
            if not _SMALLEST_NUMBER <= value <= _LARGEST_NUMBER:
                return "found an integer of over 64 bits; expected a smaller one, or text in quotes"
        case float():
            if not math.isfinite(value):
                return "found an infinite number or none at all; expected one that JSON can state"
    return None
