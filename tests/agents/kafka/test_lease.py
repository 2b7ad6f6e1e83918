"""A worker acts only while the broker cannot have given its partitions away."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.structs import TopicPartition

from agents.kafka.gate import guard_changelog
from agents.kafka.lease import Lease
from agents.kafka.membership import FENCED, watch_membership


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def granted(clock: Clock, generation: int = 1) -> Lease:
    """A lease of ten seconds, granted now."""
    lease = Lease(timedelta(seconds=10), clock)
    lease.grant(clock(), generation)
    return lease


def test_a_worker_that_never_joined_holds_nothing() -> None:
    assert not Lease(timedelta(seconds=10), Clock()).valid()


def test_the_lease_counts_from_the_sending_of_the_heartbeat() -> None:
    clock = Clock()
    lease = granted(clock)
    clock.seconds = 108
    lease.renew(sent_at=101, generation=1)
    clock.seconds = 111.5
    assert not lease.valid()


def test_an_answer_to_an_older_generation_renews_nothing() -> None:
    clock = Clock()
    lease = granted(clock, generation=2)
    clock.seconds = 109
    lease.renew(sent_at=109, generation=1)
    clock.seconds = 111
    assert not lease.valid()


def test_a_late_good_heartbeat_does_not_bring_an_expelled_worker_back() -> None:
    clock = Clock()
    lease = granted(clock)
    lease.expel()
    lease.renew(sent_at=100, generation=1)
    assert not lease.valid()


def test_a_lease_says_why_it_is_none() -> None:
    clock = Clock()
    lease = granted(clock)
    assert lease.lapse() is None
    clock.seconds = 115
    assert lease.lapse() == "no heartbeat was answered for 15 s, and the lease of 10.0 s ran out"
    lease.expel()
    assert lease.lapse() == "expelled from the group, or not let in yet"


async def test_a_broker_that_comes_back_lets_the_worker_go_on() -> None:
    clock = Clock()
    lease = granted(clock)
    clock.seconds = 115
    waiting = asyncio.create_task(lease.held())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    lease.renew(sent_at=114, generation=1)
    assert await waiting


async def test_an_expelled_worker_learns_that_it_lost_what_it_held() -> None:
    clock = Clock()
    lease = granted(clock)
    clock.seconds = 115
    waiting = asyncio.create_task(lease.held())
    await asyncio.sleep(0.05)
    lease.expel()
    lease.grant(115, generation=2)
    assert not await waiting


class Exit(BaseException):
    """Stands for the end of the process."""


def leave() -> NoReturn:
    """End the process, as far as a test goes."""
    raise Exit


class Coordinator:
    """The part of aiokafka's coordinator that the lease listens to."""

    def __init__(self, clock: Clock, codes: Iterable[int]) -> None:
        self.generation, self.group_id, self.member_id = 1, "group", "me"
        self._group_instance_id: str | None = None
        self.asked: list[Any] = []
        self.clock, self.codes = clock, iter(codes)

    async def _send_req(self, request: Any) -> Any:
        self.asked.append(request)
        self.clock.seconds += 6
        return type("Answer", (), {"error_code": next(self.codes)})()

    def reset_generation(self) -> None:
        self.generation = -1


@pytest.mark.parametrize(("code", "alive"), [(0, True), (27, True), (16, False), (25, False)])
async def test_a_heartbeat_renews_from_its_sending_while_the_broker_knows_us(code: int, alive: bool) -> None:
    clock = Clock()
    lease, coordinator = granted(clock), Coordinator(clock, [code])
    clock.seconds += 5
    watch_membership(coordinator, lease)
    await coordinator._send_req(HeartbeatRequest("group", 1, "me"))
    assert lease.renewed_at == (105 if alive else 100)


async def test_a_static_member_says_in_its_heartbeat_who_it_is() -> None:
    clock = Clock()
    lease, coordinator = granted(clock), Coordinator(clock, [0])
    coordinator._group_instance_id = "pod-3"
    watch_membership(coordinator, lease)
    await coordinator._send_req(HeartbeatRequest("group", 1, "me"))
    assert coordinator.asked[0].prepare({12: (0, 4)}).group_instance_id == "pod-3"


