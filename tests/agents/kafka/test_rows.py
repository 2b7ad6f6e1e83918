"""A row is read at once, and is on disk only when the changelog has it."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.changelog import BATCH_BYTES, MOST_BYTES, Revoked, Row, TooLarge
from agents.kafka.fitness import Fitness
from agents.kafka.lease import Lease
from agents.kafka.rows import Rows


class Disk:
    """A store in memory that keeps its writes in order."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.offset = -1
        self.refusal: Exception | None = None

    def read(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, partition: int, prefix: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        found = (row for row in self.rows.items() if row[0].startswith(prefix) and row[0] >= since)
        return iter(sorted(found))

    def apply(self, partition: int, rows: Iterable[Row], offset: int) -> None:
        if self.refusal is not None:
            raise self.refusal
        for row in rows:
            if row.value is None:
                self.rows.pop(row.key, None)
            else:
                self.rows[row.key] = row.value
        self.offset = offset


class Batch:
    """A record batch under construction."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: None) -> object:
        self.records.append((key, value))
        return object()

    def close(self) -> None:
        """Nothing more is appended."""


class Broker:
    """A changelog partition that acknowledges when it is told to."""

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytes | None]] = []
        self.batches: list[list[tuple[bytes, bytes | None]]] = []
        self.offered = 0
        """Batches that have left for it."""
        self.answering = asyncio.Event()
        self.answering.set()
        self.refusal: Exception | None = None

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        self.offered += 1
        return asyncio.ensure_future(self._acknowledge(batch))

    async def _acknowledge(self, batch: Batch) -> Any:
        await self.answering.wait()
        if self.refusal is not None:
            raise self.refusal
        self.batches.append(batch.records)
        self.log += batch.records
        return type("Metadata", (), {"offset": len(self.log) - len(batch.records)})()


class Table:
    """Rows over a disk and a broker, with partition 0 open and a lease that holds."""

    def __init__(self) -> None:
        self.disk, self.broker, self.fitness = Disk(), Broker(), Fitness()
        self.lease = Lease(timedelta(hours=1))
        self.lease.grant(self.lease.now(), 1)
        self.rows = Rows(
            lambda: self.disk, lambda: self.broker, "changelog", self.lease, self.fitness, lambda: 0.0
        )
        self.rows.open([0])


async def test_a_row_is_read_back_before_anybody_acknowledged_it() -> None:
    table = Table()
    table.broker.answering.clear()
    table.rows.set(0, b"live", b"1")
    assert table.rows.get(0, b"live") == b"1"
    await asyncio.sleep(0.01)
    assert table.rows.get(0, b"live") == b"1"
    assert table.disk.rows == {}


async def test_the_disk_gets_a_row_with_its_acknowledgement() -> None:
    table = Table()
    table.rows.set(0, b"live", b"1")
    await table.rows.durable(0)
    assert (table.disk.rows, table.disk.offset) == ({b"live": b"1"}, 0)


async def test_a_deleted_row_is_gone_at_once_and_leaves_a_tombstone() -> None:
    table = Table()
    table.rows.set(0, b"live", b"1")
    await table.rows.durable(0)
    table.rows.delete(0, b"live")
    assert table.rows.get(0, b"live") is None
    await table.rows.durable(0)
    assert table.broker.log == [(b"live", b"1"), (b"live", None)]
    assert table.disk.rows == {}


async def test_the_rows_of_one_step_are_one_batch() -> None:
    table = Table()
    with table.rows.atomic(0) as step:
        step.set(b"part", b"turn")
        step.set(b"live", b"1")
    await table.rows.durable(0)
    assert table.broker.batches == [[(b"part", b"turn"), (b"live", b"1")]]


async def test_a_step_that_raises_writes_nothing() -> None:
    table = Table()
    with pytest.raises(ZeroDivisionError), table.rows.atomic(0) as step:
        step.set(b"live", b"1")
        raise ZeroDivisionError
    assert table.rows.get(0, b"live") is None


async def test_a_row_too_large_for_kafka_leaves_its_step_unwritten() -> None:
    table = Table()
    with pytest.raises(TooLarge), table.rows.atomic(0) as step:
        step.set(b"live", b"1")
        step.set(b"part", b"x" * MOST_BYTES)
    assert table.rows.get(0, b"live") is None


async def test_a_row_written_twice_takes_the_place_of_its_last_writing() -> None:
    table = Table()
    table.rows.set(0, b"live", b"1")
    table.rows.set(0, b"part", b"turn")
    table.rows.set(0, b"live", b"2")
    await table.rows.durable(0)
    assert table.broker.log == [(b"part", b"turn"), (b"live", b"2")]


async def test_durable_waits_for_what_was_set_while_others_were_on_their_way() -> None:
    table = Table()
    table.broker.answering.clear()
    table.rows.set(0, b"a", b"1")
    await asyncio.sleep(0.01)
    table.rows.set(0, b"b", b"2")
    waiting = asyncio.create_task(table.rows.durable(0))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    table.broker.answering.set()
    await waiting
    assert table.disk.rows == {b"a": b"1", b"b": b"2"}


async def test_durable_returns_at_once_when_nothing_waits() -> None:
    waiting = asyncio.create_task(Table().rows.durable(0))
    await asyncio.sleep(0)
    assert waiting.done()


async def test_who_gives_up_waiting_does_not_end_the_waiting_of_others() -> None:
    table = Table()
    table.broker.answering.clear()
    table.rows.set(0, b"a", b"1")
    impatient, patient = (asyncio.create_task(table.rows.durable(0)) for _ in range(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0)
    assert not patient.done()
    table.broker.answering.set()
    await patient
    assert table.disk.rows == {b"a": b"1"}


async def test_a_revocation_ends_the_waiting_and_ignores_the_late_acknowledgement() -> None:
    table = Table()
    table.broker.answering.clear()
    table.rows.set(0, b"live", b"1")
    waiting = asyncio.create_task(table.rows.durable(0))
    await asyncio.sleep(0.01)
    table.rows.drop()
    table.rows.open([0])
    table.broker.answering.set()
    with pytest.raises(Revoked):
        await waiting
    await table.rows.settle()
    assert table.disk.rows == {}


async def test_a_partition_being_given_away_takes_no_more_rows_but_settles_those_it_has() -> None:
    table = Table()
    table.rows.set(0, b"live", b"1")
    table.rows.refuse()
    with pytest.raises(Revoked):
        table.rows.set(0, b"live", b"2")
    await table.rows.settle()
    assert table.disk.rows == {b"live": b"1"}


async def test_settling_does_not_wait_for_what_is_set_meanwhile() -> None:
    table = Table()

    async def write() -> None:
        for n in itertools.count():
            table.rows.set(0, b"live", b"%d" % n)
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    settled = asyncio.create_task(table.rows.settle())
    await asyncio.wait({settled}, timeout=1)
    assert settled.done()
    assert not writing.done()
    writing.cancel()


async def test_an_expelled_worker_drops_what_it_has_not_sent() -> None:
    table = Table()
    table.rows.set(0, b"live", b"1")
    waiting = asyncio.create_task(table.rows.durable(0))
    await asyncio.sleep(0)
    table.lease.expel()
    with pytest.raises(Revoked):
        await waiting
    assert table.broker.log == []


async def test_a_refused_batch_makes_the_worker_unfit() -> None:
    table = Table()
    table.broker.refusal = RuntimeError("RecordListTooLarge")
    table.rows.set(0, b"live", b"1")
    with pytest.raises(Revoked):
        await table.rows.durable(0)
    assert not table.fitness.fit
    assert table.disk.rows == {}


async def test_a_row_that_the_disk_refuses_is_never_durable() -> None:
    table = Table()
    table.disk.refusal = OSError("No space left on device")
    table.rows.set(0, b"live", b"1")
    with pytest.raises(Revoked):
        await table.rows.durable(0)
    assert not table.fitness.fit


async def test_the_second_batch_of_a_step_leaves_when_the_first_is_acknowledged() -> None:
    table = Table()
    table.broker.answering.clear()
    with table.rows.atomic(0) as step:
        step.set(b"part", b"x" * BATCH_BYTES)
        step.set(b"live", b"1")
    await asyncio.sleep(0.01)
    assert table.broker.offered == 1
    table.broker.answering.set()
    await table.rows.durable(0)
    assert [[key for key, _ in batch] for batch in table.broker.batches] == [[b"part"], [b"live"]]


async def test_nobody_reads_or_writes_a_partition_that_is_not_ours() -> None:
    table = Table()
    with pytest.raises(Revoked, match="partition 3 is not ours"):
        table.rows.get(3, b"live")
    with pytest.raises(Revoked):
        table.rows.set(3, b"live", b"1")


async def test_a_scan_sees_the_newest_rows_of_its_prefix_in_order() -> None:
    table = Table()
    table.disk.rows = {b"la": b"old", b"lb": b"old", b"ld": b"old", b"pa": b"part"}
    table.broker.answering.clear()
    table.rows.set(0, b"la", b"flying")
    await asyncio.sleep(0.01)
    table.rows.delete(0, b"lb")
    table.rows.set(0, b"lc", b"dirty")
    assert list(table.rows.scan(0, b"l")) == [(b"la", b"flying"), (b"lc", b"dirty"), (b"ld", b"old")]
    assert list(table.rows.scan(0, b"l", b"lb")) == [(b"lc", b"dirty"), (b"ld", b"old")]


writes = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=3)), max_size=30
)


@given(writes, st.integers(1, 5))
def test_whatever_is_written_log_disk_and_reading_agree(
    written: list[tuple[bytes, bytes | None]], pace: int
) -> None:
    async def scenario() -> None:
        table, expected = Table(), {}
        for number, (key, value) in enumerate(written):
            expected[key] = value
            table.rows.set(0, key, value) if value is not None else table.rows.delete(0, key)
            assert table.rows.get(0, key) == value
            if number % pace == 0:
                await asyncio.sleep(0)
        await table.rows.settle()
        known = {key: value for key, value in expected.items() if value is not None}
        assert table.disk.rows == known
        assert {key: value for key, value in dict(table.broker.log).items() if value is not None} == known
        assert table.disk.offset == len(table.broker.log) - 1

    asyncio.run(scenario())
