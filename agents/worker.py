"""One worker: everything put together, started, drained, stopped."""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from agents import failpoints
from agents.act import Act, MayStart, TakeReply
from agents.adapting import Adapting
from agents.adapting import prepare as prepare_adapting
from agents.attempt import Attempts, Outbound
from agents.connection import client_options, kafka_config, topic_names
from agents.definitions import Reader as Definitions
from agents.deliver import Deliver, Watch
from agents.doors import Doors, Port
from agents.http.errors import Withheld
from agents.http.opening import no_longer_promised, open_client
from agents.http.secrets import Secrets
from agents.kafka.app import App, make_app
from agents.kafka.config import KafkaConfig
from agents.kafka.run import run as run_app
from agents.kafka.source import consume
from agents.kafka.start import begin
from agents.kafka.topics import TopicNames, admin, count, ensure_topics
from agents.marks import Marks
from agents.metrics import Metrics
from agents.outbox import Outbox
from agents.policy import policy, warn_of_plain_hashes
from agents.posting import Posting
from agents.reading import Reader
from agents.survey import Survey
from agents.sweep import first as first_sweep
from agents.takeover import Takeover
from agents.timers import Timers
from agents.track import Track
from agents.unchecked import Unchecked
from agents.web.console.app import Console
from schemas.adapters.platforms import tables
from schemas.delivery import Reply, Silence
from schemas.endpoints import DISABLED, endpoint_name
from schemas.events import Event
from schemas.messages import Replay
from schemas.settings import Settings
from streams.lanes import Lane, Limits

log = logging.getLogger(__name__)

DRAIN_MARGIN: Final = timedelta(seconds=5)
"""How much longer than its time-out a drain waits for a request under way and for its reply's record."""

SWEEP_EVERY: Final = timedelta(hours=1)


async def work(settings: Settings, listening: Callable[[int], None], joining: Callable[[], None]) -> None:
    """Run a worker until SIGTERM or SIGINT, then drain and return.

    `listening` is told the port of the worker's doors, `joining` that the broker and its topics are as they
    ought to be. Raises whatever a part of it crashed with.
    """
    metrics = Metrics()
    port = Port(metrics, Console(settings) if settings.web_console else None)
    try:
        listening(await port.open(settings.web_host, settings.web_port))
        names = topic_names(settings)
        config = await _prepared(settings, names)
        joining()
        worker = Worker(settings, config, names, metrics)
        port.doors = worker.doors
        try:
            await worker.run()
        finally:
            await worker.close()
    finally:
        await port.close()


async def _prepared(settings: Settings, names: TopicNames) -> KafkaConfig:
    """Make and check the topics, and let a new group begin."""
    config = kafka_config(settings)
    await ensure_topics(config, names, settings.remember, settings.replication or -1)
    config = replace(config, partitions=await partitions(config, names))
    if not config.embedded:
        await begin(config, settings.start)
    if settings.adapt:
        await prepare_adapting(
            config, tuple(tables(settings.adapt)), settings.start, settings.replication or -1
        )
    unpromised = no_longer_promised(settings)
    if unpromised is not None:
        log.warning("%s", unpromised)
    return config


async def partitions(config: KafkaConfig, names: TopicNames) -> int:
    """How many partitions call-events has; all of the engine's own topics have as many."""
    async with admin(config) as kafka:
        return await count(kafka, names.call_events)


