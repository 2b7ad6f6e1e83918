"""Every metric of a worker: its name, its closed labels, and the question that it answers.

Names and labels are an interface: dashboards and alerts of others depend on them. A label value is from a
closed set, never an id or a URL, and every series is there at 0 from the start: a rate over a series that
begins with its first event misses that event.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias, get_args

from schemas.delivery import Class, Kind
from schemas.outcomes import Verdict

Result: TypeAlias = Literal["applied", "duplicate", "ignored", "late", "unreadable"]
DeadReason: TypeAlias = Literal[
    "unreadable", "rejected", "exhausted", "auth", "gone", "disabled", "aborted", "ours"
]
EndpointState: TypeAlias = Literal["closed", "open", "half_open", "disabled"]
Settled: TypeAlias = Literal["done", "dead", "skipped", "erased"]
Definition: TypeAlias = Literal["accepted", "rejected", "removed"]
Note: TypeAlias = Literal[
    "after_end",
    "call_id_reused",
    "clock_skew",
    "conflict",
    "end_node_id_refused",
    "end_unreadable",
    "ended_without_end_node",
    "insecure_tls",
    "lost",
    "no_nodes",
    "nothing_to_replay",
    "other",
    "outcome_upgraded",
    "replayed",
    "several_terminals",
    "stale_reply",
    "unknown_agent",
    "unknown_node",
    "unknown_payload",
    "unknown_type",
    "unknown_version",
    "unknown_workflow",
    "unmapped_reason",
]

KINDS: Final[tuple[str, ...]] = get_args(Kind)
CLASSES: Final = tuple(each.value for each in Class)

RULED: Final = (
    *((Verdict.PROPER.value, rule) for rule in ("R1", "R2", "R3", "R9", "R12")),
    *((Verdict.PREMATURE.value, rule) for rule in ("R3", "R4", "R5", "R7", "R8", "R12")),
    (Verdict.TRANSFERRED.value, "R6"),
    *((Verdict.NOT_CONNECTED.value, rule) for rule in ("R10", "R12")),
)
"""The verdicts that each rule can give (the table of rules)."""

_FAST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
_PATIENT: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
"""A delivery may wait for a transcript (5 min) and be retried for 20 h."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series."""

    name: str
    sort: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    series: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()
    over_children: Literal["sum", "max", "all"] = "sum"
    """What `postcall worker --processes N` makes of a gauge of its N children; all: 1 if each says 1."""


def _each(values: object) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in get_args(values))


_BY_KIND: Final = tuple((kind,) for kind in KINDS)
_BY_KIND_AND_CLASS: Final = tuple(product(KINDS, CLASSES))

EVENTS: Final = Family(
    "postcall_events_total",
    "counter",
    "How many events were read, and what became of them?",
    ("result",),
    _each(Result),
)
REKEYED: Final = Family(
    "postcall_events_rekeyed_total",
    "counter",
    "How many events came to another partition than their call's and were sent on to it?",
)
EVENT_LAG: Final = Family(
    "postcall_event_lag_seconds",
    "gauge",
    "How old is the oldest event that is not handled yet? 0 when all are.",
    over_children="max",
)
LAST_EVENT: Final = Family(
    "postcall_last_event_timestamp_seconds",
    "gauge",
    "When was an event handled last? 0 when none was yet.",
    over_children="max",
)
OUTCOMES: Final = Family(
    "postcall_outcomes_total",
    "counter",
    "How did calls end, and which rule says so?",
    ("verdict", "rule"),
    RULED,
)
NOTES: Final = Family(
    "postcall_notes_total",
    "counter",
    "How often did calls show something that somebody should look at?",
    ("note",),
    _each(Note),
)
CALLS: Final = Family("postcall_calls_live", "gauge", "How many calls are not settled yet?")
END_TO_DELIVERY: Final = Family(
    "postcall_end_to_delivery_seconds",
    "histogram",
    "How long after a call was decided did each of its deliveries succeed?",
    ("kind",),
    _BY_KIND,
    _PATIENT,
)
DELIVERIES: Final = Family(
    "postcall_deliveries_total",
    "counter",
    "How many deliveries were settled, and how?",
    ("kind", "result"),
    tuple(product(KINDS, get_args(Settled))),
)
ATTEMPTS: Final = Family(
    "postcall_attempts_total",
    "counter",
    "How many requests were made, and what did the replies mean?",
    ("kind", "class"),
    _BY_KIND_AND_CLASS,
)
ATTEMPT_SECONDS: Final = Family(
    "postcall_attempt_seconds",
    "histogram",
    "How long did requests take, from their start to the end of the reply?",
    ("kind", "class"),
    _BY_KIND_AND_CLASS,
    _FAST,
)
RETRIES: Final = Family(
    "postcall_retries_total", "counter", "How many attempts were followed by another of the same delivery?"
)
DEAD_LETTERS: Final = Family(
    "postcall_dead_letters_total",
    "counter",
    "How many events and deliveries were given up, and why?",
    ("reason",),
    _each(DeadReason),
)
TEMPLATE_MISSING: Final = Family(
    "postcall_template_missing_total",
    "counter",
    "How often did a template name something that the call did not have?",
)
IN_FLIGHT: Final = Family(
    "postcall_deliveries_in_flight", "gauge", "How many requests are on the wire right now?"
)
PARKED: Final = Family(
    "postcall_deliveries_parked", "gauge", "How many deliveries wait for their next attempt's time?"
)
WAITING: Final = Family(
    "postcall_deliveries_waiting",
    "gauge",
    "How many deliveries are due and wait for their lane, a breaker or a rate?",
)
LANE_WAIT: Final = Family(
    "postcall_lane_wait_seconds",
    "histogram",
    "How long did requests that were due wait for a slot of their endpoint's lane?",
    buckets=_FAST,
)
ENDPOINTS: Final = Family(
    "postcall_endpoints",
    "gauge",
    "How many endpoints are healthy, and how many are avoided?",
    ("state",),
    _each(EndpointState),
)
COMMIT_SECONDS: Final = Family(
    "postcall_commit_seconds",
    "histogram",
    "How long did the changelog take to acknowledge a group of rows?",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
DEFINITION_RECORDS: Final = Family(
    "postcall_definition_records_total",
    "counter",
    "How many records of the workflows topic were read, and were they any good?",
    ("result",),
    _each(Definition),
)
REBALANCES: Final = Family(
    "postcall_rebalances_total", "counter", "How often did the partitions of this worker change?"
)
LEASE_PAUSES: Final = Family(
    "postcall_lease_pauses_total", "counter", "How often did the worker pause for want of a heartbeat?"
)
READY: Final = Family(
    "postcall_ready",
    "gauge",
    "Does the worker follow calls? 1 when /readyz says yes.",
    over_children="all",
)
BUILD: Final = Family(
    "postcall_build_info", "gauge", "Which release runs?", ("version",), (), over_children="max"
)

FAMILIES: Final = (
    EVENTS,
    REKEYED,
    EVENT_LAG,
    LAST_EVENT,
    OUTCOMES,
    NOTES,
    CALLS,
    END_TO_DELIVERY,
    DELIVERIES,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    RETRIES,
    DEAD_LETTERS,
    TEMPLATE_MISSING,
    IN_FLIGHT,
    PARKED,
    WAITING,
    LANE_WAIT,
    ENDPOINTS,
    COMMIT_SECONDS,
    DEFINITION_RECORDS,
    REBALANCES,
    LEASE_PAUSES,
    READY,
    BUILD,
)
