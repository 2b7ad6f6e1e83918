"""What a million parked deliveries cost: memory, and work per second while they wait.

    python -m tests.bench.parked [DELIVERIES]

One worker on a real broker. The changelog is filled with calls that ended properly and whose two nodes got
a 503, parked for six hours; then a worker starts, recovers them and is watched while nothing is due. Beside
it, in the same run, a worker of another app id that has nothing to do.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer
from msgspec.structs import replace

from schemas import keys, wire
from schemas.delivery import Answered, State
from streams import topology
from streams.ids import of_node
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow
from tests.system.brokers import open_broker
from tests.system.kafka_topics import QUIET
from tests.system.workers import Fleet, Setting, Worker

WATCHED = 30.0
"""Seconds."""

RECOVERY = 1_200.0
"""Seconds that a worker may take to recover them."""

APART = timedelta(hours=6)


class Cost(NamedTuple):
    """What a worker takes while nothing is due."""

    memory: int
    """Bytes, resident."""
    work: float
    """Seconds of CPU per second."""


def rows(deliveries: int) -> Iterator[tuple[str, bytes, bytes]]:
    """The changelog of so many parked deliveries, two a call, each with its request: call, key, value."""
    engine = Engine(
        documents(flow((api("crm", {"id": "{{ call.id }}"}), api("log")), "resolved>crm resolved>log"))
    )
    story = call().answered(agent_id="bot").node("resolved", end=True)
    engine.hear(story.ended("end_node", end_node_id="resolved"))
    for name in ("crm", "log"):
        engine.reply(name, Answered(503))
    engine.acknowledge()
    parked, due = engine.row, datetime.now(UTC) + APART
    assert [one.state for one in parked.deliveries] == [State.PARKED] * 2
    for number in range(deliveries // 2):
        call_id = f"{number:08d}-4f2a-4c55-9d0e-3b1f0a7c9e21"
        at = due + timedelta(milliseconds=20 * number)
        for key, part in engine.parts.items():
            yield call_id, keys.part(replace(key, call_id=call_id)), part
        renamed = tuple(
            replace(one, delivery_id=of_node(call_id, 1, one.id), due=at) for one in parked.deliveries
        )
        waiting = [replace(one, window_until=at) for one in parked.conversations]
        row = replace(parked, call_id=call_id, conversations=tuple(waiting), deliveries=renamed)
        yield call_id, keys.live(call_id), wire.row(row)


def fill(setting: Setting, deliveries: int) -> int:
    """Write the changelog; return how many records that were."""
    topic, count = f"{setting.name}-calls-changelog", 0
    producer = Producer({**QUIET, "bootstrap.servers": setting.bootstrap, "linger.ms": 20})
    for call_id, key, value in rows(deliveries):
        count += 1
        while True:
            try:
                producer.produce(topic, value, key, partition=topology.home(call_id, setting.partitions))
                break
            except BufferError:
                producer.poll(0.2)
    if left := producer.flush(120):
        raise TimeoutError(f"{left} of {count} records not acknowledged")
    return count


def watched(worker: Worker) -> Cost:
    """What a worker takes now."""
    pid = worker.pid
    before = cpu(pid)
    time.sleep(WATCHED)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Cost(pages * os.sysconf("SC_PAGE_SIZE"), (cpu(pid) - before) / WATCHED)


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run once and print the table."""
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ExitStack() as owner:
        served = open_broker(owner, os.environ)
        folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
        costs = {}
        for name, parked in (("nothing", 0), (f"{deliveries:,} parked", deliveries)):
            within = folder / name[:2].strip()
            within.mkdir()
            setting = Setting(served.bootstrap, f"parked{int(time.time())}", within)
            setting.apply([{"kind": "agent", "id": "bot"}])
            records = fill(setting, parked)
            with Fleet(setting) as fleet:
                worker = Worker(setting, 1)
                fleet.workers.append(worker)
                began = time.monotonic()
                worker.start()
                worker.wait_ready(RECOVERY)
                print(
                    f"{name}: {records:,} records recovered in {time.monotonic() - began:.0f} s", flush=True
                )
                costs[name] = watched(worker)
                counted = worker.scrape()["postcall_deliveries_parked"]
                assert counted == parked, f"found {counted} parked; expected {parked}"
        print(f"{'on ' + served.served_by:40}{'MB':>8}{'CPU/s':>8}")
        for name, cost in costs.items():
            print(f"{name:40}{cost.memory / 1e6:8.0f}{cost.work:8.3f}")


if __name__ == "__main__":
    main()
