"""`postcall worker --processes N`: a parent with the one port, and N workers that it keeps running.

A worker is one process and uses one core. Each child has a data directory and an instance id of its own, and
a port on loopback that it says on stderr, where the parent reads it; all else of stderr is handed on. A child
that dies is started again, later each time; one that cannot even start ends the parent with its own code.
"""

import asyncio
import logging
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Final

from agents.cli.children import POSTCALL, environment, tied_to_us
from agents.cli.exits import DONE, FAILED
from agents.cli.output import complain
from agents.logs import set_up_logging
from agents.web.console.app import Console
from agents.web.parent import ParentDoors
from schemas.settings import Settings

log = logging.getLogger(__name__)

LISTENING: Final = b"postcall: listening on http://"
JOINING: Final = b"postcall: joining the group"
"""What a worker says (see `agents/cli/worker.py`): the port that it has, and that it could start."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0
"""Seconds before a child that died is started again: doubled each time, up to this."""
STEADY_SECONDS: Final = 60.0
"""A child that lived for so long died of something new: its waits begin again."""

STOP_PATIENCE: Final = 40.0
"""Seconds beyond the drain that a child may take to end: the last replies, flush, commit, leave."""

NO_PORT: Final = 0
"""What a child without a port is asked at: nobody answers there."""


def supervise(settings: Settings, processes: int) -> int:
    """Run so many workers until SIGTERM, and drain them. The exit code is 0 when all of them left with 0."""
    set_up_logging(settings.log_level, settings.log_format)
    return asyncio.run(_supervise(settings, processes))


async def _supervise(settings: Settings, processes: int) -> int:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    children = [Child(settings, number, stop) for number in range(1, processes + 1)]
    console = Console(settings) if settings.web_console else None
    doors = ParentDoors(lambda: [child.port for child in children], stop.is_set, console)
    try:
        port = await doors.start(settings.web_host, settings.web_port)
    except OSError as fault:
        complain(f"found no free port {settings.web_port} on {settings.web_host} ({fault.strerror})")
        return FAILED
    complain(f"listening on http://{settings.web_host}:{port}")
    try:
        return _code(await asyncio.gather(*(child.keep() for child in children)))
    finally:
        for child in children:
            child.kill()
        await doors.stop()


def _code(codes: Sequence[int]) -> int:
    """The parent's code: 0 when all children left well, else what one of them said is wrong (1, 2, 3)."""
    # One that had not yet set up its answer to SIGTERM had nothing to drain.
    bad = [code for code in codes if code not in (DONE, -signal.SIGTERM)]
    return max(FAILED, *bad) if bad else DONE


class Child:
    """One worker process and its successors, one after the other."""

    def __init__(self, settings: Settings, number: int, stop: asyncio.Event) -> None:
        """`stop` ends all children; one that cannot start sets it."""
        self.port = NO_PORT
        self._number = number
        self._environment = environment(_own(settings, number))
        self._patience = settings.drain.total_seconds() + STOP_PATIENCE
        self._stop = stop
        self._running: Process | None = None
        self._ever_joined = False

    async def keep(self) -> int:
        """Start the process, and again whenever it dies, until told to stop; return its last exit code."""
        wait = FIRST_WAIT
        while True:
            began = time.monotonic()
            code = await self._live()
            if self._stop.is_set():
                return code
            if not self._ever_joined and code > 0:
                self._stop.set()  # it cannot start, and neither can another
                return code
            wait = FIRST_WAIT if time.monotonic() - began > STEADY_SECONDS else min(2 * wait, LONGEST_WAIT)
            log.error("worker ended", extra={"worker": self._number, "code": code, "again_in_seconds": wait})
            if await self._stopped_within(wait):
                return DONE

    def kill(self) -> None:
        """End a process that is still there, at once."""
        if self._running is not None and self._running.returncode is None:
            self._running.kill()

    async def _live(self) -> int:
        self._running = running = await asyncio.create_subprocess_exec(
            *POSTCALL,
            "worker",
            env=self._environment,
            stdin=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
            # kill -9 of the parent: they drain and leave.
            preexec_fn=tied_to_us(signal.SIGTERM),
        )
        log.info("worker started", extra={"worker": self._number, "pid": running.pid})
        assert running.stderr is not None
        ending = asyncio.create_task(self._end_when_told(running))
        await self._hand_on(running.stderr)
        self.port = NO_PORT
        code = await running.wait()
        ending.cancel()
        return code

    async def _end_when_told(self, running: Process) -> None:
        await self._stop.wait()
        running.send_signal(signal.SIGTERM)
        await asyncio.sleep(self._patience)
        log.critical("worker did not drain in time", extra={"worker": self._number})
        running.kill()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stop.wait()
        except TimeoutError:
            return False

    async def _hand_on(self, stderr: asyncio.StreamReader) -> None:
        """Write the child's lines to our stderr, whole ones at a time, and catch its port among them."""
        rest = b""
        while chunk := await stderr.read(65536):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                self._tell(lines + newline)
        if rest:
            self._tell(rest + b"\n")

    def _tell(self, lines: bytes) -> None:
        if self.port == NO_PORT and (at := lines.find(LISTENING)) >= 0:
            address = lines[at:].split(b"\n", 1)[0]
            self.port = int(address.rpartition(b":")[2])
        self._ever_joined = self._ever_joined or JOINING in lines
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()


def _own(settings: Settings, number: int) -> Settings:
    """The settings of one child: what may not be shared has its number behind it."""
    named = None if settings.instance_id is None else f"{settings.instance_id}-{number}"
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / str(number),
            "instance_id": named,
            "web_host": "127.0.0.1",
            "web_port": 0,
            "web_console": False,
        }
    )
