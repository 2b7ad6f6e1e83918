"""`postcall simulate`: what would become of these calls, with no broker, no network and no waiting."""

import sys
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from rich.console import Console

from agents.cli.exits import DONE, CommandRefused
from agents.cli.output import complain
from agents.cli.simulated_answers import read_answers
from agents.cli.simulated_report import call_report, print_calls
from agents.policy import policy
from schemas import encodings, wire
from schemas.encodings import Unreadable
from schemas.events import Event
from schemas.settings import Settings
from streams.definitions import Snapshot, fold
from streams.evidence import moment
from streams.simulation import Simulation
from streams.validation import read_all

MICROSECOND: Final = 1_000_000


def run(files: list[Path], events: Path, responses: Path | None, as_json: bool, settings: Settings) -> int:
    """Play the events of a file to documents, and print what became of every call."""
    definitions = _definitions(files)
    answers = read_answers(b"{}" if responses is None else _bytes(responses), str(responses))
    lines = Lines(_bytes(events))
    simulation = Simulation(definitions, policy(settings), answers.reply)
    simulation.play(lines.in_order())
    for number, why in lines.faults:
        complain(f"{events}:{number}: {why}")
    if as_json:
        _print_json(simulation, lines)
    else:
        print_calls(simulation.told(), Console(highlight=False, soft_wrap=True))
    return DONE


class Lines:
    """The events of a file, in the order of their arrival, ties in file order.

    Only moments and offsets are kept of all lines; an event is read again when its turn comes.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._arrivals = array("q")
        self._starts = array("q")
        self.faults: list[tuple[int, str]] = []
        self._scan()

    def in_order(self) -> Iterator[tuple[datetime, Event]]:
        """Each readable event with the moment of its arrival."""
        arrivals, starts = self._arrivals, self._starts
        order: Any = range(len(starts))
        if any(arrivals[i] > arrivals[i + 1] for i in range(len(arrivals) - 1)):
            order = sorted(order, key=arrivals.__getitem__)
        for index in order:
            yield _arrival(self._line(starts[index]))

    def _scan(self) -> None:
        start, number = 0, 0
        while start < len(self._content):
            number += 1
            line = self._line(start)
            if line.strip():
                self._look(line, start, number)
            start += len(line) + 1

    def _look(self, line: bytes, start: int, number: int) -> None:
        try:
            at, _ = _arrival(line)
        except Unreadable as why:
            self.faults.append((number, str(why)))
            return
        self._arrivals.append(int(at.timestamp() * MICROSECOND))
        self._starts.append(start)

    def _line(self, start: int) -> bytes:
        end = self._content.find(b"\n", start)
        return self._content[start : len(self._content) if end < 0 else end]


LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Kafka's time of a simulated record that states no time at all."""


def _arrival(line: bytes) -> tuple[datetime, Event]:
    event = encodings.read(line, (), LONG_AGO, None)
    stated = event.extra.get("_arrived_at")
    if stated is None:
        return event.occurred_at, event
    arrived_at = moment(stated)
    if arrived_at is None:
        raise Unreadable(f"found _arrived_at {stated!r}; expected an RFC 3339 time with its zone")
    extra = {name: value for name, value in event.extra.items() if name != "_arrived_at"}
    return arrived_at, replace(event, extra=extra)


def _definitions(files: list[Path]) -> Snapshot:
    reading = read_all((str(file), _bytes(file)) for file in files)
    if reading.errors:
        raise CommandRefused(*(str(fault) for fault in reading.errors))
    records = ((document.key.encode(), wire.json_bytes(document.source)) for document in reading.documents)
    snapshot, _ = fold(Snapshot(), records)
    return snapshot


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise CommandRefused(f"{file}: found no readable file ({fault.strerror})") from None


def _print_json(simulation: Simulation, lines: Lines) -> None:
    out = sys.stdout.buffer
    out.write(b'{"calls":[')
    for index, told in enumerate(simulation.told()):
        out.write(b"," if index else b"")
        out.write(wire.json_bytes(call_report(told)))
    out.write(b'],"unreadable":%d}\n' % len(lines.faults))
    out.flush()
