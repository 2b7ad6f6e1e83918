"""The first loop: what is folded is acknowledged, what cannot be is told and then acknowledged, neighbours go on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson

from agents.kafka.changelog import MOST_BYTES, TooLarge
from agents.kafka.source import Record
from agents.metrics import Metrics
from agents.reading import Reader
from agents.tenure import Tenure
from agents.timers import Timers
from agents.track import MOST_LATER, Track
from schemas import wire
from schemas.calls import Call
from schemas.events import Event
from schemas.messages import Forwarded, Message, Replay, Tick
from streams import records
from streams.effects import Step
from streams.topology import home
from tests.agents.partitions import Clock, Log, Rows, tenure, turns
from tests.builders import START, second
from tests.streams.tales import POLICY, documents

PARTITIONS = 8
HOME = home("c1", PARTITIONS)


class Acts:
    """Notes what steps ask for."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def after(self, tenure: Tenure, step: Step) -> None:
        self.steps.append(step)

    def landed(self, message: object) -> None:
        return None


class Loop:
    """A track over one partition, fed with records by hand."""

    def __init__(self) -> None:
        self.rows, self.acts, self.log = Rows(), Acts(), Log()
        self.tenure = tenure(self.rows, HOME, open=True)
        self.tenures = {HOME: self.tenure}
        self.acked: list[int] = []
        self.letters: list[dict[str, Any]] = []
        self.broken: list[BaseException] = []
        self.opened: list[Tenure] = []
        self.told = asyncio.Event()
        self.told.set()
        self.definitions_read = asyncio.Event()
        self.definitions_read.set()
        self.timers = Timers(Clock(), lambda *_: True, self.log.tell)
        self.track = Track(
            reader=Reader("call-events", PARTITIONS),
            definitions=lambda: documents(None),
            await_definitions=self.await_definitions,
            tenures=self.tenures,
            opened=self.opened.append,
            policy=POLICY,
            clock=Clock(),
            timers=self.timers,
            act=self.acts,  # type: ignore[arg-type]  # it notes what it is asked for
            tell=self.tell,
            bury=self.bury,
            metrics=Metrics(),
            broken=self.broken.append,
        )

    async def await_definitions(self, event: Event | Replay, recorded_at: datetime) -> None:
        await self.definitions_read.wait()

    async def tell(self, partition: int, message: Message) -> None:
        await self.told.wait()
        if isinstance(message, Forwarded) and message.headers:
            raise TooLarge("a record has too many bytes")
        await self.log.tell(partition, message)

    async def bury(self, letter: records.Record) -> None:
        await self.told.wait()
        self.letters.append(orjson.loads(letter.value))

    async def fold(self, *values: Any, partition: int = HOME, **more: Any) -> None:
        async def source() -> AsyncIterator[Record]:
            for offset, value in enumerate(values):
                yield self.record(value, offset, partition, **more)

        await self.track.fold(source())
        await turns()

    def record(self, value: Any, offset: int, partition: int, **more: Any) -> Record:
        internal = isinstance(value, Tick | Replay)
        raw = wire.message(value) if internal else value if isinstance(value, bytes) else orjson.dumps(value)
        topic = "postcall-internal" if internal else "call-events"
        given = {"key": b"c1", "headers": (), "generation": 1} | more
        return Record(
            topic,
            partition,
            offset,
            START,
            value=raw,
            _acknowledge=lambda _, at, __: self.acked.append(at),
            **given,
        )


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "type": "call.answered", "call_id": "c1", **more}


async def test_an_event_is_written_acted_on_and_acknowledged() -> None:
    loop = Loop()
    await loop.fold(event())
    assert (loop.acked, len(loop.acts.steps), loop.tenure.calls) == ([0], 1, 1)
    assert loop.tenure.table.call("c1") is not None
    assert len(loop.tenure.silent) == 1


async def test_a_record_of_a_partition_that_went_is_left_to_its_next_owner() -> None:
    loop = Loop()
    loop.rows.revoked = True
    await loop.fold(event(0), event(1))
    assert (loop.acked, loop.broken) == ([], [])
    loop.tenures.clear()
    await loop.fold(event(0))
    assert loop.acked == []


