"""`postcall adapt`: canonical events of what a voice platform sends, without a broker."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from agents.cli.exits import DONE, FAILED, CommandRefused, UsageRefused
from agents.cli.output import complain, print_json
from schemas.adapters.platforms import PLATFORMS
from schemas.adapters.tables import Adapter
from schemas.encodings.bounded_json import Unreadable, bounded_json
from schemas.wire import json_bytes
from streams.adapting import Unknown, adapt, payload_of

STDIN: Final = "-"


@dataclass(slots=True)
class Account:
    """What became of the payloads: counts, and a line for each that gave less than it should."""

    payloads: int = 0
    events: int = 0
    passed_over: int = 0
    unknown: int = 0
    unmapped_reasons: int = 0
    unreadable: int = 0
    lines: list[tuple[int, str]] = field(default_factory=list)
    """The number of a payload, from 1, and what is wrong with it."""

    @property
    def faultless(self) -> bool:
        """Every payload gave all that it says."""
        return not self.unknown and not self.unmapped_reasons and not self.unreadable


def run(platform: str, file: str, as_json: bool) -> int:
    """Print the events of a file's payloads, a line each as they stand on the topic."""
    adapter = PLATFORMS.get(platform)
    if adapter is None:
        raise UsageRefused(f"--from: found {platform[:60]!r}; expected one of {', '.join(sorted(PLATFORMS))}")
    account = Account()
    events = _all_events(adapter, file, account, as_json)
    if as_json:
        print_json(_as_value(list(events), account))
    else:
        for event in events:
            sys.stdout.buffer.write(json_bytes(event) + b"\n")
            sys.stdout.buffer.flush()
        complain(_summary(account))
    return DONE if account.faultless else FAILED


def _all_events(adapter: Adapter, file: str, account: Account, as_json: bool) -> Iterator[dict[str, Any]]:
    if file == STDIN:
        yield from _events(adapter, sys.stdin.buffer, account, as_json)
        return
    try:
        with Path(file).open("rb") as opened:
            yield from _events(adapter, opened, account, as_json)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise CommandRefused(f"{file}: found {why}; expected a file that can be read") from error


def _events(adapter: Adapter, source: BinaryIO, account: Account, as_json: bool) -> Iterator[dict[str, Any]]:
    for number, value in enumerate(payloads(source), start=1):
        told = len(account.lines)
        yield from _of(adapter, value, number, account)
        if not as_json:
            complain(*(f"payload {number}: {why}" for _, why in account.lines[told:]))


def payloads(source: Iterable[bytes]) -> Iterator[bytes | dict[str, Any]]:
    """The payloads of a file: one a line (JSON or a form), or one JSON value over several lines, a payload or a list
    of them."""
    lines = (line for line in source if line.strip())
    first = next(lines, None)
    if first is None:
        return
    if not _whole(first):
        rest = first + b"".join(lines)
        try:
            value = bounded_json(rest)
        except Unreadable:
            yield rest
            return
        yield from value if isinstance(value, list) else [rest]
        return
    for line in chain((first,), lines):
        yield from _listed(line)


def _whole(line: bytes) -> bool:
    """Whether a line is a payload by itself, as far as can be seen: a form, or JSON."""
    if line.lstrip()[:1] not in (b"{", b"["):
        return True
    try:
        bounded_json(line)
    except Unreadable as why:
        return "no JSON" not in str(why)
    return True


def _listed(line: bytes) -> Iterator[bytes | dict[str, Any]]:
    if line.lstrip().startswith(b"["):
        try:
            value = bounded_json(line)
        except Unreadable:
            value = None
        if isinstance(value, list):
            yield from value
            return
    yield line


def _of(
    adapter: Adapter, value: bytes | dict[str, Any], number: int, account: Account
) -> tuple[dict[str, Any], ...]:
    account.payloads += 1
    try:
        payload = value if isinstance(value, dict) else payload_of(bytes(value))
        found = adapt(adapter, payload, datetime.now(UTC))
    except Unreadable as why:
        account.unreadable += 1
        account.lines.append((number, str(why)))
        return ()
    if isinstance(found, Unknown):
        account.unknown += 1
        account.lines.append((number, unknown(adapter.platform, found)))
        return ()
    account.passed_over += not found.events
    account.events += len(found.events)
    account.unmapped_reasons += len(found.unmapped)
    account.lines += [(number, unmapped(adapter.platform, raw)) for raw in found.unmapped]
    return found.events


def unknown(platform: str, found: Unknown) -> str:
    """What is said of a payload of a sort that the table does not have."""
    return f"found {found.told_by}; expected a payload that the table of {platform} has"


def unmapped(platform: str, raw: str) -> str:
    """What is said of a reason that nobody mapped."""
    return f"found the reason {raw}; expected one that the table of {platform} maps: it is taken for unknown"


def _summary(account: Account) -> str:
    return (
        f"{account.payloads} payloads: {account.events} events, {account.passed_over} passed over, "
        f"{account.unknown} unknown, {account.unmapped_reasons} reasons unmapped, {account.unreadable} unreadable"
    )


def _as_value(events: list[dict[str, Any]], account: Account) -> dict[str, Any]:
    return {
        "events": events,
        "payloads": account.payloads,
        "passed_over": account.passed_over,
        "unknown": account.unknown,
        "unmapped_reasons": account.unmapped_reasons,
        "unreadable": account.unreadable,
        "faults": [{"payload": number, "message": why} for number, why in account.lines],
    }
