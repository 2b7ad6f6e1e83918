"""What the operations of the proof are done to, and what became of it."""

import random
from dataclasses import dataclass, field

from tests.system.kafka_cluster import KafkaCluster
from tests.system.runs import Run
from tests.system.sampling import Sampler
from tests.system.waves import Waves
from tests.system.workers import Worker


class Failed(RuntimeError):
    """An operation did not go as it must by itself, such as a worker that left with another code than 0."""


@dataclass(frozen=True, slots=True)
class Death:
    """When a worker died or froze, which is the same to others; seconds since 1970."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """A worker that stood still from `since` to `thawed`; at `landless` it said for the last time that it has no
    partitions or no lease. Seconds since 1970."""

    worker: str
    since: float
    thawed: float
    landless: float


@dataclass
class Scene:
    """A run in the midst of its load."""

    run: Run
    waves: Waves
    sampler: Sampler
    cluster: KafkaCluster
    dice: random.Random
    seed: int
    deaths: list[Death] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    resting: set[str] = field(default_factory=set)
    """Names of the workers that are not to run."""

    @property
    def running(self) -> list[Worker]:
        """The workers that are there."""
        return [worker for worker in self.run.fleet.workers if worker.running]

    @property
    def gone(self) -> list[Worker]:
        """The workers that ended by themselves."""
        fleet = self.run.fleet.workers
        return [worker for worker in fleet if not worker.running and worker.name not in self.resting]

    def drawn(self) -> Worker:
        """One of them."""
        return self.dice.choice(self.running)

    def died(self, worker: Worker, at: float) -> None:
        """Keep that a worker died or froze."""
        self.deaths.append(Death(worker.name, at))
        self.run.fleet.kills.append(at)
