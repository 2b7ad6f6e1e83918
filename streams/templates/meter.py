"""How much one rendering may cost: bounded by counting work, because pure code has no clock.

A unit of work is some tens of nanoseconds. What can be made to grow (loops, filters, lookups of long
values) is counted before it is done, so that a template which asks for too much stops at once.
"""

from collections.abc import Mapping
from typing import Any, Final

OUTPUT_LIMIT: Final = 1 << 20
"""Characters: of everything that one rendering writes, and of any single text on the way."""

WORK_LIMIT: Final = 2 << 20
"""Units of work of one rendering: a loop over 500 turns may hold a template of 4 KiB."""

_CHARACTERS_PER_UNIT: Final = 16


class TooMuch(Exception):
    """A rendering asks for more than it may; the message says of what."""


class Meter:
    """What one rendering has left."""

    __slots__ = ("_output", "_work")

    def __init__(self, output: int = OUTPUT_LIMIT, work: int = WORK_LIMIT) -> None:
        self._output, self._work = output, work

    def write(self, characters: int) -> None:
        """Count characters that are written. Raises TooMuch."""
        self._output -= characters
        if self._output < 0:
            raise TooMuch(f"found more than {OUTPUT_LIMIT} characters of output; expected at most that")

    def work(self, units: int) -> None:
        """Count work. Raises TooMuch."""
        self._work -= units
        if self._work < 0:
            raise TooMuch("found a template that loops over or filters too much; expected less work")

    def value(self, value: Any) -> None:
        """Count the work of going through a value once. Raises TooMuch."""
        self.work(weight(value, self._work))

    def text(self, characters: int) -> None:
        """Say how long a text is about to become. Raises TooMuch."""
        if characters > OUTPUT_LIMIT:
            raise TooMuch(f"found a text of {characters} characters; expected at most {OUTPUT_LIMIT}")


def weight(value: Any, limit: int) -> int:
    """The work of going through a value: its members, and a share of its characters.

    Shared members count every time, as they would when written. Stops counting above `limit`.
    """
    if isinstance(value, str):
        return 1 + len(value) // _CHARACTERS_PER_UNIT
    if not isinstance(value, Mapping | list | tuple | range):
        return 1
    if isinstance(value, range):
        return 1 + len(value)
    total = 0
    waiting: list[Any] = [value]
    while waiting and total <= limit:
        one = waiting.pop()
        total += 1
        if isinstance(one, str):
            total += len(one) // _CHARACTERS_PER_UNIT
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
            total += len(one)
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, range):
            total += len(one)
    return total
