"""Effects begin when they are durable, in an open tenure, once; what they wait for is never forgotten."""

from collections.abc import Callable
from datetime import datetime

from agents.act import Act
from agents.attempt import Outbound
from agents.deliver import OnTheWire
from agents.errands import Errand, Load
from agents.outbox import Outbox
from agents.tenure import Tenure
from schemas.calls import Call
from schemas.delivery import Answered
from schemas.messages import Announced, Emitted, Replay, Replied
from streams import machine
from streams.lanes import Rank
from tests.agents.partitions import Lease, Log, Posts, Rows, tenure, turns
from tests.builders import START, call, second
from tests.streams.tales import POLICY, api, documents, flow

ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")
OK = Answered(200)
LATER = second(15)


class Lanes:
    """Takes errands; the test sends them."""

    def __init__(self) -> None:
        self.queued: list[tuple[Errand, Load]] = []
        self.wire: list[OnTheWire] = []

    def enter(self, errand: Errand, load: Load) -> bool:
        self.queued.append((errand, load))
        return True

    def drop(self, unwanted: Callable[[Errand], bool]) -> list[Errand]:
        dropped = [errand for errand, _ in self.queued if unwanted(errand)]
        self.queued = [one for one in self.queued if one[0] not in dropped]
        return dropped

    def on_the_wire(self) -> list[OnTheWire]:
        return self.wire

    def send(self, until: datetime = LATER) -> Outbound | None:
        """The first errand leaves, if its request is still there."""
        errand, load = self.queued.pop(0)
        request = load()
        if request is None:
            return None
        self.wire.append(OnTheWire(errand.outbound(request), until))
        return self.wire[-1].outbound


class Shell:
    """One open tenure of partition 0 and a call whose node `crm` is to be run."""

    def __init__(self, *, opened: bool = True) -> None:
        self.rows, self.lease, self.log, self.lanes = Rows(), Lease(), Log(), Lanes()
        self.broken: list[BaseException] = []
        self.posts = Posts()
        self.posted = self.posts.values
        self.outbox = Outbox(self.posts, str, self.log.tell)
        self.act = Act(
            self.rows,  # type: ignore[arg-type]  # rows in a dict
            self.outbox,
            self.log.tell,
            self.lease,  # type: ignore[arg-type]  # held until the test says otherwise
            self.broken.append,
            lambda replied, may_start: self.lanes,  # type: ignore[arg-type, return-value]  # the lanes above
        )
        self.call: Call | None = None
        self.tenure = self.take_over(opened=opened)

    def take_over(self, *, opened: bool = True) -> Tenure:
        self.tenure = tenure(self.rows, open=opened)
        self.act.begin(self.tenure)
        return self.tenure

    async def fold(self, *messages: machine.Input) -> None:
        flown = documents(flow((api("crm"),), "resolved>crm"))
        for message in messages:
            before = self.tenure.table.call("c1")
            step = machine.step(before, message, START, self.tenure.table, flown, POLICY)
            self.tenure.table.write(before, step)
            if isinstance(message, Replied):
                self.act.landed(message)
            self.act.after(self.tenure, step)
        await turns()

    def replied(self, outbound: Outbound) -> Replied:
        return Replied("c1", outbound.delivery_id, outbound.attempt, OK, START, 0.1)


async def test_nothing_begins_before_it_is_durable() -> None:
    shell = Shell()
    shell.rows.settled.clear()
    await shell.fold(*ENDED.events)
    assert (shell.lanes.queued, shell.posted) == ([], [])
    shell.rows.settled.set()
    await turns()
    assert ([errand.name for errand, _ in shell.lanes.queued], len(shell.posted)) == (["crm"], 1)


async def test_a_replay_goes_behind_everything_else_and_says_so() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    first = shell.lanes.send()
    assert first is not None
    failed = Replied("c1", first.delivery_id, 1, Answered(404), START, 0.1)
    await shell.fold(failed, Replay("c1"))
    (errand, _), again = shell.lanes.queued[0], shell.lanes.send()
    assert again is not None
    assert (errand.rank, again.replay, again.attempt, again.name) == (Rank.REPLAY, True, 2, "crm")
    assert again.request == first.request


