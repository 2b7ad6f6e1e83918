"""A run with workers and a load that goes on, for a fault to happen to."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.system.load import Mixture
from tests.system.runs import Run, open_run
from tests.system.workers import Worker

ORDERLY = (
    *("end node reached", "end node reached, agent hangs up", "end node reached and named"),
    *("caller hangs up", "transferred", "no answer"),
)
"""Calls whose verdict can only rise when one of their producers is held up longer than the grace."""

PATIENT = {
    "POSTCALL_LOST_RINGING": "120s",
    "POSTCALL_LOST_LIVE": "120s",
    "POSTCALL_LOST_AFTER_END_NODE": "120s",
}
"""A call whose producer cannot reach its broker is silent for as long, and not lost."""

AS_THEY_ARRIVE = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is told, how long that takes, and how long before the fault begins; seconds."""

    calls: int = 250
    seconds: float = 15.0
    before: float = 5.0


SHORT = Pace()

_LAST_SECONDS = 5.0
"""From when a worker can write no more until it has ended: a heartbeat at most until it knows that it is fenced,
and the patience of a crash."""


@contextmanager
def under_load(
    bootstrap: str,
    folder: Path,
    seed: int,
    workers: int = 2,
    pace: Pace = SHORT,
    fast: timedelta = timedelta(),
    own: Mapping[str, str] | None = None,
    **environment: str,
) -> Iterator[Run]:
    """Open a run, start its workers, and begin to tell its load; the block begins in the midst of it.

    The clocks of the producers are so `fast`; `own` is for the workers alone. With `workers` 0 the block has to
    start them, and to tell the load.
    """
    mixture = Mixture(calls=pace.calls, seed=seed, seconds=pace.seconds, situations=ORDERLY)
    patient = {**PATIENT, **environment}
    with open_run(bootstrap, folder, mixture, topic_settings=AS_THEY_ARRIVE, environment=patient) as run:
        run.fleet.add(workers, own)
        if workers:
            run.tell(fast)
            time.sleep(pace.before)
        yield run


def ended(run: Run, workers: Sequence[Worker], seconds: float = 30.0) -> list[int]:
    """Wait until these workers have ended by themselves; return their exit codes.

    What they had in flight in their last seconds counts as in flight at a kill: nobody could note its replies.
    """
    until = time.monotonic() + seconds
    looks = [time.time()]
    while any(worker.running for worker in workers):
        if time.monotonic() > until:
            raise TimeoutError(f"of {[worker.name for worker in workers]} some run on after {seconds} s")
        time.sleep(0.25)
        looks.append(time.time())
    run.fleet.kills += [at for at in looks if at > looks[-1] - _LAST_SECONDS]
    return [worker.wait() for worker in workers]
