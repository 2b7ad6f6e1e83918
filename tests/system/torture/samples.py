"""Looks at every worker once a second: its memory, whether it is ready, how far behind it is.

It is also what a supervisor is to workers in production: one that ends by itself is started again, and that
is told.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Self

from tests.system.workers import Fleet, Worker

_EVERY_SECONDS = 1.0
_LAG = "postcall_event_lag_seconds"
_WARM_SECONDS = 60.0
"""A worker so young still fills its caches."""
_LONG_SECONDS = 480.0
"""A life so long has quarters that can be compared."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one worker was like at a moment; `age` is seconds since its start, `lag` is -1 when nobody answered."""

    at: float
    worker: str
    pid: int
    age: float
    rss_mib: float
    ready: bool
    lag: float


class Sampler:
    """`with Sampler(fleet, file, tell) as sampler`: one line of JSON a sample; `wanted` are to be running."""

    def __init__(self, fleet: Fleet, file: Path, tell: Callable[[str], None]) -> None:
        self.wanted: set[str] = set()
        """Names of the workers that are started again when they end by themselves."""
        self.latest: dict[str, Sample] = {}
        self._fleet = fleet
        self._file = file
        self._tell = tell
        self._stopping = threading.Event()
        self._began: dict[int, float] = {}
        self._idle_at: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def caught_up(self, since: float) -> bool:
        """Whether every worker that is to run is ready, and was seen with nothing waiting since a moment."""
        latest = [self.latest.get(name) for name in self.wanted]
        ready = all(each is not None and each.ready and each.at > since for each in latest)
        return ready and all(self._idle_at.get(name, 0.0) > since for name in self.wanted)

    def _run(self) -> None:
        with self._file.open("a") as file:
            while not self._stopping.wait(_EVERY_SECONDS):
                for worker in list(self._fleet.workers):
                    self._supervise(worker)
                    if worker.running:
                        with suppress(OSError, KeyError):  # It may end between two looks.
                            self._keep(self._look(worker), file.write)

    def _supervise(self, worker: Worker) -> None:
        if worker.name in self.wanted and not worker.running:
            code = worker.wait()
            self._tell(f"{worker.name} ended by itself with exit code {code}; started again")
            worker.start()

    def _look(self, worker: Worker) -> Sample:
        pid, now = worker.pid, time.time()
        age = now - self._began.setdefault(pid, now)
        status = Path(f"/proc/{pid}/status").read_text()
        rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        ready = worker.get("/readyz")[0] == 200
        lag = worker.scrape().get(_LAG, -1.0) if ready else -1.0
        return Sample(now, worker.name, pid, age, rss / 1024, ready, lag)

    def _keep(self, sample: Sample, write: Callable[[str], int]) -> None:
        self.latest[sample.worker] = sample
        if sample.lag == 0:
            self._idle_at[sample.worker] = sample.at
        write(json.dumps(asdict(sample)) + "\n")


def read_samples(file: Path) -> list[Sample]:
    """Return the samples of a file."""
    return [Sample(**json.loads(line)) for line in file.read_text().splitlines()]


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


def growths(samples: list[Sample]) -> list[Growth]:
    """Return how the memory of every life went that was long enough to tell."""
    lives: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        if sample.age >= _WARM_SECONDS:
            lives.setdefault((sample.worker, sample.pid), []).append(sample)
    found = []
    for (worker, _), life in lives.items():
        quarter, seconds = len(life) // 4, life[-1].age
        if seconds >= _LONG_SECONDS and quarter:
            second = median(each.rss_mib for each in life[quarter : 2 * quarter])
            last = median(each.rss_mib for each in life[-quarter:])
            found.append(Growth(worker, seconds, second, last))
    return found
