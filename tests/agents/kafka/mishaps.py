"""What a test worker can be made to suffer: a delay here, a refusal there, or life without a cure."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import faust
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver

from agents.kafka.app import App
from agents.kafka.changelog import Row
from agents.kafka.consumer import Consumer
from agents.kafka.fitness import Fitness
from agents.kafka.producer import Producer
from agents.kafka.rows import Rows
from agents.kafka.thread import ConsumerThread


def delay_seeks(before: float, after: float) -> None:
    """Hold every seek of a rebalance up: while the flow is closed for it, and when it was made."""
    seek = Consumer.perform_seek

    async def slowly(self: Consumer) -> None:
        if before:
            self.stop_flow()
            await asyncio.sleep(before)
        await seek(self)
        await asyncio.sleep(after)

    put(Consumer, "perform_seek", slowly)


def revoke_before(step: str) -> None:
    """Let the first seek, or the consumer's thread (`seek_back`), begin when the partitions were just given
    away."""
    place = ConsumerThread if step == "seek_back" else Consumer
    seek, revoke, revoked = getattr(place, step), Consumer.on_partitions_revoked, asyncio.Event()

    async def seek_late(self: Any, *args: Any) -> Any:
        await revoked.wait()
        return await seek(self, *args)

    async def revoke_and_tell(self: Consumer, partitions: Any) -> None:
        await revoke(self, partitions)
        if partitions:
            revoked.set()
            await asyncio.sleep(0.5)  # The others take their time to come to the meeting.

    put(place, step, seek_late)
    put(Consumer, "on_partitions_revoked", revoke_and_tell)


def hold_changelog(changelog: str) -> None:
    """Stop the changelog's batches right before the socket, until SIGUSR1."""
    released = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, released.set)
    before_sending(changelog, released.wait)


def slow_changelog(changelog: str, seconds: float) -> None:
    """Let each of the changelog's batches take a while."""
    before_sending(changelog, lambda: asyncio.sleep(seconds))


def before_sending(topic: str, wait: Callable[[], Awaitable[Any]]) -> None:
    """Wait each time before a batch of this topic goes to the gate."""
    new_producer = Producer._new_producer

    def delayed(self: Producer, transactional_id: str | None = None) -> Any:
        client = new_producer(self, transactional_id)
        send_on = client._sender._send_produce_req

        async def wait_and_send(node_id: int, batches: Any) -> None:
            if any(tp.topic == topic for tp in batches):
                await wait()
            await send_on(node_id, batches)

        client._sender._send_produce_req = wait_and_send
        return client

    put(Producer, "_new_producer", delayed)


def refuse_first_join() -> None:
    """Let the first join fail as if the coordinator had answered something fatal."""
    rejoin, refused = GroupCoordinator._do_rejoin_group, list[bool]()

    async def refuse_once(self: Any, subscription: Any) -> Any:
        if not refused:
            refused.append(True)
            raise KafkaError("InvalidRequest")
        return await rejoin(self, subscription)

    put(GroupCoordinator, "_do_rejoin_group", refuse_once)


def leave_out(cures: Iterable[str]) -> None:
    """Put back what Faust does; the test of the cure must fail then."""
    for cure in cures:
        ABLATIONS[cure]()


def put(owner: type, name: str, by: Any) -> None:
    """Replace an attribute."""
    setattr(owner, name, by)


def acks_of_faust() -> None:
    """Commit what Faust would commit."""

    def acknowledge(self: Any, tp: Any, offset: int, generation: int) -> None:
        self._acked[tp].append(offset)
        self._acked_index[tp].add(offset)

    def committable(self: Any) -> Any:
        return self._filter_committable_offsets(list(self._acked))

    put(Consumer, "acknowledge", acknowledge)
    put(Consumer, "_committable", committable)


def rows_first() -> None:
    """Write rows to disk at once, and to the changelog afterwards."""
    atomic = Rows.atomic

    @contextmanager
    def at_once(self: Rows, partition: int) -> Iterator[Any]:
        with atomic(self, partition) as step:
            yield step
        self._disk().apply(partition, [Row(key, value, 0) for key, value in step.rows.items()], -1)

    put(Rows, "atomic", at_once)


def committed_all_the_same() -> None:
    """Take no notice of a refused produce."""
    put(Fitness, "lost", lambda self, what, reason: None)


async def nobody_polls(self: Any) -> None:
    """Leave the coordinator's errors where they are."""


async def seek_of_faust(self: Any) -> None:
    """Seek with the flow open."""
    self._progress.clear()
    await driver.Consumer.perform_seek(self)


ABLATIONS: dict[str, Callable[[], None]] = {
    "acks": acks_of_faust,
    "seek": lambda: put(Consumer, "perform_seek", seek_of_faust),
    "standby seek": lambda: put(Consumer, "_standby_positions", lambda self: {}),
    "flush": lambda: put(Producer, "flush", driver.Producer.flush),
    "fitness": committed_all_the_same,
    "rows": rows_first,
    "idempotence": lambda: put(Producer, "_settings_extra", driver.Producer._settings_extra),
    "gate": lambda: put(Producer, "_new_producer", driver.Producer._new_producer),
    "errors": lambda: put(ConsumerThread, "_surface_errors", nobody_polls),
    "monitor": lambda: put(App, "on_init_dependencies", faust.App.on_init_dependencies),
}
