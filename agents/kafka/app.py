"""The Faust app with everything of this folder put under it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.types import ServiceT

from agents import failpoints
from agents.kafka.changelog import BATCH_BYTES, MOST_BYTES, Client
from agents.kafka.config import KafkaConfig
from agents.kafka.consumer import Consumer
from agents.kafka.disk import prepare
from agents.kafka.fitness import Fitness
from agents.kafka.inbox import Inbox
from agents.kafka.lease import Lease
from agents.kafka.offsets import Offsets
from agents.kafka.pace import Pace
from agents.kafka.producer import REQUEST_PATIENCE, Producer, send
from agents.kafka.rows import Rows
from agents.kafka.store import CallsTable, Store
from agents.kafka.watchdog import Watchdog

__all__ = ["App", "KafkaConfig", "make_app", "send"]

log = logging.getLogger(__name__)

PartitionsHook = Callable[[frozenset[int]], Awaitable[None]]


class Transport(driver.Transport):
    """Kafka, with our consumer and producer."""

    Consumer = Consumer
    Producer = Producer


class App(faust.App):
    """A Faust app that knows its lease, its fitness, its rows and its offsets."""

    consumer: Consumer
    producer: Producer

    def __init__(self, config: KafkaConfig) -> None:
        self.kafka = config
        self.lease = Lease(config.lease)
        self.fitness = Fitness()
        self.watchdog = Watchdog(config.stall_limit)
        self.offsets = Offsets(config.topics)
        self.pace = Pace()
        self.inbox = Inbox(self._acknowledge)
        self.on_revoked: PartitionsHook = _nothing
        self.on_recovered: PartitionsHook = _nothing
        self._recovering: asyncio.Task[Any] | None = None
        super().__init__(config.app_id, **settings(config))
        self.rows = Rows(
            disk=lambda: cast(Store, self.calls.data),
            client=self._client,
            topic=config.changelog,
            lease=self.lease,
            fitness=self.fitness,
            cycle=lambda: max(config.commit_cycle.total_seconds(), self.pace.cycle),
        )
        self.calls = CallsTable(
            self, name="calls", partitions=config.partitions, key_type=bytes, value_type=bytes
        )
        self.tables.add(self.calls)
        self.fitness.tell(self._crash_soon)
        cast(Any, self.on_partitions_revoked).connect(self._let_go)

    # -- what the engine calls

    async def flush(self) -> None:
        """Wait until all rows and records are acknowledged."""
        await self.producer.flush()
        self.fitness.check()

    async def commit_now(self) -> bool:
        """Commit what is handled; False when there was nothing, or the group went on without us."""
        return await self.consumer.commit()

    async def leave_group(self) -> None:
        """Make the coming stop hand the partitions over at once, also as a static member."""
        await self.consumer._thread.leave_group()

    def stalled(self, now: float | None = None) -> str | None:
        """Why this worker counts as stuck, or None. `now` is on the lease's clock."""
        self.watchdog.heard(self.lease.renewed_at)
        return self.watchdog.stalled(self.watchdog.now() if now is None else now, self.offsets.lag())

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are recovered and ours."""
        return self.rows.partitions

    # -- what Faust calls

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Start everything but the monitor, which costs a quarter of the time."""
        return self.boot_strategy.server()

    def on_rebalance_return(self) -> None:
        """Do nothing: Faust would warn of the monitor's missing state."""

    def on_rebalance_end(self) -> None:
        """The partitions are recovered and the streams run again."""
        self.rebalancing = False

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    async def recovered(self, partitions: frozenset[int]) -> None:
        """Open the partitions and tell the engine; Faust would swallow what the engine raises."""
        self._recovering = asyncio.current_task()
        try:
            await failpoints.hit_async("partitions-recovered")
            self.rows.open(partitions)
            await self.on_recovered(partitions)
        except Exception as bug:
            await self.crash(bug)
            raise
        finally:
            if self._recovering is asyncio.current_task():
                self._recovering = None

    async def _let_go(self, sender: Any, revoked: set[TP], **_: Any) -> None:
        """Between Faust's flush and JoinGroup: the engine announces, then all of it is committed.

        Faust leaves the hook of an overtaken recovery running; it ends here.
        """
        if self._recovering is not None:
            self._recovering.cancel()
        source = self.kafka.topics[0]
        await self.on_revoked(frozenset(tp.partition for tp in revoked if tp.topic == source))
        await failpoints.hit_async("revoke-handed-over")
        await self.commit_now()
        await failpoints.hit_async("revoke-committed")

    def _acknowledge(self, tp: TP, offset: int, generation: int) -> None:
        self.consumer.acknowledge(tp, offset, generation)

    def _client(self) -> Client:
        return cast(Client, self.producer._ensure_producer())

    def _crash_soon(self, reason: BaseException) -> None:
        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(self.crash(reason)))


async def _nothing(partitions: frozenset[int]) -> None:
    """The hook of an engine that needs none."""


def make_app(config: KafkaConfig) -> App:
    """The app for this configuration. Call it inside the running loop; see `run`. Raises DiskFailed."""
    prepare(config.data_dir)
    return App(config)


def settings(config: KafkaConfig) -> dict[str, Any]:
    """The configuration in Faust's words."""
    session = config.session_timeout.total_seconds()
    return {
        "broker": [f"kafka://{server.strip()}" for server in config.broker.split(",")],
        "broker_credentials": config.credentials,
        "ssl_context": config.ssl_context,
        "datadir": str(config.data_dir),
        "store": "rocksdb://",
        "processing_guarantee": "at_least_once",
        "broker_session_timeout": session,
        "broker_heartbeat_interval": config.heartbeat.total_seconds(),
        "broker_rebalance_timeout": max(60.0, 2 * session),
        "broker_commit_interval": config.commit_interval.total_seconds(),
        "broker_max_poll_interval": 3600.0,  # a full buffer is no reason to leave the group; see watchdog.py
        "consumer_auto_offset_reset": config.start,
        "consumer_group_instance_id": config.instance_id,
        "consumer_max_fetch_size": MOST_BYTES,
        "producer_acks": -1,
        "producer_linger": 0.0,
        "producer_max_batch_size": BATCH_BYTES,
        "producer_max_request_size": MOST_BYTES,
        "producer_request_timeout": REQUEST_PATIENCE,
        "stream_wait_empty": False,  # waiting for slow work is a rebalance storm
        "table_standby_replicas": config.standby_replicas,
        "topic_partitions": config.partitions,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "worker_redirect_stdouts": False,
    }
