"""What a worker says of itself: ready or why not, alive or why not, and the values behind its gauges."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from agents.definitions import Reader as Definitions
from agents.deliver import Deliver
from agents.kafka.app import App
from agents.metric_families import EndpointState
from agents.metrics import Metrics
from agents.takeover import Takeover
from agents.tenure import waiting
from agents.web.console.app import Console
from agents.web.server import WebServer

STARTING: Final = "starting: the broker and its topics are looked at"


class DoorsTaken(RuntimeError):
    """Somebody else listens where the worker's doors should be."""


class Port:
    """Where the doors are: open before the worker knows anything, and for as long as it is there."""

    def __init__(self, metrics: Metrics, console: Console | None = None) -> None:
        self.doors: Doors | None = None
        """The worker's, once there is one."""
        self._server = WebServer(metrics.exposition, self._why_not_ready, self._why_not_alive, console)

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises DoorsTaken."""
        try:
            return await self._server.start(host, port)
        except OSError as fault:
            where = f"port {port} on {host}"
            raise DoorsTaken(f"found no free {where} ({fault.strerror}); set POSTCALL_WEB_PORT") from fault

    async def close(self) -> None:
        """Close the port."""
        await self._server.stop()

    def _why_not_ready(self) -> list[str]:
        return [STARTING] if self.doors is None else self.doors.why_not_ready()

    def _why_not_alive(self) -> list[str]:
        return [] if self.doors is None else self.doors.why_not_alive()


class Doors:
    """The probes and metrics of one worker. `draining` says whether it was told to stop."""

    def __init__(
        self,
        app: App,
        metrics: Metrics,
        definitions: Definitions,
        takeover: Takeover,
        draining: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        self._app, self._definitions, self._takeover = app, definitions, takeover
        self._draining, self._clock = draining, clock

    def watch(self, metrics: Metrics, deliver: Deliver) -> None:
        """Let each scrape ask for what somebody else keeps."""
        tenures = self._takeover.tenures
        metrics.watch("in_flight", lambda: deliver.in_flight)
        metrics.watch("parked", lambda: sum(one.parked for one in tenures.values()))
        metrics.watch("waiting", lambda: waiting(tenures.values(), deliver.in_flight))
        metrics.watch("calls", lambda: sum(one.calls for one in tenures.values()))
        metrics.watch("event_lag", self.event_lag)
        metrics.watch("last_event", lambda: max((one.last_event for one in tenures.values()), default=0.0))
        metrics.watch_endpoints(partial(self.endpoints, deliver))
        metrics.watch("ready", lambda: not self.why_not_ready())
        self._app.rows.committer.committed = metrics.committed
        self._app.lease.paused = metrics.lease_paused

    def endpoints(self, deliver: Deliver, state: EndpointState) -> int:
        """How many endpoints are in a state: disabled by their marks, the others as this worker's lanes
        have found them."""
        marks = self._definitions.snapshot.marks
        disabled = {name for name, mark in marks.items() if mark.disabled}
        return len(disabled) if state == "disabled" else deliver.endpoints(disabled)[state]

    def event_lag(self) -> float:
        """How old the oldest event is that is not handled yet, in seconds; 0 when all are.

        Of events that were seen in Kafka and did not arrive here yet the age is not known: they are as old at
        least as that look.
        """
        events = self._app.kafka.topics[0]
        return age(self._clock(), self._app.inbox.oldest(events), self._app.offsets.waits_since(events))

    def why_not_ready(self) -> list[str]:
        """Why this worker does not do its work yet, or any more; empty when it does."""
        reasons = []
        if not self._definitions.ready:
            reasons.append("the documents are not read yet")
        if self._draining() or self._app.should_stop:
            reasons.append("stopping: what is under way is finished, nothing more is started")
        if self._app.rebalancing or not self._takeover.begun:
            reasons.append("no partitions assigned yet, or being recovered")
        elif lapse := self._app.lease.lapse():
            reasons.append(lapse)
        closed = [one.partition for one in self._takeover.tenures.values() if not one.open]
        if closed:
            reasons.append(f"reading what waits for partitions {closed}")
        return reasons

    def why_not_alive(self) -> list[str]:
        """Why this worker counts as stuck; empty when it does not."""
        stuck = self._app.stalled()
        return [] if stuck is None else [stuck]


def age(now: datetime, *moments: datetime | None) -> float:
    """Seconds since the earliest of the moments that are known; 0 where none is."""
    known = [moment for moment in moments if moment is not None]
    return max(0.0, (now - min(known)).total_seconds()) if known else 0.0
