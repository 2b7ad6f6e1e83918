"""One small run on the embedded broker: a few calls of every kind, workers that die, and accounts of it."""

import asyncio
import json
import os
import re
import signal
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka import Producer

from agents.demo.broker import EmbeddedBroker
from agents.demo.receiver import Receiver, Request
from agents.ledger.witnesses import Record
from schemas import wire
from schemas.messages import Message, Sweep
from streams.topology import home
from tests.agents.failpoints.accounts import WRITTEN, Accounts
from tests.agents.failpoints.forks import Forked, Forks
from tests.agents.failpoints.told import SCRIPT, documents, events
from tests.system.kafka_topics import QUIET
from tests.system.receiver import read_requests

PARTITIONS = 2
PATIENCE = 60.0
"""Seconds for what takes about one."""


@dataclass
class Stage:
    """A run under way: its own topics on a shared broker, its own receiver."""

    bootstrap: str
    name: str
    folder: Path
    forks: Forks
    receiver: Receiver
    reading: AIOKafkaConsumer
    seen: list[Record] = field(default_factory=list)
    """What was read of the topics so far."""
    started: list[Forked] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    deaths: list[float] = field(default_factory=list)
    """When workers were ended with -9, or ended themselves, seconds since 1970."""

    def start(
        self, failpoints: str = "", data: str = "data", command: tuple[str, ...] = ("worker",)
    ) -> Forked:
        """Start a command, which is a worker."""
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}-{command[0]}.log"
        own = {"POSTCALL_DATA_DIR": str(self.folder / data), "POSTCALL_FAILPOINTS": failpoints}
        self.started.append(self.forks.start(self._environment() | own, log, *command))
        return self.started[-1]

    def end(self) -> None:
        """End whatever still runs."""
        for each in self.started:
            each.kill()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "POSTCALL_BROKER": self.bootstrap,
            "POSTCALL_APP_ID": self.name,
            "POSTCALL_TOPIC_PREFIX": f"{self.name}.",
            "POSTCALL_EMBEDDED": "1",
            "POSTCALL_UNSAFE_TESTING": "1",
            "POSTCALL_WEB_PORT": "0",
            "POSTCALL_EGRESS_ALLOW": "127.0.0.1/32",
            "POSTCALL_SESSION_TIMEOUT": "3s",
            "POSTCALL_STANDBY": "0",
            "POSTCALL_GRACE": "200ms",
            "POSTCALL_UPGRADE_WINDOW": "300ms",
            "POSTCALL_DRAIN": "1s",
        }

    def tell(self, calls: dict[str, str]) -> None:
        """Tell of calls, and once of nothing that could be read."""
        self.calls |= calls
        producer = self._producer()
        for call_id, kind in calls.items():
            at = home(call_id, PARTITIONS)
            for event in events(call_id, kind):
                where = 1 - at if call_id == "c-stray" else at
                producer.produce(f"{self.name}.call-events", event, call_id.encode(), partition=where)
        producer.produce(f"{self.name}.call-events", b"{", b"poison", partition=0)
        assert producer.flush(10) == 0

    def say(self, message: Message) -> None:
        """Post an internal message as an operator or a timer does; a sweep goes to all partitions."""
        producer = self._producer()
        places = range(PARTITIONS) if isinstance(message, Sweep) else [home(message.call_id, PARTITIONS)]
        for partition in places:
            producer.produce(f"{self.name}-internal", wire.message(message), partition=partition)
        assert producer.flush(10) == 0

    def put_into_force(self) -> None:
        """Write the documents."""
        producer = self._producer()
        for key, document in documents(f"http://127.0.0.1:{self.receiver.port}").items():
            producer.produce(
                f"{self.name}.workflows", json.dumps(document).encode(), key.encode(), partition=0
            )
        assert producer.flush(10) == 0

    def _producer(self) -> Producer:
        return Producer({**QUIET, "bootstrap.servers": self.bootstrap})

    @property
    def requests(self) -> list[Request]:
        """What the receiver got."""
        return read_requests(self.folder / "requests.jsonl")

    def answers(self, path: str) -> list[int | str]:
        """How the requests to a path were answered."""
        return [each.answer for each in self.requests if each.path == path]

    async def requested(self, least: int = 1) -> None:
        """Wait until the receiver got so many requests."""
        await until(lambda: len(self.requests) >= least, f"{least} requests")

    async def died(self, worker: Forked, name: str, action: str = "kill") -> None:
        """Wait until a worker died at a failpoint."""
        await until(lambda: worker.code is not None, f"the death at {name}", worker.log)
        said = re.search(
            rf"^failpoint {name}: {action} at pass \d+, ([\d.]+)$", _text(worker.log), re.MULTILINE
        )
        assert said is not None, _end_of(worker.log)
        assert worker.code == (-signal.SIGKILL if action == "kill" else 1), _end_of(worker.log)
        # One that crashes needs a moment to end, and others of its tasks go on meanwhile.
        self.deaths.append(float(said[1]) if action == "kill" else time.time())

    async def accounts(self, worker: Forked) -> Accounts:
        """Wait until nothing is owed any more, then look at all of it once more."""
        async with asyncio.timeout(PATIENCE):
            while (await self.look()).owed:
                assert worker.code is None, _end_of(worker.log)
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        return await self.look()

    async def look(self) -> Accounts:
        """What is there now."""
        assigned = self.reading.assignment()
        ends = await self.reading.end_offsets(assigned)
        while [each for each in assigned if await self.reading.position(each) < ends[each]]:
            batches = await self.reading.getmany(timeout_ms=100)
            self.seen += [_record(each) for batch in batches.values() for each in batch]
        topics = {
            topic: [each for each in self.seen if each.topic == f"{self.name}{topic}"] for topic in WRITTEN
        }
        return Accounts(self.calls, self.requests, topics, self.deaths)


async def until(condition: Callable[[], object], what: str, log: Path | None = None) -> None:
    """Wait until the condition is true."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - a file tells nobody that it grew
                await asyncio.sleep(0.02)
    except TimeoutError:
        end = "" if log is None else _end_of(log)
        raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} s; {end}") from None


def _text(log: Path) -> str:
    return log.read_text()


def _end_of(log: Path) -> str:
    return _text(log)[-3000:]


@asynccontextmanager
async def open_stage(broker: EmbeddedBroker, forks: Forks, folder: Path) -> AsyncIterator[Stage]:
    """Open a run of its own, with its documents in force and no worker."""
    name = f"run-{uuid.uuid4().hex[:8]}"
    for topic in (".call-events", *WRITTEN):
        broker.create_topic(f"{name}{topic}", PARTITIONS)
    broker.create_topic(f"{name}.workflows", 1)
    async with Receiver(folder / "requests.jsonl", SCRIPT) as receiver, _reading(broker, name) as reading:
        stage = Stage(broker.bootstrap, name, folder, forks, receiver, reading)
        stage.put_into_force()
        try:
            yield stage
        finally:
            stage.end()


@asynccontextmanager
async def _reading(broker: EmbeddedBroker, name: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer at the beginning of all that a run writes."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(f"{name}{each}", n) for each in WRITTEN for n in range(PARTITIONS)])
        yield consumer
    finally:
        await consumer.stop()


def _record(message: ConsumerRecord[bytes | None, bytes | None]) -> Record:
    headers = {name: value.decode() for name, value in message.headers}
    at = message.timestamp / 1000
    return Record(message.topic, message.partition, message.offset, at, message.key, message.value, headers)


def long_ago() -> datetime:
    """Before which everything is to be forgotten: all of it."""
    return datetime.now(UTC) + timedelta(hours=1)
