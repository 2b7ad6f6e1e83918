"""One worker: everything put together, started, drained, stopped."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from faust.types import TP

from agents.act import Act, MayStart, TakeReply
from agents.attempt import Attempts, Outbound
from agents.connection import client_options, kafka_config, topic_names
from agents.definitions import Reader as Definitions
from agents.deliver import Deliver
from agents.http.client import Client
from agents.http.errors import Withheld
from agents.http.guard import Guard
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from agents.kafka.app import App, make_app
from agents.kafka.config import KafkaConfig
from agents.kafka.run import run as run_app
from agents.kafka.source import consume
from agents.kafka.start import begin
from agents.kafka.topics import TopicNames, admin, counts, ensure_topics
from agents.metrics import Metrics
from agents.outbox import Outbox
from agents.policy import policy
from agents.reading import Reader
from agents.sweep import first as first_sweep
from agents.takeover import Takeover
from agents.timers import Timers
from agents.track import Track
from agents.web.server import WebServer
from schemas import wire
from schemas.delivery import Reply
from schemas.events import Event
from schemas.messages import Message, Sweep
from schemas.settings import Settings
from streams import records
from streams.egress import egress
from streams.lanes import Limits

log = logging.getLogger(__name__)

DRAIN_MARGIN: Final = timedelta(seconds=5)
"""How much longer than its time-out a drain waits for a request under way and for its reply's record."""

SWEEP_EVERY: Final = timedelta(hours=1)


async def work(settings: Settings, listening: Callable[[int], None] = lambda port: None) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain and return.

    `listening` is told the port of the worker's doors. Raises whatever a part of it crashed with.
    """
    config, names = kafka_config(settings), topic_names(settings)
    await ensure_topics(config, names, settings.remember, settings.replication or -1)
    config = replace(config, partitions=await partitions(config, names))
    if not config.embedded:
        await begin(config, settings.start)
    worker = Worker(settings, config, names)
    try:
        listening(await _open_doors(worker, settings))
        await worker.run()
    finally:
        await worker.close()


class DoorsTaken(RuntimeError):
    """Somebody else listens where the worker's doors should be."""


async def _open_doors(worker: "Worker", settings: Settings) -> int:
    try:
        return await worker.web.start(settings.web_host, settings.web_port)
    except OSError as fault:
        where = f"port {settings.web_port} on {settings.web_host}"
        raise DoorsTaken(f"found no free {where} ({fault.strerror}); set POSTCALL_WEB_PORT") from fault


async def partitions(config: KafkaConfig, names: TopicNames) -> int:
    """How many partitions call-events has; all of the engine's own topics have as many."""
    async with admin(config) as kafka:
        return (await counts(kafka, [names.call_events]))[names.call_events]


