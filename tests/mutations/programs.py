"""Programs that end with the one that started them, together with what they have started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CLEARING_UP = 10.0
"""Seconds that a program may take to end by itself once it is told to."""


class Ended(Exception):
    """No program is started any more."""


class Programs:
    """Runs programs, in several threads if need be, until they are all ended."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._over = False

    def run(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], patience: float
    ) -> tuple[int, str]:
        """The exit status of a program, and all that it said.

        Raises:
            subprocess.TimeoutExpired: it did not end in time, and was ended.
            Ended: `end` was called before.
        """
        if self._over:
            raise Ended
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as program:
            self._running.add(program)
            try:
                said, _ = program.communicate(timeout=patience)
            except BaseException:
                _end(program)
                raise
            finally:
                self._running.discard(program)
        return program.returncode, said

    def end(self) -> None:
        """End all that runs, and start nothing more."""
        self._over = True
        for program in list(self._running):
            _end(program)


def _end(program: "subprocess.Popen[str]") -> None:
    """Let it clear up, then kill it and whatever it has left behind."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(program.pid, number)
        with suppress(subprocess.TimeoutExpired):
            program.wait(CLEARING_UP)
