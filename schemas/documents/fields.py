"""One value of a document, with its path: asks for a shape, and notes a fault where it has another.

Every question answers with a value, or with None after noting the fault, so that reading goes on
and all faults come at once.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from schemas.documents.faults import Findings, Path, found, nearest, one_of, quoted
from schemas.spans import span, span_text


class Field:
    """A value at a path."""

    def __init__(self, value: Any, path: Path, findings: Findings) -> None:
        self.value = value
        self.path = path
        self.findings = findings

    def refuse(self, expected: str, seen: str | None = None) -> None:
        """Notes `found …; expected …`; pass `seen` where the value may be a secret."""
        self.findings.fault(self.path, f"found {seen or found(self.value)}; expected {expected}")

    def warn(self, message: str) -> None:
        """Notes something worth saying that is no fault."""
        self.findings.warn(self.path, message)

    def text(self, expected: str = "text") -> str | None:
        """Text that is not empty."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        hint = " in quotes" if isinstance(self.value, int | float) else ""
        self.refuse(expected + hint, "empty text" if self.value == "" else None)
        return None

    def flag(self) -> bool | None:
        """A truth: true or false."""
        if isinstance(self.value, bool):
            return self.value
        self.refuse("true or false")
        return None

    def choice(self, names: tuple[str, ...]) -> str | None:
        """One of these words."""
        if isinstance(self.value, str) and self.value in names:
            return self.value
        self.refuse(one_of(names))
        return None

    def integer(self, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and low <= self.value <= high:
            return self.value
        self.refuse(f"a whole number from {low} to {high}")
        return None

    def duration(self, low: timedelta, high: timedelta) -> timedelta | None:
        """A span of time from `low` to `high`, with its unit."""
        if not isinstance(self.value, str):
            self.refuse("a duration such as 250ms, 3s, 5m, 2h or 7d")
            return None
        try:
            length = span(self.value)
        except ValueError as complaint:
            self.findings.fault(self.path, str(complaint))
            return None
        if low <= length <= high:
            return length
        self.refuse(f"from {span_text(low)} to {span_text(high)}")
        return None

    def items(self, expected: str) -> list["Field"]:
        """The members of a list; [] after a fault."""
        if isinstance(self.value, list):
            return [Field(item, (*self.path, at), self.findings) for at, item in enumerate(self.value)]
        self.refuse(expected)
        return []

    def members(self, expected: str) -> Iterator[tuple[str, "Field"]]:
        """The members of an object whose keys are the document's own; none after a fault."""
        if not isinstance(self.value, dict):
            self.refuse(expected)
            return
        for key, value in self.value.items():
            yield key, Field(value, (*self.path, key), self.findings)

    def fields(self, expected: str, known: frozenset[str], silent: frozenset[str] = frozenset()) -> "Fields":
        """An object with known keys. Others are warnings, but for the `silent` ones."""
        members = dict(self.members(expected))
        for key, member in members.items():
            if key not in known and key not in silent and self.findings.has_room:
                member.warn(_unknown_key(key, known))
        return Fields(self, members)


class Fields:
    """An object of a document, by its keys."""

    def __init__(self, whole: Field, members: Mapping[str, Field]) -> None:
        self.whole = whole
        self._members = members

    def get(self, name: str) -> Field | None:
        """The member, where it is there."""
        return self._members.get(name)

    def stated(self, name: str) -> Field | None:
        """The member, where it is there and not null."""
        member = self._members.get(name)
        return None if member is None or member.value is None else member

    def need(self, name: str, expected: str) -> Field | None:
        """The member; a fault where it is not there."""
        member = self._members.get(name)
        if member is None and isinstance(self.whole.value, dict):
            path = (*self.whole.path, name)
            self.whole.findings.fault(path, f"found no {name}; expected {expected}")
        return member

    def need_text(self, name: str, expected: str) -> str:
        """The member as text; empty text after a fault."""
        member = self.need(name, expected)
        return (member.text(expected) or "") if member else ""

    def text(self, name: str, default: str = "") -> str:
        """The member as text where it is stated."""
        member = self.stated(name)
        return (member.text() or default) if member else default

    def flag(self, name: str, default: bool) -> bool:
        """The member as a truth where it is stated."""
        member = self.stated(name)
        answer = member.flag() if member else None
        return default if answer is None else answer


def _unknown_key(key: str, known: frozenset[str]) -> str:
    near = nearest(key, known)
    hint = near or one_of(known)
    return f"found the unknown key {quoted(key)}; expected {hint}"
