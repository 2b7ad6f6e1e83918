"""A worker for the tests: it remembers every event it has handled in the table, and writes down what it does.

Run as `python -m tests.agents.kafka.worker '{"bootstrap": …}'`. The environment variable `WITHOUT` names cures
to leave out, comma-separated; the test of a cure must fail then.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from agents.kafka.app import KafkaConfig, make_app, send
from agents.kafka.changelog import Revoked
from agents.kafka.run import run
from agents.kafka.source import Record, Records, consume
from tests.agents.kafka.mishaps import (
    delay_seeks,
    hold_changelog,
    leave_out,
    refuse_first_join,
    revoke_before,
    slow_changelog,
)


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a test wants of its worker."""

    bootstrap: str
    app_id: str
    data_dir: str
    name: str = "worker"
    partitions: int = 2
    session_seconds: float = 6.0
    commit_seconds: float = 0.3
    instance_id: str | None = None
    standby_replicas: int = 0
    never_ack: list[str] = []
    """Keys of events that stay in work for ever."""
    raise_at: list[str] = []
    """Keys of events at which the handler raises."""
    pad: int = 0
    """Bytes by which each row is made larger."""
    echo: bool = False
    """Send each event on to the topic `<app id>-out`."""
    before_seek: float = 0.0
    """Seconds that a rebalance needs before its seek, with the flow closed."""
    after_seek: float = 0.0
    """Seconds between the seek of a rebalance and what follows it."""
    revoke_before: str = ""
    """Let the first seek be made only when its partitions were given away."""
    tell_lag: bool = False
    """Write down every half second how many messages wait."""
    recover_seconds: float = 0.0
    """How long the engine needs between the recovery of the table and the first event."""
    leave: bool = False
    """Leave the group explicitly when stopped."""
    hold_changelog: bool = False
    """Let nothing reach the changelog until SIGUSR1, as if its leader were away."""
    changelog_seconds: float = 0.0
    """How long each batch for the changelog takes."""
    cycle_seconds: float = 0.003
    """How long rows are gathered before they go to the changelog together."""
    refuse_join: bool = False
    """Let the first join fail as if the coordinator had answered nonsense."""
    stall_seconds: float = 300.0


class Worker:
    """The orders, the app, and a loop that counts."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.app = make_app(config_of(orders))
        self.app.on_recovered = self.recovered
        self.app.on_revoked = self.revoked
        consume(self.app, self.count)

    def note(self, *what: Any) -> None:
        """Write a line that survives kill -9 right after."""
        os.write(1, (" ".join(map(str, what)) + "\n").encode())

    async def recovered(self, partitions: frozenset[int]) -> None:
        """Say what was found after a recovery."""
        rows = sum(1 for partition in partitions for _ in self.app.rows.scan(partition, b"l"))
        self.note("recovered", ",".join(map(str, sorted(partitions))), rows)
        await asyncio.sleep(self.orders.recover_seconds)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Say what is given away."""
        self.note("revoked", ",".join(map(str, sorted(partitions))))

    async def tell_lag(self) -> None:
        """Say again and again how many messages wait."""
        while True:
            await asyncio.sleep(0.5)
            self.note("lag", self.app.offsets.lag())

    async def count(self, records: Records) -> None:
        """Handle events as the engine does: read, write, acknowledge."""
        async for record in records:
            key = (record.key or b"").decode()
            if key in self.orders.raise_at:
                raise ValueError(f"cannot handle {key}")
            try:
                seen = self.handle(record)
            except Revoked:
                continue
            self.note("handled", record.generation, record.topic, record.partition, record.offset, key, seen)
            if self.orders.echo:
                await send(self.app, f"{self.orders.app_id}-out", record.key, record.value)
            if key not in self.orders.never_ack:
                record.ack()

    def handle(self, record: Record) -> str:
        """Count the call's events, and remember this one."""
        rows, partition, key = self.app.rows, record.partition, record.key or b""
        seen = rows.get(partition, b"s" + key + b"/" + (record.value or b"")) is not None
        with rows.atomic(partition) as step:
            step.set(b"s" + key + b"/" + (record.value or b""), b"1")
            total = int((rows.get(partition, b"l" + key) or b"0").split(b" ")[0]) + (not seen)
            step.set(b"l" + key, b"%d " % total + b"." * self.orders.pad)
        return "again" if seen else "new"


def config_of(orders: Orders) -> KafkaConfig:
    """The configuration that these orders ask for."""
    return KafkaConfig(
        broker=orders.bootstrap,
        app_id=orders.app_id,
        topics=(f"{orders.app_id}-events", f"{orders.app_id}-internal"),
        partitions=orders.partitions,
        data_dir=Path(orders.data_dir),
        session_timeout=timedelta(seconds=orders.session_seconds),
        commit_interval=timedelta(seconds=orders.commit_seconds),
        commit_cycle=timedelta(seconds=orders.cycle_seconds),
        instance_id=orders.instance_id,
        standby_replicas=orders.standby_replicas,
        stall_limit=timedelta(seconds=orders.stall_seconds),
    )


async def main(orders: Orders) -> None:
    """Run until SIGTERM."""
    leave_out([cure for cure in os.environ.get("WITHOUT", "").split(",") if cure])
    if orders.hold_changelog:
        hold_changelog(f"{orders.app_id}-calls-changelog")
    if orders.changelog_seconds:
        slow_changelog(f"{orders.app_id}-calls-changelog", orders.changelog_seconds)
    if orders.before_seek or orders.after_seek:
        delay_seeks(orders.before_seek, orders.after_seek)
    if orders.refuse_join:
        refuse_first_join()
    if orders.revoke_before:
        revoke_before(orders.revoke_before)
    worker, stop = Worker(orders), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ending = asyncio.Event()
    running = asyncio.create_task(run(worker.app, ending))
    telling = asyncio.create_task(worker.tell_lag()) if orders.tell_lag else None
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done() and orders.leave:
        await worker.app.leave_group()
    ending.set()
    if telling is not None:
        telling.cancel()
    await running


if __name__ == "__main__":
    logging.basicConfig(level="WARNING", stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    try:
        asyncio.run(main(msgspec.convert(json.loads(sys.argv[1]), Orders)))
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)  # a thread that does not end must not keep the test waiting