async def test_a_static_member_whose_place_was_taken_ends() -> None:
    clock = Clock()
    lease, coordinator = granted(clock), Coordinator(clock, [FENCED])
    watch_membership(coordinator, lease, leave)
    with pytest.raises(Exit):
        await coordinator._send_req(HeartbeatRequest("group", 1, "me"))
    assert lease.expelled


@pytest.mark.parametrize("code", [FENCED, 25])
async def test_a_static_member_that_a_commit_forgot_asks_whether_its_place_was_taken_before_it_joins(
    code: int,
) -> None:
    clock = Clock()
    lease, coordinator = granted(clock), Coordinator(clock, [code, 0])
    coordinator._group_instance_id = "pod-3"
    watch_membership(coordinator, lease, leave)
    coordinator.reset_generation()
    join = JoinGroupRequest("group", 6000, 6000, "", "pod-3", "consumer", [])
    if code == FENCED:
        with pytest.raises(Exit):
            await coordinator._send_req(join)
    else:
        await coordinator._send_req(join)
    asked = coordinator.asked[0].prepare({12: (0, 4)})
    assert (asked.member_id, asked.generation_id, asked.group_instance_id) == ("me", 1, "pod-3")
    assert coordinator.asked[1:] == ([] if code == FENCED else [join])


async def test_joining_grants_the_lease_from_when_it_was_asked_for() -> None:
    clock = Clock()
    lease, coordinator = Lease(timedelta(seconds=10), clock), Coordinator(clock, [0])
    watch_membership(coordinator, lease)
    await coordinator._send_req(SyncGroupRequest("group", 1, "me", None, []))
    assert (lease.renewed_at, lease.generation) == (100, 1)


async def test_being_forgotten_by_the_group_expels() -> None:
    clock = Clock()
    lease, coordinator = granted(clock), Coordinator(clock, [])
    watch_membership(coordinator, lease)
    coordinator.reset_generation()
    assert lease.expelled
    assert coordinator.generation == -1


class Sender:
    """The last step of aiokafka's producer; it notes what reached the socket."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def _send_produce_req(self, node_id: int, batches: dict[TopicPartition, Any]) -> None:
        self.sent += [tp.topic for tp in batches]


async def test_no_changelog_batch_reaches_the_socket_without_a_lease() -> None:
    clock, sender = Clock(), Sender()
    lease = granted(clock)
    guard_changelog(sender, lease, "changelog", lambda: False, leave)
    clock.seconds = 115
    sending = asyncio.create_task(sender._send_produce_req(1, {TopicPartition("changelog", 0): "rows"}))
    await asyncio.sleep(0.05)
    assert sender.sent == []
    lease.renew(114, 1)
    await sending
    assert sender.sent == ["changelog"]


async def test_a_worker_expelled_with_a_held_batch_ends() -> None:
    clock, sender = Clock(), Sender()
    lease = granted(clock)
    guard_changelog(sender, lease, "changelog", lambda: False, leave)
    lease.expel()
    with pytest.raises(Exit):
        await sender._send_produce_req(1, {TopicPartition("changelog", 0): "rows"})
    assert sender.sent == []


async def test_a_worker_that_crashes_with_a_held_batch_is_left_to_end_with_its_own_reason() -> None:
    clock, sender = Clock(), Sender()
    lease = granted(clock)
    guard_changelog(sender, lease, "changelog", lambda: True, leave)
    lease.expel()
    sending = asyncio.create_task(sender._send_produce_req(1, {TopicPartition("changelog", 0): "rows"}))
    await asyncio.wait({sending}, timeout=0.05)
    assert not sending.done()
    assert sender.sent == []
    sending.cancel()


async def test_other_topics_pass_the_gate_without_a_lease() -> None:
    clock, sender = Clock(), Sender()
    guard_changelog(sender, Lease(timedelta(seconds=10), clock), "changelog", lambda: False, leave)
    await sender._send_produce_req(1, {TopicPartition("delivery-log", 0): "line"})
    assert sender.sent == ["delivery-log"]
