"""What judging a long run costs: seconds, and memory that does not grow with the run.

    python -m tests.bench.slices [CALLS]

A faultless run of so many calls is made up, dealt into slices, and judged as a torture is judged in its end.
"""

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from agents.ledger.documents import Documents
from agents.ledger.rules import Rules
from tests.agents.ledger.faultless import faultless_witnesses
from tests.system.documents import documents
from tests.system.load import Mixture, generate
from tests.system.torture.slices import INPUT, OUTPUTS, Evidence, Slices, judge_dealt

WAVE = 500
"""Calls that are made up at once."""

_DOCUMENTS = Documents.of(documents("http://127.0.0.1:1"))


def deal(slices: Slices, log: Path, calls: int) -> list[str]:
    """Make a run up, wave by wave, and deal it; return its calls."""
    told: list[str] = []
    with log.open("w") as requests:
        for number in range(calls // WAVE):
            load = generate(Mixture(WAVE, seed=number), datetime(2026, 1, 1, tzinfo=UTC))
            run = faultless_witnesses(load, _DOCUMENTS)
            told += load.expected
            # Each wave begins at offset 0: it has to be a partition of its own.
            events = tuple(replace(each, partition=number) for each in run.events)
            outputs = (run.deliveries, run.outcomes, run.dead_letters)
            for topic, records in zip((INPUT, *OUTPUTS), (events, *outputs), strict=True):
                slices.deal(topic, records)
            requests.writelines(json.dumps(asdict(seen)) + "\n" for seen in run.requests or ())
    slices.deal_requests(log)
    return told


def main() -> None:
    """Deal and judge; print what that took."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests.jsonl"
        slices = Slices(Path(folder), max(1, calls // WAVE))
        began = time.perf_counter()
        told = deal(slices, log, calls)
        dealt, before = time.perf_counter(), _peak()
        size = sum(each.stat().st_size for each in Path(folder).glob("slice-*"))
        verdict = judge_dealt(slices, Evidence("", "", log, (), ()), _DOCUMENTS, [], told, Rules())
        judged = time.perf_counter()
        slices.remove()
    counted = ", ".join(f"{count:,} {what}" for what, count in verdict.counted.items())
    print(f"{counted}; {len(verdict.violations)} violations")
    print(f"made up and dealt in {dealt - began:.0f} s, {size >> 20} MiB of slices, peak {before} MiB")
    print(f"judged in {judged - dealt:.0f} s, peak {_peak()} MiB")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
