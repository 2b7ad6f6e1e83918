"""`postcall simulate`: what would become of these calls, with no broker, no network and no waiting."""

import gc
import sys
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Final

from agents.cli.exits import DONE, CommandRefused
from agents.cli.output import complain
from agents.cli.simulated_answers import Answers, read_answers
from agents.cli.simulated_events import Lines
from agents.cli.simulated_report import call_report, print_calls
from agents.cli.simulated_shares import told
from agents.policy import policy
from schemas import wire
from schemas.settings import Settings
from streams.definitions import Snapshot, fold
from streams.simulation import Told, play
from streams.validation.checking import read_all

SELDOM: Final = 100_000
"""New objects between two looks for garbage in circles: steps leave none, so the looks only take time."""


def run(files: list[Path], events: Path, responses: Path | None, as_json: bool, settings: Settings) -> int:
    """Play the events of a file to documents, and print what became of every call."""
    definitions = definitions_in(files)
    answers = read_answers(b"{}" if responses is None else bytes_of(responses), str(responses))
    lines = Lines(bytes_of(events))
    for number, why in lines.faults:
        complain(f"{events}:{number}: {why}")
    # What was imported stays for good: nothing of it is garbage.
    gc.freeze()
    gc.set_threshold(SELDOM)
    calls = _Calls(lines, definitions, settings, answers)
    if as_json:
        _print_json(told(len(lines.calls), calls.as_json), len(lines.faults))
    else:
        for text in told(len(lines.calls), calls.as_text):
            sys.stdout.write(text.decode())
        sys.stdout.flush()
    return DONE


class _Calls:
    """The calls of a file, to be played and told of by their places."""

    def __init__(self, lines: Lines, definitions: Snapshot, settings: Settings, answers: Answers) -> None:
        self._lines, self._definitions, self._answers = lines, definitions, answers
        self._names = lines.calls
        self._policy = policy(settings)

    def as_json(self, places: range) -> bytes:
        """Reports with commas between them."""
        return b",".join(wire.json_bytes(call_report(one)) for one in self._played(places))

    def as_text(self, places: range) -> bytes:
        """Lines for people."""
        from rich.console import Console

        text = StringIO()
        print_calls(self._played(places), Console(file=text, highlight=False, soft_wrap=True))
        return text.getvalue().encode()

    def _played(self, places: Iterable[int]) -> Iterator[Told]:
        for place in places:
            arrivals = self._lines.arrivals(place)
            yield from play(
                self._names[place], arrivals, self._definitions, self._policy, self._answers.reply
            )


def _print_json(reports: Iterator[bytes], unreadable: int) -> None:
    out, comma = sys.stdout.buffer, b""
    out.write(b'{"calls":[')
    for report in reports:
        out.write(comma + report)
        comma = b","
    out.write(b'],"unreadable":%d}\n' % unreadable)
    out.flush()


def definitions_in(files: list[Path]) -> Snapshot:
    """The documents of files, as if they were in force. Raises CommandRefused, naming every fault."""
    reading = read_all((str(file), bytes_of(file)) for file in files)
    if reading.errors:
        raise CommandRefused(*(str(fault) for fault in reading.errors))
    records = ((document.key.encode(), wire.json_bytes(document.source)) for document in reading.documents)
    snapshot, _ = fold(Snapshot(), records)
    return snapshot


def bytes_of(file: Path) -> bytes:
    """What a file holds. Raises CommandRefused."""
    try:
        return file.read_bytes()
    except OSError as fault:
        raise CommandRefused(f"{file}: found no readable file ({fault.strerror})") from None