async def test_poison_is_acknowledged_only_when_its_dead_letter_is_written() -> None:
    loop = Loop()
    loop.told.clear()
    await loop.fold(b"poison", event(1))
    assert (loop.acked, loop.letters) == ([1], [])
    loop.told.set()
    await turns()
    assert loop.acked == [1, 0]
    assert [letter["source"]["offset"] for letter in loop.letters] == [0]


async def test_an_event_away_from_home_is_acknowledged_only_when_it_is_sent_on() -> None:
    loop = Loop()
    away = (HOME + 1) % PARTITIONS
    loop.tenures[away] = tenure(loop.rows, away, open=True)
    loop.told.clear()
    await loop.fold(event(), partition=away)
    assert loop.acked == []
    loop.told.set()
    await turns()
    assert (loop.acked, [partition for partition, _ in loop.log.said]) == ([0], [HOME])


async def test_a_flood_of_poison_waits_for_the_broker() -> None:
    loop = Loop()
    loop.told.clear()
    folding = asyncio.ensure_future(loop.fold(*[b"poison"] * (MOST_LATER + 5)))
    await turns(3 * MOST_LATER)
    assert len(loop.track._later_tasks) == MOST_LATER
    loop.told.set()
    await folding
    assert len(loop.acked) == len(loop.letters) == MOST_LATER + 5


async def test_an_event_too_large_to_be_sent_on_is_a_dead_letter() -> None:
    loop = Loop()
    away = (HOME + 1) % PARTITIONS
    loop.tenures[away] = tenure(loop.rows, away, open=True)
    await loop.fold(event(), partition=away, headers=(("x", b"1"),))
    assert (loop.acked, [letter["reason"] for letter in loop.letters]) == ([0], ["unreadable"])
    assert loop.broken == []


async def test_a_call_too_large_for_its_row_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    loop = Loop()
    full = Call("full", seen=b"x" * (MOST_BYTES - 1000))
    loop.tenure.table.write(None, Step(full, (), (), (), (), ()))
    await loop.fold(event(0, call_id=_neighbour()), event(1))
    before = loop.tenure.table.call(_neighbour())
    assert before is not None
    loop.tenure.table.write(before, Step(Call(_neighbour(), seen=full.seen), (), (), (), (), ()))
    await loop.fold(event(2, call_id=_neighbour()), event(3))
    assert ([letter["source"]["offset"] for letter in loop.letters], sorted(loop.acked)) == (
        [0],
        [0, 0, 1, 1],
    )


def _neighbour() -> str:
    return next(f"n{number}" for number in range(99) if home(f"n{number}", PARTITIONS) == HOME)


async def test_a_tick_that_was_handled_leaves_room_for_another() -> None:
    loop = Loop()
    loop.tenure.ticks = 5
    await loop.fold(event(), Tick("c1", second(5), True))
    assert loop.tenure.ticks == 4


async def test_a_record_whose_tenure_ended_while_it_waited_for_documents_is_not_folded() -> None:
    loop = Loop()
    loop.definitions_read.clear()
    folding = asyncio.ensure_future(loop.fold(event()))
    await turns()
    loop.tenure.ended = True
    loop.definitions_read.set()
    await folding
    assert (loop.acked, loop.rows.kept, loop.acts.steps) == ([], {}, [])


async def test_a_replay_waits_for_the_documents_that_its_operator_has_applied() -> None:
    loop = Loop()
    loop.definitions_read.clear()
    folding = asyncio.ensure_future(loop.fold(Replay("c1")))
    await turns()
    assert loop.acked == []
    loop.definitions_read.set()
    await folding
    assert loop.acked == [0]


async def test_a_closed_tenure_is_asked_after_each_record_whether_it_may_open() -> None:
    loop = Loop()
    loop.tenure.open = False
    await loop.fold(event(0), event(1))
    assert loop.opened == [loop.tenure, loop.tenure]
