"""`postcall simulate`: what would become of these calls, with no broker, no network and no waiting."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from agents.cli.exits import DONE, CommandRefused
from agents.cli.output import complain
from agents.cli.simulated_answers import Answers, read_answers
from agents.cli.simulated_events import Lines
from agents.cli.simulated_report import call_report, print_calls
from agents.policy import policy
from schemas import wire
from schemas.settings import Settings
from streams.definitions import Snapshot, fold
from streams.effects import Policy
from streams.simulation import Told, play
from streams.validation import read_all


def run(files: list[Path], events: Path, responses: Path | None, as_json: bool, settings: Settings) -> int:
    """Play the events of a file to documents, and print what became of every call."""
    definitions = _definitions(files)
    answers = read_answers(b"{}" if responses is None else _bytes(responses), str(responses))
    lines = Lines(_bytes(events))
    for number, why in lines.faults:
        complain(f"{events}:{number}: {why}")
    # What was imported stays for good; looking through it again and again costs a fifth of the time.
    gc.freeze()
    console = Console(highlight=False, soft_wrap=True)
    told = _played(lines, definitions, policy(settings), answers)
    if as_json:
        _print_json(told, len(lines.faults))
    else:
        for incarnations in told:
            print_calls(incarnations, console)
    return DONE


def _played(lines: Lines, definitions: Snapshot, rules: Policy, answers: Answers) -> Iterator[list[Told]]:
    for index, call_id in enumerate(lines.calls):
        yield play(call_id, lines.arrivals(index), definitions, rules, answers.reply)


def _print_json(told: Iterator[list[Told]], unreadable: int) -> None:
    out, comma = sys.stdout.buffer, b""
    out.write(b'{"calls":[')
    for incarnations in told:
        for one in incarnations:
            out.write(comma + wire.json_bytes(call_report(one)))
            comma = b","
    out.write(b'],"unreadable":%d}\n' % unreadable)
    out.flush()


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
