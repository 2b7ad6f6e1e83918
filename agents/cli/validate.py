"""`postcall validate`: find every fault of documents, without a broker."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agents.cli.exits import UsageRefused
from agents.cli.output import complain, print_json, print_line
from agents.policy import PLAIN_HASHES
from schemas.documents.faults import WHOLE, Fault, line_of
from schemas.documents.reading import Document, Reading
from schemas.documents.trees import LARGEST_TEXT
from schemas.settings import variable
from schemas.workflow import VoiceAgent
from streams.egress import Egress, egress
from streams.validation.checking import read_all
from streams.validation.destinations import with_destinations


def validate(paths: Sequence[str | Path], as_json: bool, egress_allow: str = "") -> int:
    """Print the faults and warnings of files. The exit code: 0 none are at fault, 1 some are."""
    try:
        opened = egress(egress_allow.split(","))
    except ValueError as fault:
        raise UsageRefused(f"--egress-allow: {fault}") from None
    reading = read_files(paths, opened)
    print_findings(reading, as_json)
    if not as_json:
        complain(_summary(reading))
    return 1 if reading.errors else 0


def read_files(paths: Iterable[str | Path], opened: Egress) -> Reading:
    """The valid documents of files, and every fault; a file that cannot be read is one, too, and so is an
    address that is neither public nor `opened`."""
    texts: list[tuple[str, bytes]] = []
    unreadable: list[Fault] = []
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                # One byte more than may be there shows that there is more.
                texts.append((str(path), file.read(LARGEST_TEXT + 1)))
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            unreadable.append(Fault(str(path), 0, WHOLE, f"found {reason}; expected a file that can be read"))
    reading = with_destinations(read_all(texts), opened)
    warnings = (*reading.warnings, *_plain_hashes(reading.documents))
    return Reading(reading.documents, (*unreadable, *reading.errors), warnings)


def print_findings(reading: Reading, as_json: bool) -> None:
    """Print faults as data: lines, or `{"ok", "errors", "warnings"}`. Warnings as lines go to stderr."""
    if as_json:
        print_json(as_value(reading))
        return
    for fault in reading.errors:
        print_line(str(fault))
    complain(*(f"warning: {warning}" for warning in reading.warnings))


def as_value(reading: Reading) -> dict[str, Any]:
    """What `--json` says about faults."""
    return {
        "ok": not reading.errors,
        "errors": [_fault(fault) for fault in reading.errors],
        "warnings": [_fault(fault) for fault in reading.warnings],
    }


def _plain_hashes(documents: Iterable[Document]) -> Iterator[Fault]:
    key = variable("privacy_key")
    if os.environ.get(key) or os.environ.get(f"{key}_FILE"):
        return
    for document in documents:
        if isinstance(document.value, VoiceAgent) and "hash" in document.value.privacy:
            line = line_of(("privacy", "hash"), document.lines)
            yield Fault(document.file, line, "privacy.hash", PLAIN_HASHES)


def _fault(fault: Fault) -> dict[str, Any]:
    return {"file": fault.file, "line": fault.line, "path": fault.path, "message": fault.message}


def _summary(reading: Reading) -> str:
    found = [_counted(len(reading.errors), "fault"), _counted(len(reading.warnings), "warning")]
    return f"{_counted(len(reading.documents), 'valid document')}, {', '.join(found)}"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
