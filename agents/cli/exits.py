"""How a command ends when it cannot do what was asked: the exit codes that scripts rely on."""

from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""It failed, or it found faults."""
USAGE: Final = 2
"""What was asked for makes no sense: a flag, a setting."""
UNREACHABLE: Final = 3
"""The broker did not answer."""


class CommandRefused(Exception):
    """A command ends here; each line says what was found and what was expected."""

    code: int = FAILED

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class SettingsRefused(CommandRefused):
    """Settings that postcall cannot run with."""

    code = USAGE


class BrokerUnreachable(CommandRefused):
    """No broker answered at the address that was given."""

    code = UNREACHABLE


class UsageRefused(CommandRefused):
    """What was asked for makes no sense."""

    code = USAGE