class Worker:
    """The parts of a worker, wired to each other."""

    def __init__(self, settings: Settings, config: KafkaConfig, names: TopicNames, metrics: Metrics) -> None:
        self._settings, self._names = settings, names
        self._app: App = make_app(config)
        self._draining, self._stop = asyncio.Event(), asyncio.Event()
        self._parts: list[asyncio.Task[None]] = []
        self._adapter: asyncio.Task[None] | None = None
        self._metrics = metrics
        self._client = open_client(settings)
        self._definitions = Definitions(
            client_options(config), names.workflows, self._metrics, fetch_wait=config.fetch_wait
        )
        posting = self._posting = Posting(self._app, names, settings.topic_prefix)
        self._adapting = self._new_adapting(config) if settings.adapt else None
        self._timers = Timers(utc_now, self._caught_up, posting.say)
        self._marks = Marks(lambda: self._definitions.snapshot.marks, posting.mark, utc_now)
        self._outbox = Outbox(posting.post, posting.name, posting.say)
        self._act = Act(
            self._app.rows, self._outbox, posting.tell, self._app.lease, self._broken, self._deliver
        )
        self._takeover = Takeover(
            self._app.rows,
            self._app.offsets,
            names.internal,
            posting.end_of_internal,
            self._timers,
            self._act,
            self._metrics,
        )
        self._survey = Survey(lambda: list(self._takeover.tenures.values()), self._timers, self._act, utc_now)
        self._app.on_recovered = self._takeover.begin
        self._app.on_revoked = self._takeover.end
        consume(self._app, self._track(config).fold)
        self.doors = Doors(
            self._app, self._metrics, self._definitions, self._takeover, self._draining.is_set, utc_now
        )
        self.doors.watch(self._metrics, self._act.deliver)

    async def run(self) -> None:
        """Work until told to stop."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, lambda: loop.create_task(self._drain()))
        await self._definitions.start()
        await self._definitions.started()
        warn_of_plain_hashes(self._settings, self._definitions.snapshot.agents.values())
        self._parts = [
            asyncio.create_task(self._crashing(one), name=name)
            for name, one in (
                ("takeover", self._takeover.run()),
                ("timers", self._timers.run()),
                ("survey", self._survey.run()),
                ("outbox", self._outbox.run()),
                ("marks", self._marks.run()),
                ("sweeps", self._sweeps()),
            )
        ]
        if self._adapting is not None:
            self._adapter = asyncio.create_task(self._crashing(self._adapting.run()), name="adapting")
        try:
            await run_app(self._app, self._stop)
        finally:
            self._end_parts()

    async def close(self) -> None:
        """Let go of everything that is not the app's."""
        await self._end_adapting()
        await self._act.deliver.close()
        await self._definitions.stop()
        await self._client.close()

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
            tell=self._posting.tell,
            bury=self._posting.bury,
            metrics=self._metrics,
            broken=self._broken,
        )

    def _new_adapting(self, config: KafkaConfig) -> Adapting:
        return Adapting(
            config,
            tables(self._settings.adapt),
            self._names.call_events,
            self._names.dead_letters,
            self._metrics,
            utc_now,
        )

    def _caught_up(self, partition: int, due: datetime) -> bool:
        """Whether silence until then is silence: what platforms had said is on call-events and is handled."""
        said = due if self._adapting is None else self._adapting.through(due)
        return said is not None and self._app.offsets.caught_up(partition, said)

    def _deliver(self, replied: TakeReply, may_start: MayStart) -> Deliver:
        secrets = Secrets(os.environ, self._settings.secrets_dir)
        # Both loops are made by each other: Act gives its own questions to the lanes it will fill.
        attempts = Attempts(
            self._client,
            secrets,
            utc_now,
            may_leave=self._may_leave,
            only=self._only,
            insecure=Unchecked(self._metrics),
        )

        async def attempt(outbound: Outbound) -> Reply:
            if self._is_disabled(outbound):
                return Silence(DISABLED, "before")
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
            Watch(
                broken=self._broken,
                waited=self._metrics.lane_wait,
                showed=self._marks.showed,
                hungry=self._has_room,
            ),
        )

    def _may_leave(self, outbound: Outbound) -> bool:
        return self._act.may_leave(outbound)

    def _only(self, agent_id: str) -> tuple[str, ...]:
        agent = self._definitions.agent(agent_id)
        return () if agent is None else agent.egress

    def _has_room(self, lane: Lane) -> None:
        self._act.has_room(lane)

    def _is_disabled(self, outbound: Outbound) -> bool:
        """Asked when an attempt's turn has come: its endpoint may have been disabled while it waited."""
        return self._marks.disabled(endpoint_name(outbound.agent_id, outbound.name))

    async def _await_definitions(self, event: Event | Replay, recorded_at: datetime) -> None:
        """Conclude that nobody knows an agent or a workflow only when the documents were read past
        the event's time (R19). A replay follows what its operator has applied or resumed."""
        known = self._definitions.snapshot
        if isinstance(event, Replay):
            await self._definitions.read_past(recorded_at)
            return
        agent = event.agent_id is None or known.agent(event.agent_id) is not None
        workflow = event.workflow_id is None or known.in_force(event.workflow_id) is not None
        if not (agent and workflow):
            await self._definitions.read_past(recorded_at)

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY.total_seconds())
            for partition in list(self._takeover.tenures):
                await self._posting.tell(partition, first_sweep(utc_now() - self._settings.remember))

    # -- how it ends --------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Start nothing more, wait for what is on the wire while still a member, announce the rest."""
        if self._draining.is_set():
            return
        self._draining.set()
        await failpoints.hit_async("drain-begun")
        log.info("draining: %d requests under way", self._act.deliver.in_flight)
        await self._end_adapting()
        now, wire = utc_now(), self._act.deliver.on_the_wire()
        limit = max([self._settings.drain, *(one.until - now + DRAIN_MARGIN for one in wire)])
        if not await self._act.deliver.drained(limit):
            log.warning("requests under way after %s; the next owner waits for them", limit)
        await failpoints.hit_async("drained")
        self._end_parts()
        await self._takeover.end(frozenset(self._takeover.tenures))
        await failpoints.hit_async("drain-handed-over")
        self._stop.set()

    async def _end_adapting(self) -> None:
        """Leave its group at once: others follow those topics."""
        if self._adapter is not None:
            self._adapter.cancel()
            await asyncio.wait([self._adapter])

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


def utc_now() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)