class Worker:
    """The parts of a worker, wired to each other."""

    def __init__(self, settings: Settings, config: KafkaConfig, names: TopicNames) -> None:
        self._settings, self._names = settings, names
        self._app: App = make_app(config)
        self._stop = asyncio.Event()
        self._parts: list[asyncio.Task[None]] = []
        self._metrics = Metrics()
        self._client = Client(GuardedTransport(Guard(egress(settings.egress_allow))))
        self._definitions = Definitions(
            client_options(config), names.workflows, self._metrics, fetch_wait=config.fetch_wait
        )
        self._timers = Timers(utc_now, self._app.offsets.caught_up, self._say)
        outbox = Outbox(self._post, settings.topic, self._say)
        self._outbox = outbox
        self._act = Act(
            self._app.rows, outbox, self._tell, self._app.lease, utc_now, self._broken, self._deliver
        )
        self._takeover = Takeover(
            self._app.rows,
            self._app.offsets,
            names.internal,
            self._end_of_internal,
            self._timers,
            self._act,
            self._metrics,
        )
        self._app.on_recovered = self._takeover.begin
        self._app.on_revoked = self._takeover.end
        consume(self._app, self._track(config).fold)
        self.web = WebServer(self._metrics.exposition, self._why_not_ready, self._why_not_alive)
        self._watch()

    def _watch(self) -> None:
        tenures, metrics = self._takeover.tenures, self._metrics
        metrics.watch("in_flight", lambda: self._act.deliver.in_flight)
        metrics.watch("parked", lambda: sum(one.parked for one in tenures.values()))
        metrics.watch("calls", lambda: sum(one.calls for one in tenures.values()))
        metrics.watch("event_lag", self._event_lag)
        metrics.watch("last_event", lambda: max((one.last_event for one in tenures.values()), default=0.0))
        metrics.watch("ready", lambda: not self._why_not_ready())
        self._app.rows.committed = metrics.committed
        self._app.lease.paused = metrics.lease_paused

    def _event_lag(self) -> float:
        """Seconds by which the events being handled are old; 0 when none wait."""
        if self._app.offsets.lag() == 0:
            return 0.0
        oldest = min(
            (one.last_event for one in self._takeover.tenures.values() if one.last_event), default=0.0
        )
        return max(0.0, utc_now().timestamp() - oldest) if oldest else 0.0

    async def run(self) -> None:
        """Work until told to stop."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, lambda: loop.create_task(self._drain()))
        await self._definitions.start()
        await self._definitions.started()
        self._parts = [
            asyncio.create_task(self._crashing(one), name=name)
            for name, one in (
                ("takeover", self._takeover.run()),
                ("timers", self._timers.run()),
                ("outbox", self._outbox.run()),
                ("sweeps", self._sweeps()),
            )
        ]
        try:
            await run_app(self._app, self._stop)
        finally:
            self._end_parts()

    async def close(self) -> None:
        """Let go of everything that is not Kafka's."""
        await self._act.deliver.close()
        await self._definitions.stop()
        await self._client.close()
        await self.web.stop()

    # -- the parts that need the whole ---------------------------------------------------------

    def _track(self, config: KafkaConfig) -> Track:
        return Track(
            reader=Reader(self._names.call_events, config.partitions),
            definitions=lambda: self._definitions.snapshot,
            await_definitions=self._await_definitions,
            tenures=self._takeover.tenures,
            opened=self._takeover.open,
            policy=policy(self._settings),
            clock=utc_now,
            timers=self._timers,
            act=self._act,
            tell=self._tell,
            bury=self._bury,
            metrics=self._metrics,
            broken=self._broken,
        )

    def _deliver(self, replied: TakeReply, may_start: MayStart) -> Deliver:
        secrets = Secrets(os.environ, self._settings.secrets_dir)
        # Both loops are made by each other: Act gives its own questions to the lanes it will fill.
        attempts = Attempts(self._client, secrets, utc_now, may_leave=self._may_leave)

        async def attempt(outbound: Outbound) -> Reply:
            try:
                return await attempts.make(outbound)
            except Withheld:
                self._act.withheld(outbound)
                raise

        return Deliver(
            attempt,
            replied,
            may_start,
            utc_now,
            Limits(slots=self._settings.slots, slow=self._settings.slow_slots),
            broken=self._broken,
            waited=self._metrics.lane_wait,
        )

    def _may_leave(self, outbound: Outbound) -> bool:
        return self._act.may_leave(outbound)

    async def _post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> "asyncio.Future[Any]":
        return await self._app.producer.post(topic, key, value, headers, partition)

    async def _tell(self, partition: int, message: Message) -> None:
        """Post an internal message; return when the broker has it."""
        await (await self._said(partition, message))

    async def _say(self, partition: int, message: Message) -> None:
        """Post an internal message that need not be waited for: a tick, an acknowledgement. One that is
        refused makes the worker unfit, and its successor says it again."""
        await self._said(partition, message)

    async def _said(self, partition: int, message: Message) -> "asyncio.Future[Any]":
        key = None if isinstance(message, Sweep) else message.call_id.encode("utf-8", "surrogatepass")
        return await self._post(self._names.internal, key, wire.message(message), (), partition)

    async def _bury(self, letter: records.Record) -> None:
        topic = self._settings.topic(letter.topic)
        await (await self._post(topic, None, letter.value, letter.headers))

    async def _end_of_internal(self, partition: int) -> int:
        at, consumer = TP(self._names.internal, partition), self._app.consumer
        ends, firsts = await consumer.highwaters(at), await consumer.earliest_offsets(at)
        end, first = ends.get(at) or 0, firsts.get(at) or 0
        return end if end > first else 0  # all of it may have expired, and nothing is there to be read

    async def _await_definitions(self, event: Event, recorded_at: datetime) -> None:
        """Conclude that nobody knows an agent or a workflow only when the documents were read past
        the event's time (R19)."""
        known = self._definitions.snapshot
        agent = event.agent_id is None or known.agent(event.agent_id) is not None
        workflow = event.workflow_id is None or known.in_force(event.workflow_id) is not None
        if not (agent and workflow):
            await self._definitions.read_past(recorded_at)

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY.total_seconds())
            for partition in list(self._takeover.tenures):
                await self._tell(partition, first_sweep(utc_now() - self._settings.remember))

    # -- how it ends --------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Start nothing more, wait for what is on the wire while still a member, announce the rest."""
        if self._stop.is_set():
            return
        log.info("draining: %d requests under way", self._act.deliver.in_flight)
        now, wire = utc_now(), self._act.deliver.on_the_wire()
        limit = max([self._settings.drain, *(one.until - now + DRAIN_MARGIN for one in wire)])
        if not await self._act.deliver.drained(limit):
            log.warning("requests under way after %s; the next owner waits for them", limit)
        self._end_parts()
        await self._takeover.end(frozenset(self._takeover.tenures))
        self._stop.set()

    def _end_parts(self) -> None:
        """Once Faust stops, its producer is gone: nothing may want to say anything any more."""
        for part in self._parts:
            part.cancel()

    async def _crashing(self, part: Awaitable[None]) -> None:
        try:
            await part
        except Exception as defect:
            self._broken(defect)
            raise

    def _broken(self, defect: BaseException) -> None:
        log.critical("a defect stops this worker", exc_info=defect)
        asyncio.get_running_loop().create_task(self._app.crash(defect))

    # -- what the doors say ----------------------------------------------------------------------------

    def _why_not_ready(self) -> list[str]:
        reasons = []
        if not self._definitions.ready:
            reasons.append("the documents are not read yet")
        if self._stop.is_set() or self._app.should_stop:
            reasons.append("stopping")
        if self._app.rebalancing or not self._takeover.begun:
            reasons.append("no partitions assigned yet, or being recovered")
        closed = [one.partition for one in self._takeover.tenures.values() if not one.open]
        if closed:
            reasons.append(f"reading what waits for partitions {closed}")
        return reasons

    def _why_not_alive(self) -> list[str]:
        stuck = self._app.stalled()
        return [] if stuck is None else [stuck]


def utc_now() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)
