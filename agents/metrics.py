"""Counting what happens: one method for each thing that the engine counts.

The families behind the methods are in `agents/metric_families.py`. Values that somebody else keeps (how many
requests are on the wire) are asked for at each scrape: see `watch`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from typing import Final, Literal, TypeAlias, assert_never, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from agents import metric_families as families
from agents.metric_families import (
    DeadReason,
    Definition,
    EndpointState,
    Family,
    Note,
    Result,
    Settled,
)
from schemas.delivery import Kind
from streams.effects import Count

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Watched: TypeAlias = Literal["in_flight", "parked", "waiting", "calls", "event_lag", "last_event", "ready"]

_WATCHED: Final[dict[Watched, Family]] = {
    "in_flight": families.IN_FLIGHT,
    "parked": families.PARKED,
    "waiting": families.WAITING,
    "calls": families.CALLS,
    "event_lag": families.EVENT_LAG,
    "last_event": families.LAST_EVENT,
    "ready": families.READY,
}

# A second family beside every counter, which no rule or dashboard reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it unannotated


class _Process(ProcessCollector):
    """The usual metrics of a process, without its virtual memory: addresses, of which nobody runs out."""

    def collect(self) -> list[Metric]:
        return [each for each in super().collect() if not each.name.endswith("_virtual_memory_bytes")]


class Metrics:
    """The metrics of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[str, dict[tuple[str, ...], Counter]] = {}
        self._gauges: dict[str, dict[tuple[str, ...], Gauge]] = {}
        self._histograms: dict[str, dict[tuple[str, ...], Histogram]] = {}
        for family in families.FAMILIES:
            self._create(family)
        _Process(registry=self._registry)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def events(self, result: Result) -> None:
        """An event was read."""
        self._count(families.EVENTS, (result,))

    def rekeyed(self) -> None:
        """An event was sent on to its call's partition."""
        self._count(families.REKEYED)

    def outcome(self, verdict: str, rule: str) -> None:
        """A call got its verdict."""
        self._count(families.OUTCOMES, (verdict, rule))

    def note(self, note: Note) -> None:
        """A call showed something to look at."""
        self._count(families.NOTES, (note,))

    def attempt(self, kind: Kind, class_: str, seconds: float) -> None:
        """A request came to its end."""
        self._count(families.ATTEMPTS, (kind, class_))
        self._observe(families.ATTEMPT_SECONDS, (kind, class_), seconds)

    def retry(self) -> None:
        """An attempt is to be followed by another."""
        self._count(families.RETRIES)

    def delivered(self, kind: Kind, seconds: float) -> None:
        """A delivery succeeded, so long after the call's decision."""
        self._observe(families.END_TO_DELIVERY, (kind,), seconds)

    def settled(self, kind: Kind, result: Settled) -> None:
        """A delivery came to its end."""
        self._count(families.DELIVERIES, (kind, result))

    def dead_letter(self, reason: DeadReason) -> None:
        """An event or a delivery was given up."""
        self._count(families.DEAD_LETTERS, (reason,))

    def template_missing(self) -> None:
        """A template named something that the call did not have."""
        self._count(families.TEMPLATE_MISSING)

    def lane_wait(self, seconds: float) -> None:
        """A request that was due got its slot."""
        self._observe(families.LANE_WAIT, (), seconds)

    def committed(self, seconds: float) -> None:
        """The changelog acknowledged a group of rows."""
        self._observe(families.COMMIT_SECONDS, (), seconds)

    def definition(self, result: Definition) -> None:
        """A record of the workflows topic was read."""
        self._count(families.DEFINITION_RECORDS, (result,))

    def rebalanced(self) -> None:
        """The partitions of this worker changed."""
        self._count(families.REBALANCES)

    def lease_paused(self) -> None:
        """The worker paused for want of a heartbeat."""
        self._count(families.LEASE_PAUSES)

    def counted(self, counts: Iterable[Count]) -> None:
        """Count what a step asks to have counted. A note outside of the closed set counts as `other`."""
        for count in counts:
            self._step_count(count)

    def watch(self, what: Watched, value: Callable[[], float]) -> None:
        """Ask for a value at each scrape."""
        self._gauges[_WATCHED[what].name][()].set_function(value)

    def watch_endpoints(self, count: Callable[[EndpointState], float]) -> None:
        """Ask at each scrape how many endpoints are in each state."""
        for (state,), gauge in self._gauges[families.ENDPOINTS.name].items():
            gauge.set_function(partial(count, cast(EndpointState, state)))

    def _step_count(self, count: Count) -> None:
        match count.what:
            case "attempt":
                self._count(families.ATTEMPTS, count.labels)
                self._observe(families.ATTEMPT_SECONDS, count.labels, count.amount)
            case "delivered":
                self._observe(families.END_TO_DELIVERY, count.labels, count.amount)
            case "missing":
                # Its label is the path, which people write: no closed set.
                self._count(families.TEMPLATE_MISSING, amount=count.amount)
            case "notes":
                known = self._counters[families.NOTES.name]
                self._count(families.NOTES, count.labels if count.labels in known else ("other",))
            case what:
                self._count(_COUNTED[what], count.labels, count.amount)

    def _count(self, family: Family, labels: tuple[str, ...] = (), amount: float = 1.0) -> None:
        try:
            self._counters[family.name][labels].inc(amount)
        except KeyError as fault:
            raise _unknown(family, labels) from fault

    def _observe(self, family: Family, labels: tuple[str, ...], value: float) -> None:
        try:
            self._histograms[family.name][labels].observe(value)
        except KeyError as fault:
            raise _unknown(family, labels) from fault

    def _create(self, family: Family) -> None:
        name, says, labels = family.name, family.help, family.labels
        series = family.series if family is not families.BUILD else ((version("postcall"),),)
        match family.sort:
            case "counter":
                counter = Counter(name, says, labels, registry=self._registry)
                self._counters[name] = {each: counter.labels(*each) if each else counter for each in series}
            case "gauge":
                gauge = Gauge(name, says, labels, registry=self._registry)
                self._gauges[name] = {each: gauge.labels(*each) if each else gauge for each in series}
            case "histogram":
                histogram = Histogram(name, says, labels, registry=self._registry, buckets=family.buckets)
                self._histograms[name] = {
                    each: histogram.labels(*each) if each else histogram for each in series
                }
            case sort:
                assert_never(sort)
        if family is families.BUILD:
            self._gauges[name][series[0]].set(1)


_COUNTED: Final = {
    "events": families.EVENTS,
    "outcome": families.OUTCOMES,
    "retry": families.RETRIES,
    "settled": families.DELIVERIES,
    "dead_letter": families.DEAD_LETTERS,
}


def _unknown(family: Family, labels: tuple[str, ...]) -> ValueError:
    return ValueError(f"found {family.name}{labels}; expected one of {sorted(family.series)}")
