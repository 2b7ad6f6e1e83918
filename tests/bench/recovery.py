"""How long a worker with an empty disk takes to read its changelog, and one with its copy.

    python -m tests.bench.recovery [RECORDS]

One worker on a real broker. The changelog is filled with calls whose deliveries are parked (see `parked`), so
that nothing else is to be done; the time is from the start of the process to `/readyz`, and beside it that of a
worker with nothing to recover, which is what the start alone costs.
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.parked import RECOVERY, fill
from tests.system.brokers import open_broker
from tests.system.workers import Fleet, Setting, Worker

LIMIT = 120.0
"""Seconds from an empty disk for a million records."""

RECORDS_A_CALL = 3
"""That `parked.rows` writes: the row of a call, and its parts."""


def started(worker: Worker) -> float:
    """Start a worker; return how many seconds it took to be ready."""
    began = time.monotonic()
    worker.start()
    worker.wait_ready(RECOVERY)
    return time.monotonic() - began


def main() -> None:
    """Run once and print the table; exit 1 when a million records from an empty disk take too long."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ExitStack() as owner:
        served = open_broker(owner, os.environ)
        folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
        setting = Setting(served.bootstrap, f"recovery{int(time.time())}", folder)
        setting.apply([{"kind": "agent", "id": "bot"}])
        with Fleet(setting) as fleet:
            worker, again = Worker(setting, 1), Worker(setting, 2)
            fleet.workers += [worker, again]
            nothing = started(worker)
            worker.terminate()
            worker.wait()
            records = fill(setting, 2 * wanted // RECORDS_A_CALL)
            empty = started(again)
            again.terminate()
            again.wait()
            copy = started(again)
        reading = max(empty - nothing, 0.001)
        print(f"on {served.served_by}, {setting.partitions} partitions")
        print(f"nothing to recover            {nothing:6.1f} s")
        print(
            f"{records:>9,} records, empty disk {empty:6.1f} s  {records / reading:8,.0f} records/s beyond the start"
        )
        print(f"{records:>9,} records, own copy   {copy:6.1f} s")
    sys.exit(0 if empty * 1_000_000 / records <= LIMIT else 1)


if __name__ == "__main__":
    main()