async def test_what_was_not_durable_when_the_partition_went_never_happened() -> None:
    shell = Shell()
    shell.rows.settled.clear()
    await shell.fold(*ENDED.events)
    shell.rows.revoked = True
    shell.rows.settled.set()
    await turns()
    assert (shell.lanes.queued, shell.posted, shell.broken) == ([], [], [])


async def test_behind_a_closed_barrier_neither_request_nor_record_leaves() -> None:
    shell = Shell(opened=False)
    await shell.fold(*ENDED.events)
    assert (shell.lanes.queued, shell.posted, shell.tenure.effects) == ([], [], [])
    assert shell.tenure.resting == {"c1"}
    shell.act.resume(shell.tenure)
    await turns()
    assert (len(shell.lanes.queued), len(shell.posted)) == (1, 1)


async def test_an_attempt_is_under_way_until_its_reply_is_folded() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    outbound = shell.lanes.send()
    assert outbound is not None
    await shell.act.replied(outbound, OK, START, 0.1)
    shell.tenure.resting.add("c1")
    shell.act.resume(shell.tenure)
    await turns()
    assert shell.lanes.queued == []
    await shell.fold(shell.replied(outbound))
    assert shell.act._flights == {}


async def test_an_attempt_that_was_answered_in_its_lane_does_not_leave() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    errand = shell.lanes.queued[0][0]
    await shell.fold(Replied("c1", errand.delivery_id, 1, OK, START, 0.1))
    assert shell.lanes.send() is None
    assert shell.act._flights == {}


async def test_letting_go_announces_only_what_is_on_the_wire() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    outbound = shell.lanes.send()
    assert outbound is not None
    await shell.act.let_go()
    announced = [one for one in shell.log.messages if isinstance(one, Announced)]
    assert announced == [Announced("c1", outbound.delivery_id, 1, second(16))]


async def test_letting_go_drops_what_waits_in_its_lane_without_a_word() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    await shell.act.let_go()
    assert not [one for one in shell.log.messages if isinstance(one, Announced)]
    assert (shell.lanes.queued, shell.act._flights) == ([], {})


async def test_letting_go_tells_of_the_records_that_kafka_has() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    await turns()
    written = len(shell.posted)
    await shell.act.let_go()
    assert [one.through for one in shell.log.messages if isinstance(one, Emitted)] == [written]


async def test_a_reply_after_letting_go_is_still_posted_and_then_forgotten() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    outbound = shell.lanes.send()
    assert outbound is not None
    await shell.act.let_go()
    await shell.act.replied(outbound, OK, START, 0.1)
    assert isinstance(shell.log.messages[-1], Replied)
    assert shell.act._flights == {}


async def test_nothing_leaves_after_the_end_of_the_tenure() -> None:
    shell = Shell()
    shell.rows.settled.clear()
    await shell.fold(*ENDED.events)
    await shell.act.let_go()
    shell.rows.settled.set()
    await turns()
    assert (shell.lanes.queued, shell.posted) == ([], [])
    assert not [one for one in shell.log.messages if isinstance(one, Emitted)]


async def test_a_request_that_was_withheld_starts_again_when_the_lease_is_back() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    outbound = shell.lanes.send()
    assert outbound is not None
    shell.lease.there.clear()
    assert not shell.act.may_leave(outbound)
    shell.act.withheld(outbound)
    await turns()
    assert shell.lanes.queued == []
    shell.lease.there.set()
    await turns()
    assert [errand.attempt for errand, _ in shell.lanes.queued] == [1]


async def test_what_may_not_start_for_want_of_a_lease_is_not_forgotten() -> None:
    shell = Shell()
    await shell.fold(*ENDED.events)
    outbound = shell.lanes.send()
    assert outbound is not None
    shell.lease.valid = lambda: False  # type: ignore[method-assign]  # it ran out between two looks
    assert not await shell.act.may_start(outbound)
    await turns()
    assert [errand.name for errand, _ in shell.lanes.queued] == ["crm"]


async def test_a_defect_ends_the_worker() -> None:
    shell = Shell()

    async def refuse(*_: object) -> None:
        raise RuntimeError("no such topic")

    shell.outbox._post = refuse  # type: ignore[assignment]  # a broker that is out of its mind
    await shell.fold(*ENDED.events)
    assert [str(one) for one in shell.broken] == ["no such topic"]
