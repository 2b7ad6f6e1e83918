"""The whole of it in one process, on the broker of the demo."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.demo.broker import EmbeddedBroker
from agents.kafka.app import App, KafkaConfig, make_app, send
from agents.kafka.changelog import MOST_BYTES, TooLarge
from agents.kafka.run import Stalled, run
from agents.kafka.source import Record, Records, consume

TOPICS = ("call-events", "demo-internal")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with the topics of a small installation."""
    with EmbeddedBroker(topics=dict.fromkeys((*TOPICS, "demo-calls-changelog"), 2)) as running:
        yield running


@asynccontextmanager
async def running(
    broker: EmbeddedBroker, folder: Path, handled: list[Record], stall_limit: timedelta = timedelta(hours=1)
) -> AsyncIterator[App]:
    """An app that keeps the last value of each call, until the end of the block."""
    config = KafkaConfig(
        broker=broker.bootstrap,
        app_id="demo",
        topics=TOPICS,
        partitions=2,
        data_dir=folder,
        session_timeout=timedelta(seconds=6),
        embedded=True,
        stall_limit=stall_limit,
    )
    app, stop = make_app(config), asyncio.Event()

    async def keep(records: Records) -> None:
        async for record in records:
            app.rows.set(record.partition, record.key or b"", record.value or b"")
            handled.append(record)
            record.ack()

    consume(app, keep)
    ending = asyncio.create_task(run(app, stop))
    try:
        await until(lambda: bool(app.assigned) or ending.done())
        yield app
    finally:
        stop.set()
        await ending


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the app under test sets no event for a test
            await asyncio.sleep(0.01)


async def test_events_are_handled_remembered_and_not_handled_again(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    first, second = list[Record](), list[Record]()
    async with running(broker, tmp_path, first) as app:
        for n in range(100):
            await send(app, "call-events", b"call-%d" % (n % 10), b"%d" % n, [("ce_id", b"%d" % n)])
        await until(lambda: len(first) == 100)
        assert {record.headers for record in first} == {(("ce_id", b"%d" % n),) for n in range(100)}
    async with running(broker, tmp_path, second) as app:
        rows = dict(row for partition in app.assigned for row in app.rows.scan(partition, b"call-"))
        assert rows == {b"call-%d" % n: b"%d" % (90 + n) for n in range(10)}
        await send(app, "demo-internal", b"call-1", b"tick")
        await until(lambda: second)
        assert [record.value for record in second] == [b"tick"]


async def test_a_worker_knows_when_it_has_read_everything_of_before_a_moment(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    handled = list[Record]()
    async with running(broker, tmp_path, handled) as app:
        for n in range(20):
            await (await send(app, "call-events", b"call-%d" % n, b"event"))
        due = datetime.now(UTC)
        await until(lambda: all(app.offsets.caught_up(partition, due) for partition in app.assigned))
        assert len(handled) == 20
        assert not app.offsets.caught_up(0, datetime.now(UTC) + timedelta(seconds=5))
        assert app.stalled() is None


async def test_a_record_that_kafka_would_refuse_is_refused_before(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async with running(broker, tmp_path, []) as app:
        with pytest.raises(TooLarge, match="expected at most"):
            await send(app, "call-events", b"call", b"x" * (MOST_BYTES + 1))
        assert app.fitness.fit


async def test_a_worker_that_nobody_hears_ends_by_itself(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.kafka.run.STALL_GRACE", 0.0)
    monkeypatch.setattr("agents.kafka.run.STALL_LOOK", 0.2)
    with pytest.raises(Stalled, match="no heartbeat for"):
        async with running(broker, tmp_path, [], stall_limit=timedelta(seconds=4)) as app:
            app.watchdog.heard = lambda at: None  # type: ignore[method-assign]  # as if none was answered
            await asyncio.sleep(6)
