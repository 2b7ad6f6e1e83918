"""A partition begins with what its rows say, opens when the last reply is read, and ends with a word."""

import asyncio

from faust.types import TP

from agents.kafka.offsets import Offsets
from agents.metrics import Metrics
from agents.takeover import Takeover
from agents.tenure import Tenure
from agents.timers import Timers
from schemas.calls import Call
from schemas.messages import Announced
from streams import machine
from tests.agents.partitions import Clock, Log, Rows, tenure
from tests.builders import START, call, second
from tests.streams.tales import POLICY, api, documents, flow

ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")
INTERNAL = TP("postcall-internal", 0)


class Acts:
    """Notes which tenures begin and open."""

    def __init__(self) -> None:
        self.opened: list[Tenure] = []
        self.let_go_of = 0
        self.resumed = asyncio.Event()

    def begin(self, one: Tenure) -> None:
        return None

    def resume(self, one: Tenure) -> None:
        one.open = True
        self.opened.append(one)
        self.resumed.set()

    async def let_go(self) -> None:
        self.let_go_of += 1


class Hands:
    """A worker that takes partition 0 over, whose internal topic ends at an offset."""

    def __init__(self, end: int = 0) -> None:
        self.rows, self.acts, self.log, self.end = Rows(), Acts(), Log(), end
        self.offsets = Offsets(["call-events", "postcall-internal"])
        self.timers = Timers(Clock(second(1e6)), lambda *_: True, self.log.tell)
        self.takeover = Takeover(
            self.rows,  # type: ignore[arg-type]  # rows in a dict
            self.offsets,
            "postcall-internal",
            self.end_of,
            self.timers,
            self.acts,  # type: ignore[arg-type]  # it notes what it is asked for
            Metrics(),
        )

    async def end_of(self, partition: int) -> int:
        return self.end

    async def begin(self) -> Tenure:
        await self.takeover.begin(frozenset({0}))
        return self.takeover.tenures[0]

    def left_behind(self, *messages: machine.Input) -> Call:
        """The row that a former owner left."""
        former, row = tenure(self.rows), None
        for message in (*ENDED.events, *messages):
            shown = documents(flow((api("crm"),), "resolved>crm"))
            step = machine.step(row, message, START, former.table, shown, POLICY)
            former.table.write(row, step)
            row = step.call
        assert row is not None
        return row


async def test_what_is_to_be_made_or_owed_waits_for_the_opening() -> None:
    hands = Hands(end=3)
    hands.left_behind()
    begun = await hands.begin()
    assert (begun.resting, begun.calls, begun.open) == ({"c1"}, 1, False)


async def test_timers_are_rebuilt_from_the_rows() -> None:
    hands = Hands()
    due = machine.due(hands.left_behind())[1]
    begun = await hands.begin()
    assert begun.silent.next_at == due


async def test_an_announced_attempt_is_no_reason_to_start() -> None:
    hands = Hands(end=3)
    row = hands.left_behind()
    emitted = machine.Emitted("c1", 9)
    hands.rows.kept.clear()
    hands.left_behind(Announced("c1", row.deliveries[0].delivery_id, 1, second(20)), emitted)
    begun = await hands.begin()
    assert (begun.resting, begun.plain.next_at) == (set(), second(20))


async def test_a_tenure_with_nothing_to_read_opens_at_once() -> None:
    assert (await Hands(end=0).begin()).open


async def test_a_tenure_opens_only_when_the_internal_topic_is_read_to_its_end() -> None:
    hands = Hands(end=3)
    begun = await hands.begin()
    hands.offsets.sought(INTERNAL, 1)
    hands.offsets.done(INTERNAL, 2)
    hands.takeover.open(begun)
    assert not begun.open
    hands.offsets.done(INTERNAL, 3)
    hands.takeover.open(begun)
    hands.takeover.open(begun)
    assert hands.acts.opened == [begun]


async def test_a_tenure_opens_though_no_message_comes_when_all_was_committed() -> None:
    hands = Hands(end=3)
    begun = await hands.begin()
    running = asyncio.ensure_future(hands.takeover.run())
    hands.offsets.sought(INTERNAL, 3)
    await asyncio.wait_for(hands.acts.resumed.wait(), 5)
    running.cancel()
    assert begun.open


async def test_the_end_of_a_tenure_lets_go_and_silences_its_timers() -> None:
    hands = Hands()
    hands.left_behind()
    begun = await hands.begin()
    await hands.takeover.end(frozenset({0}))
    await hands.timers.look()
    assert (begun.ended, hands.takeover.tenures, hands.acts.let_go_of, hands.log.said) == (True, {}, 1, [])
    assert not hands.takeover.begun


async def test_a_recovery_that_a_rebalance_overtakes_is_void() -> None:
    hands = Hands()

    async def given_away_meanwhile(partition: int) -> int:
        hands.rows.revoked = True
        return 0

    hands.takeover._end_of = given_away_meanwhile
    hands.left_behind()
    await hands.takeover.begin(frozenset({0}))
    assert (hands.takeover.begun, hands.acts.opened) == (False, [])
