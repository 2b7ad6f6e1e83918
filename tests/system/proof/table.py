"""What the proof found, as a table for people and as lines for programs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.system.proof.operations import GROUPS, OPERATIONS
from tests.system.proof.trial import Found, as_value

_WIDTH = 34


def keep(file: Path, found: Iterable[Found]) -> None:
    """Add what became of some operations to the results, a JSON line each."""
    with file.open("a") as lines:
        for each in found:
            lines.write(json.dumps(as_value(each)) + "\n")


def results(file: Path) -> list[Found]:
    """Everything that was kept."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [Found(**json.loads(line) | {"since": 0.0}) for line in lines]


def table(found: Sequence[Found]) -> str:
    """A row for each operation: how often it was done, what broke, what was in flight at the deaths in it."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[Found]) -> Iterator[str]:
    counted = f"{'seeds':>5} {'times':>5} {'lost':>5} {'phantom':>7} {'repeated':>8} {'in flight':>9}"
    yield f"{'operation':{_WIDTH}} {counted}"
    for group, promise in GROUPS.items():
        of_group = [each for each in found if each.group == group]
        if not of_group:
            continue
        yield f"--- {group}: {promise}"
        for name in (each for each in OPERATIONS if any(one.operation == each for one in of_group)):
            yield _row(name, [each for each in of_group if each.operation == name])
        yield _row("", of_group)


def _row(name: str, same: Sequence[Found]) -> str:
    sums = [
        sum(getattr(each, what) for each in same) for what in ("lost", "phantom", "repeated", "in_flight")
    ]
    lost, phantom, repeated, in_flight = sums
    broken = sum(bool(each.broken) for each in same)
    verdict = f"  BROKEN {broken} times" if broken else ""
    seeds = len({each.seed for each in same})
    return f"{name:{_WIDTH}} {seeds:5} {len(same):5} {lost:5} {phantom:7} {repeated:8} {in_flight:9}{verdict}"
