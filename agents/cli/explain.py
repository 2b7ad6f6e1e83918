"""`postcall explain`: why a call came to what it came to, and why its nodes did or did not run; no worker is
needed.

The row in the changelog is the truth about what the workers hold, the records about what they did; the log,
folded once more by the same `step`, explains how it came about.
"""

import sys
import time
from datetime import UTC, datetime
from typing import Final, Self

import msgspec
from rich.console import Console
from rich.progress import Progress

from agents.call_log import Show, read_call
from agents.cli.broker import ask
from agents.cli.exits import DONE, FAILED, CommandRefused, UsageRefused
from agents.cli.explained import print_explained
from agents.cli.moments import moment
from agents.cli.output import complain, print_json
from agents.connection import kafka_config
from agents.explaining import explained
from schemas import wire
from schemas.encodings.envelopes import MOST_CALL_ID_BYTES
from schemas.settings import Settings
from streams.explaining.sources import Said

PATIENCE: Final = 2.0
"""Seconds of reading after which a terminal is shown how far it is."""


def run(call_id: str, since: str | None, as_json: bool, settings: Settings) -> int:
    """Explain a call. The exit code is 1 when nothing is known of it."""
    size = len(call_id.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MOST_CALL_ID_BYTES:
        raise UsageRefused(f"found a call id of {size} bytes; expected 1 to {MOST_CALL_ID_BYTES}")
    with _Shown(as_json) as shown:
        told = look(call_id, since, settings, shown)
    if as_json:
        print_json(told)
    elif told["found"]:
        print_explained(told)
    if not told["found"]:
        complain(
            f"found nothing of call {call_id!r} on partition {told['partition']} of {settings.topic('call-events')} "
            "and in the records; expected the id as its events have it, and a call that topics still remember"
        )
    return DONE if told["found"] else FAILED


def look(call_id: str, since: str | None, settings: Settings, show: Show = lambda done, total: None) -> Said:
    """What is known of a call, from a time on. Raises UsageRefused, BrokerUnreachable, CommandRefused."""
    begin = None if since is None else moment("--since", since, datetime.now(UTC))
    try:
        log = ask(settings, read_call(call_id, settings, kafka_config(settings), begin, show))
    except (wire.NewerFormat, msgspec.DecodeError) as fault:
        raise CommandRefused(f"the row of {call_id!r} in the changelog cannot be read: {fault}") from fault
    return explained(log, settings)


class _Shown:
    """A bar on a terminal, once the reading takes longer than somebody waits without wondering."""

    def __init__(self, as_json: bool) -> None:
        watched = sys.stderr.isatty() and not as_json
        self._progress = Progress(console=Console(stderr=True), transient=True, disable=not watched)
        self._bar = self._progress.add_task("reading", total=None)
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __call__(self, done: int, total: int) -> None:
        """So many records were read, of so many."""
        if time.monotonic() - self._since > PATIENCE:
            self._progress.start()
        self._progress.update(self._bar, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()
