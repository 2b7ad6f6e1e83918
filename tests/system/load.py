"""Calls of every outcome as two producers would tell them: shuffled, in part doubled, in part lost.

Everything is drawn from a seed. All events of a call arrive within `SPREAD_SECONDS`, well inside the grace of
three seconds, except those whose story says that they are late.
"""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from confluent_kafka import Producer

from tests.system.documents import AGENT, WORKFLOW
from tests.system.kafka_topics import QUIET
from tests.system.situations import ORCHESTRATOR, SITUATIONS, TELEPHONY, Expectation, Situation, Told

SPREAD_SECONDS = 1.2
_CLOCK_SKEW_SECONDS = 0.3
"""How far the producers' clocks are apart at most."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How much of everything a load holds."""

    calls: int = 1000
    seed: int = 1
    seconds: float = 20.0
    """How long it takes to tell all of it."""
    doubled: float = 0.1
    """The share of events that are told twice, often by a redelivery much later."""
    lost: float = 0.1
    """The share of the losable events that nobody ever tells."""
    situations: tuple[str, ...] = tuple(SITUATIONS)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record of `call-events`: when it is sent, seconds from the start, and by whom."""

    at: float
    source: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Load:
    """The records of a mixture in the order of sending, and what must come of every call."""

    mixture: Mixture
    arrivals: tuple[Arrival, ...]
    expected: dict[str, Expectation]
    situation_of: dict[str, str]


def generate(mixture: Mixture, begins: datetime, prefix: str = "call") -> Load:
    """Draw a load; `begins` is when sending will begin, and calls end about when they are told."""
    dice = random.Random(mixture.seed)
    names = list(mixture.situations)
    weights = [SITUATIONS[name].weight for name in names]
    drawn = dice.choices(names, weights, k=mixture.calls)
    if mixture.calls >= len(names):
        drawn[: len(names)] = names  # Every situation is there, whatever the dice say.
    situation_of = {f"{prefix}-{mixture.seed}-{number:05d}": name for number, name in enumerate(drawn)}
    arrivals = [
        arrival
        for call_id, name in situation_of.items()
        for arrival in _tell(dice, mixture, begins, call_id, name)
    ]
    expected = {call_id: SITUATIONS[name].expected for call_id, name in situation_of.items()}
    return Load(mixture, tuple(sorted(arrivals, key=lambda each: each.at)), expected, situation_of)


def _tell(dice: random.Random, mixture: Mixture, begins: datetime, call_id: str, name: str) -> list[Arrival]:
    situation = SITUATIONS[name]
    told = [each for each in situation.told if not (each.losable and dice.random() < mixture.lost)]
    starts = dice.uniform(0, mixture.seconds)
    length = max(each.at for each in situation.told if not each.late or each.late > 5)
    skews = {source: dice.uniform(-1, 1) * _CLOCK_SKEW_SECONDS / 2 for source in (ORCHESTRATOR, TELEPHONY)}
    names = _names(dice, situation)
    arrivals = []
    for seq, each in enumerate(sorted(told, key=lambda one: one.at), start=1):
        clock = begins + timedelta(seconds=starts + each.at - length + skews[each.source])
        value = _envelope(names | {"id": f"{call_id}/{seq}", "call_id": call_id, "seq": seq}, clock, each)
        at = starts + each.late + dice.uniform(0, SPREAD_SECONDS)
        arrivals.append(Arrival(at, each.source, call_id.encode(), value))
        if dice.random() < mixture.doubled:
            again = at + dice.choice((0.0, 0.2, 6.0))
            arrivals.append(replace(arrivals[-1], at=again))
    return arrivals


def _names(dice: random.Random, situation: Situation) -> dict[str, Any]:
    if not situation.agent_known:
        return {"agent_id": "nobody-knows-me"}
    pinned = {"workflow_id": WORKFLOW, "workflow_version": 1} if dice.random() < 0.5 else {}
    return {"agent_id": AGENT, **pinned}


def _envelope(names: dict[str, Any], clock: datetime, told: Told) -> bytes:
    data = dict(told.data)
    if told.type == "call.ended":
        data |= {"ended_at": _text(clock), "ended_by": "platform"}
    own = {"type": told.type, "occurred_at": _text(clock), "source": told.source, "data": data}
    return orjson.dumps(names | own | {"direction": "outbound", "x_unknown": True})


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Telling:
    """Sends a load with two producers, each in a thread and on a connection of its own, at its pace."""

    def __init__(self, bootstrap: str, topic: str, load: Load) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._load = load
        self._faults: list[str] = []
        self._threads = [
            threading.Thread(target=self._send, args=(source, arrivals), name=source, daemon=True)
            for source, arrivals in self._by_source().items()
        ]

    def start(self) -> "Telling":
        """Begin sending; the clock of the load starts now."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    @property
    def finished(self) -> bool:
        """Whether every record was acknowledged."""
        return not any(thread.is_alive() for thread in self._threads)

    def join(self, seconds: float = 120.0) -> None:
        """Wait until every record was acknowledged."""
        for thread in self._threads:
            thread.join(seconds)
        if self._faults or not self.finished:
            raise TimeoutError(f"the load was not told: {self._faults or 'still sending'}")

    def _by_source(self) -> dict[str, Sequence[Arrival]]:
        arrivals = self._load.arrivals
        sources = sorted({each.source for each in arrivals})
        return {source: [each for each in arrivals if each.source == source] for source in sources}

    def _send(self, source: str, arrivals: Sequence[Arrival]) -> None:
        producer = Producer(
            {
                **QUIET,
                "bootstrap.servers": self._bootstrap,
                "client.id": source,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
            }
        )
        for arrival in arrivals:
            if (wait := self._began + arrival.at - time.monotonic()) > 0:
                producer.poll(min(wait, 0.01))
                time.sleep(max(0.0, self._began + arrival.at - time.monotonic()))
            producer.produce(self._topic, arrival.value, arrival.key, on_delivery=self._delivered)
        if left := producer.flush(60):
            self._faults.append(f"{left} records of {source} not acknowledged")

    def _delivered(self, fault: object, record: object) -> None:
        if fault is not None:
            self._faults.append(str(fault))
