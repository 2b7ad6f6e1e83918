"""Looks at a run from outside once a second, and writes down what the ledger judges: lag, doors, memory.

It is also what a supervisor is to workers in production: one that ends by itself is started again, and that
is told.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.ledger.witnesses import Disturbance, Sample
from tests.system.kafka_topics import QUIET
from tests.system.workers import Fleet, Setting, Worker, page

MEMORY_BYTES = 400 << 20
"""What a worker may hold at most: twice its cache of 192 MiB, which is half of it."""

GROUP = "the group"
"""Stands for the worker in samples of lag: what is committed is the group's."""

_EVERY_SECONDS = 1.0
_ANSWER_SECONDS = 1.0
_HANDLING_SECONDS = 3.0
"""What has been there for less is not waiting: offsets are committed once a second."""
_LAST_QUARTERS = 20
"""Quarters of a second before a worker's end in which it may have been able to write no more."""
_WARM_SECONDS = 60.0
"""A worker so young still fills its caches."""
_LONG_SECONDS = 480.0
"""A life so long has quarters that can be compared."""


class GroupLag:
    """How many records a consumer group has left uncommitted for longer than three seconds."""

    def __init__(self, setting: Setting) -> None:
        # It only asks, and joins no group. The admin client's calls for this end librdkafka where a broker goes away.
        self._asking = Consumer({**QUIET, "bootstrap.servers": setting.bootstrap, "group.id": setting.name})
        topics = (f"{setting.prefix}call-events", f"{setting.name}-internal")
        count = int(setting.more.get("POSTCALL_PARTITIONS", setting.partitions))
        self._partitions = [TopicPartition(topic, number) for topic in topics for number in range(count)]
        self._ends: deque[tuple[float, dict[tuple[str, int], int]]] = deque()

    def close(self) -> None:
        """Ask no more."""
        self._asking.close()

    def look(self) -> int | None:
        """The lag now; None where no broker answers, or nobody has looked for long enough."""
        try:
            ends, committed = self._offsets()
        except KafkaException:
            return None
        now = time.monotonic()
        self._ends.append((now, ends))
        while len(self._ends) > 1 and self._ends[1][0] <= now - _HANDLING_SECONDS:
            self._ends.popleft()
        at, there = self._ends[0]
        if at > now - _HANDLING_SECONDS:
            return None
        return sum(max(0, end - committed.get(where, 0)) for where, end in there.items())

    def _offsets(self) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        ends = {}
        for each in self._partitions:
            found = self._asking.get_watermark_offsets(each, _ANSWER_SECONDS)
            if found is None:
                raise KafkaException(f"no end of {each.topic} within {_ANSWER_SECONDS} s")
            ends[each.topic, each.partition] = found[1]
        told = self._asking.committed(self._partitions, _ANSWER_SECONDS)
        return ends, {(each.topic, each.partition): max(0, each.offset) for each in told}


class Sampler:
    """`with Sampler(fleet, setting, file, tell) as sampler`: a line of JSON a sample, as `postcall verify` reads them.

    `wanted` are names of the workers that are started again when they end by themselves.
    """

    def __init__(
        self, fleet: Fleet, setting: Setting, file: Path, tell: Callable[[str], object] = lambda _: None
    ) -> None:
        self.wanted: set[str] = set()
        self.latest: dict[str, Sample] = {}
        """What was seen last, by worker, and of the group."""
        self._fleet, self._file, self._tell = fleet, file, tell
        self._lag = GroupLag(setting)
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._caught_up_at = 0.0
        self._defects: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()
        self._lag.close()
        if self._defects:
            raise self._defects[0]

    @contextmanager
    def trouble(self, what: str) -> Iterator[None]:
        """Write down that workers or brokers are disturbed for as long as the block runs."""
        since = time.time()
        try:
            yield
        finally:
            self._keep(Disturbance(since, time.time(), what, workers=True))

    def caught_up(self, since: float) -> bool:
        """Whether every worker that is to run is ready, and nothing is left of what was there at a moment."""
        latest = [self.latest.get(name) for name in self.wanted]
        ready = all(each is not None and each.ready and each.at > since for each in latest)
        return ready and self._caught_up_at > since + _HANDLING_SECONDS

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_EVERY_SECONDS):
                self._look_around()
        except Exception as defect:  # noqa: BLE001  raised again at the end of the block
            self._defects.append(defect)

    def _look_around(self) -> None:
        now, lag = time.time(), self._lag.look()
        if lag is not None:
            self.latest[GROUP] = Sample(now, GROUP, lag=lag)
            self._keep(self.latest[GROUP])
            self._caught_up_at = now if lag == 0 else self._caught_up_at
        for worker in list(self._fleet.workers):
            self._supervise(worker)
            if worker.running:
                with suppress(OSError, StopIteration):  # It may end between two looks.
                    self.latest[worker.name] = _look(worker)
                    self._keep(self.latest[worker.name])

    def _supervise(self, worker: Worker) -> None:
        if worker.name in self.wanted and not worker.running:
            code = worker.wait()
            # Nobody could note the replies to what it had in flight in its last seconds.
            self._fleet.kills += [time.time() - ago / 4 for ago in range(_LAST_QUARTERS)]
            self._tell(f"{worker.name} ended by itself with exit code {code}; started again")
            worker.start()

    def _keep(self, seen: Sample | Disturbance) -> None:
        said = {name: value for name, value in asdict(seen).items() if value is not None}
        with self._writing, self._file.open("a") as file:
            file.write(json.dumps(said) + "\n")


def _look(worker: Worker) -> Sample:
    pid, now = worker.pid, time.time()
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    ready, live = (page(worker.port, path, _ANSWER_SECONDS)[0] == 200 for path in ("/readyz", "/livez"))
    return Sample(now, worker.name, ready=ready, live=live, memory_bytes=resident << 10, pid=pid)


@dataclass(frozen=True, slots=True)
class Growth:
    """How the memory of one life of a worker went: medians of its second and of its last quarter, in MiB."""

    worker: str
    seconds: float
    second: float
    last: float

    @property
    def flat(self) -> bool:
        """Whether the last quarter is within a tenth of the second; less is no fault."""
        return self.last <= self.second * 1.1

    def __str__(self) -> str:
        verdict = "flat" if self.flat else "GROWN"
        return (
            f"{self.worker} lived {self.seconds:.0f} s: {self.second:.0f} MiB in its second quarter, "
            f"{self.last:.0f} MiB in its last: {verdict}"
        )


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Return how the memory of every life went that was long enough to tell."""
    lives: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for sample in samples:
        if sample.pid is not None and sample.memory_bytes is not None:
            life = lives.setdefault((sample.worker, sample.pid), [])
            life.append((sample.at, sample.memory_bytes / (1 << 20)))
    found = []
    for (worker, _), life in lives.items():
        began, seconds = life[0][0], life[-1][0] - life[0][0]
        warm = [mib for at, mib in life if at - began >= _WARM_SECONDS]
        quarter = len(warm) // 4
        if seconds >= _LONG_SECONDS and quarter:
            halves = median(warm[quarter : 2 * quarter]), median(warm[-quarter:])
            found.append(Growth(worker, seconds, *halves))
    return found
