"""One thing that was looked at: how it is, how it ought to be, and the command that mends it."""

from enum import StrEnum

from msgspec import Struct


class Level(StrEnum):
    """How bad it is. A fail keeps something from working, or loses data."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(Struct, frozen=True):
    """What was found. `expected` and `mend` are empty where all is well; `mend` is a command, or says what to
    do where none can."""

    area: str
    about: str
    level: Level
    found: str
    expected: str = ""
    mend: str = ""


def ok(area: str, about: str, found: str) -> Finding:
    """All is well."""
    return Finding(area, about, Level.OK, found)


def warn(area: str, about: str, found: str, expected: str, mend: str = "") -> Finding:
    """It works, and not as it should."""
    return Finding(area, about, Level.WARN, found, expected, mend)


def fail(area: str, about: str, found: str, expected: str, mend: str = "") -> Finding:
    """It does not work, or loses data."""
    return Finding(area, about, Level.FAIL, found, expected, mend)
