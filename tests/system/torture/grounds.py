"""What the faults of a torture are done to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.system.kafka_cluster import KafkaCluster
from tests.system.sampling import Sampler
from tests.system.torture.plan import Fault, victim
from tests.system.workers import Fleet, Setting, Worker

_SPARED = "worker-1"
"""No fault ends it but those that end all, so that its memory can be watched."""


class FaultFailed(RuntimeError):
    """A fault did not go as it must by itself: a worker that was asked to leave ended with another code than 0."""


@dataclass(frozen=True)
class Grounds:
    """What faults are done to."""

    cluster: KafkaCluster
    fleet: Fleet
    sampler: Sampler
    setting: Setting
    documents: list[dict[str, Any]]
    """All that were applied."""
    tell: Callable[[str], None]
    told_at: dict[str, float] = field(default_factory=dict)
    """Every call, and when its wave was over, seconds since 1970."""

    @property
    def running(self) -> list[Worker]:
        """The workers that are to run."""
        return [worker for worker in self.fleet.workers if worker.name in self.sampler.wanted]

    def calls_told(self, before: float = float("inf")) -> list[str]:
        """The calls whose wave was over by then, in their order."""
        return [call_id for call_id, at in self.told_at.items() if at < before]


def choose(fault: Fault, grounds: Grounds) -> Worker:
    """Return the worker that a fault hits."""
    workers = {worker.name: worker for worker in grounds.running if worker.name != _SPARED}
    chosen = workers[victim(fault, sorted(workers))]
    grounds.tell(f"it is {chosen.name}")
    return chosen


def leave_cleanly(worker: Worker, grounds: Grounds) -> None:
    """Ask a worker to leave, and wait until it has."""
    grounds.sampler.wanted.discard(worker.name)
    worker.terminate()
    code = worker.wait()
    if code != 0:
        raise FaultFailed(f"{worker.name} ended with {code} after SIGTERM; expected 0")
