"""A consumer group for one test: its topics, its workers, and what it has left in Kafka."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import TopicPartition as AiokafkaPartition
from confluent_kafka import Consumer, TopicPartition

from agents.kafka.config import KafkaConfig
from agents.kafka.topics import TopicNames, admin, ensure_topics
from tests.system.kafka_topics import QUIET, produce

SOON = 20.0
"""Seconds within which everything a test waits for has to happen."""


@dataclass(frozen=True, slots=True)
class Handled:
    """One line of a worker: an event it has handled."""

    generation: int
    topic: str
    partition: int
    offset: int
    key: str
    seen: str


class WorkerProcess:
    """A worker of the group, with the lines it has written."""

    def __init__(self, name: str, orders: dict[str, Any], folder: Path) -> None:
        self.name = name
        self._out, self._log = folder / f"{name}.out", folder / f"{name}.log"
        with self._out.open("ab") as out, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.agents.kafka.worker", json.dumps(orders)],
                stdout=out,
                stderr=log,
            )

    @property
    def lines(self) -> list[str]:
        """Everything the worker has written, whole lines only."""
        return self._out.read_text().split("\n")[:-1]

    @property
    def handled(self) -> list[Handled]:
        """The events it has handled, in order."""
        words = (line.split(" ") for line in self.lines if line.startswith("handled "))
        return [Handled(int(w[1]), w[2], int(w[3]), int(w[4]), w[5], w[6]) for w in words]

    def wait_handled(self, count: int) -> list[Handled]:
        """Return when so many events were handled."""
        self.wait(lambda: len(self.handled) >= count, f"{count} handled events")
        return self.handled

    def wait_recovered(self, partitions: str | None = None, since: int = 0) -> str:
        """Return the last line about a recovery, of just these partitions and since that line when given."""
        begin = f"recovered {partitions} " if partitions is not None else "recovered "
        found = self.wait(lambda: [line for line in self.lines[since:] if line.startswith(begin)], begin)
        return str(found[-1])

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = SOON) -> Any:
        """Return the first true value of the condition."""
        until = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > until:
                raise AssertionError(f"{self.name}: no {what} within {seconds} s; {self.story()}")
            time.sleep(0.05)
        return value

    def wait_exit(self, seconds: float = SOON) -> int:
        """Return the exit status."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is still alive after {seconds} s; {self.story()}") from None

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_exit()

    def story(self) -> str:
        """The end of what it wrote and logged."""
        return "\n".join([*self.lines[-15:], "--", *self._log.read_text().split("\n")[-25:]])


class Group:
    """Topics and workers under one app id; all workers are killed at the end."""

    def __init__(self, bootstrap: str, partitions: int = 2, **orders: Any) -> None:
        self.bootstrap, self.partitions, self.app_id = bootstrap, partitions, f"t{uuid.uuid4().hex[:8]}"
        self._folder = Path(tempfile.mkdtemp(prefix="postcall-group-"))
        self._orders, self.workers = orders, list[WorkerProcess]()
        self.names = TopicNames(
            call_events=f"{self.app_id}-events",
            workflows=f"{self.app_id}-workflows",
            call_outcomes=f"{self.app_id}-out",
            delivery_log=f"{self.app_id}-log",
            dead_letters=f"{self.app_id}-dead",
            internal=f"{self.app_id}-internal",
            changelog=f"{self.app_id}-calls-changelog",
        )
        self._config = KafkaConfig(
            bootstrap, self.app_id, (self.names.call_events, self.names.internal), partitions, self._folder
        )
        asyncio.run(ensure_topics(self._config, self.names, timedelta(days=9)))

    def worker(self, name: str = "a", disk: str | None = None, **orders: Any) -> WorkerProcess:
        """Start a worker; `disk` names its data directory, its own by default."""
        all_orders = {
            "bootstrap": self.bootstrap,
            "app_id": self.app_id,
            "data_dir": str(self._folder / f"disk-{disk or name}"),
            "partitions": self.partitions,
            **self._orders,
            **orders,
        }
        started = WorkerProcess(f"{name}{len(self.workers)}", all_orders, self._folder)
        self.workers.append(started)
        return started

    def produce(self, keys: Iterable[str], value: str = "x", bootstrap: str | None = None) -> int:
        """Write one event for each key."""
        records = [(key.encode(), value.encode(), list[Any]()) for key in keys]
        return produce(bootstrap or self.bootstrap, self.names.call_events, records)

    def committed(self, partition: int = 0) -> int:
        """The committed offset of call-events; -1 when there is none."""
        return asyncio.run(self._committed(AiokafkaPartition(self.names.call_events, partition)))

    async def _committed(self, partition: AiokafkaPartition) -> int:
        async with admin(self._config) as kafka:
            try:
                offsets = await kafka.list_consumer_group_offsets(self.app_id, partitions=[partition])
            except GroupCoordinatorNotAvailableError:  # the cluster has not seen any group yet
                return -1
            return int(offsets[partition].offset) if partition in offsets else -1

    def read(self, topic: str) -> list[tuple[bytes, bytes | None]]:
        """Every record of a topic, partition by partition."""
        client = Consumer(
            {**QUIET, "bootstrap.servers": self.bootstrap, "group.id": "reader", "enable.auto.commit": False}
        )
        found: list[tuple[bytes, bytes | None]] = []
        try:
            for partition in client.list_topics(topic, timeout=10).topics[topic].partitions:
                where = TopicPartition(topic, partition, 0)
                end = client.get_watermark_offsets(where, timeout=10)[1]
                client.assign([where])
                while end > 0 and (record := client.poll(10)) is not None and record.error() is None:
                    found.append((record.key() or b"", record.value()))
                    if (record.offset() or 0) >= end - 1:
                        break
        finally:
            client.close()
        return found

    def totals(self) -> dict[str, int]:
        """How many events of each call the changelog has counted."""
        rows = {key: value for key, value in self.read(self.names.changelog) if key.startswith(b"l")}
        return {key[1:].decode(): int(value.split(b" ")[0]) for key, value in rows.items() if value}

    def handled(self) -> list[Handled]:
        """What all workers together have handled."""
        return [event for worker in self.workers for event in worker.handled]

    def __enter__(self) -> Self:
        """The group, without workers."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what still runs, and clear up."""
        for worker in self.workers:
            if worker.alive:
                worker.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
