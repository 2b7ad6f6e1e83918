"""One trial: workers and a load that goes on, operations one after the other, then the judgement of each."""

import random
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from agents.ledger.judgement import Judgement, Violation
from agents.ledger.of_requests import in_flight
from agents.ledger.topics import read_topics
from agents.ledger.witnesses import Seen, Witnesses, grouped
from tests.system.documents import SIGNATURE
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_process import BrokerNotStarted
from tests.system.load import Mixture
from tests.system.loaded import AS_THEY_ARRIVE, ORDERLY, PATIENT
from tests.system.proof.operations import OPERATIONS
from tests.system.proof.scene import Death, Failed, Scene
from tests.system.proof.state import batches, late_batches, late_requests, regressions
from tests.system.runs import open_run
from tests.system.sampling import Sampler
from tests.system.waves import Waves
from tests.system.workers import WorkerNotReady

RATE = 7.0
"""Calls a second."""
WAVE_SECONDS = 8.0
_BEFORE_SECONDS = 3.0
_BETWEEN_SECONDS = (1.5, 4.0)
_QUIET_SECONDS = 9.5
"""A call whose end nobody tells is lost after eight."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Which operations are done in one run, in which order."""

    group: str
    seed: int
    number: int
    operations: tuple[str, ...]

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.group}-{self.seed}-{self.number}"

    @property
    def brokers(self) -> bool:
        """Whether it does something to brokers."""
        return any(OPERATIONS[each].brokers for each in self.operations)


@dataclass
class Found:
    """What became of one operation of a trial."""

    operation: str
    group: str
    seed: int
    since: float
    lost: int = 0
    phantom: int = 0
    repeated: int = 0
    """Requests made again after their 2xx."""
    in_flight: int = 0
    """What those that died in it had on the wire, or just answered."""
    broken: list[str] = field(default_factory=list)
    """Everything that must not be."""


def play(trial: Trial, cluster: KafkaCluster, folder: Path) -> list[Found]:
    """Play a trial and judge it. What it leaves in the folder is removed when nothing was broken."""
    place = folder / trial.name
    place.mkdir(parents=True)
    mixture = Mixture(round(RATE * WAVE_SECONDS), trial.seed * 100 + trial.number, WAVE_SECONDS)
    patience: dict[str, str] = {}
    if trial.brokers:
        mixture = Mixture(mixture.calls, mixture.seed, mixture.seconds, situations=ORDERLY)
        patience = PATIENT
    with open_run(
        cluster.bootstrap, place, mixture, topic_settings=AS_THEY_ARRIVE, environment=patience, signed=True
    ) as run:
        events = f"{run.setting.prefix}call-events"
        waves = Waves(run.setting.bootstrap, events, mixture, run.setting.name)
        run.fleet.add(1 if trial.group == "failpoints" else 2)
        with Sampler(run.fleet, run.setting, run.samples) as sampler:
            scene = Scene(run, waves, sampler, cluster, random.Random(f"{trial}"), trial.seed)
            run.tell_on(waves)
            time.sleep(_BEFORE_SECONDS)
            found = [_do(name, scene) for name in trial.operations]
            _bring_back(scene, found)
            waves.stop()
            judgement = run.settle(quiet=_QUIET_SECONDS, show=(place / "judgement.txt").write_text)
        assert run.witnesses is not None
        _tally(found, judgement, run.witnesses, scene)
    if not any(each.broken for each in found):
        shutil.rmtree(place)
    return found


def _do(name: str, scene: Scene) -> Found:
    operation, since = OPERATIONS[name], time.time()
    found = Found(name, operation.group, scene.seed, since)
    scene.run.note(name)
    try:
        with scene.sampler.trouble(name):
            operation.deed(scene)
    except (Failed, WorkerNotReady, BrokerNotStarted, TimeoutExpired) as fault:
        found.broken.append(str(fault))
    # One who has died is started again by the next operation: what others have taken over is then asked for again.
    time.sleep(0.0 if operation.group == "failpoints" else scene.dice.uniform(*_BETWEEN_SECONDS))
    found.broken += [f"{worker.name} ended by itself with {worker.wait()}" for worker in scene.gone]
    for worker in scene.gone:
        worker.start()
    return found


def _bring_back(scene: Scene, found: Sequence[Found]) -> None:
    resting = [worker for worker in scene.run.fleet.workers if not worker.running]
    for worker in resting:
        worker.start()
    try:
        for worker in resting:
            worker.wait_ready()
    except WorkerNotReady as fault:
        found[-1].broken.append(str(fault))


def _tally(found: Sequence[Found], judgement: Judgement, witnesses: Witnesses, scene: Scene) -> None:
    for violation in judgement.violations:
        one = _during(found, _moment(violation, witnesses))
        one.lost += violation.invariant == "lost"
        one.phantom += violation.invariant == "phantom"
        one.broken.append(f"{violation.invariant}: {violation.call_id}: {violation.found}")
    for death in scene.deaths:
        _during(found, death.at).in_flight += sum(_had(death, seen) for seen in witnesses.seen)
    for good, again in repeats(witnesses.seen):
        died = [death for death in scene.deaths if _had(death, good) and death.at < again.at]
        _during(found, died[0].at if died else again.at).repeated += 1
    for one in found:
        if one.repeated > one.in_flight:
            one.broken.append(
                f"{one.repeated} requests again after their 2xx; expected {one.in_flight} at most"
            )
    found[-1].broken += _of_state(witnesses, scene)


def _during(found: Sequence[Found], at: float) -> Found:
    return next((one for one in reversed(found) if one.since <= at), found[0])


def _moment(violation: Violation, witnesses: Witnesses) -> float:
    """When about it happened: when the last was told of its call."""
    return max((each.at for each in witnesses.records_of.get(violation.call_id, ())), default=0.0)


def _had(death: Death, seen: Seen) -> bool:
    """Whether the one that died had a request on the wire, or just answered."""
    return seen.headers.get(SIGNATURE) == death.worker and in_flight(seen, death.at)


def repeats(requests: Iterable[Seen]) -> Iterator[tuple[Seen, Seen]]:
    """Each request that came again after the 2xx of its delivery, with the one that had it."""
    for same in grouped(sorted(requests, key=lambda seen: seen.at), lambda seen: seen.key).values():
        good = next((at for at, seen in enumerate(same) if seen.succeeded), len(same))
        yield from ((same[good], again) for again in same[good + 1 :])


def _of_state(witnesses: Witnesses, scene: Scene) -> Iterator[str]:
    topic = f"{scene.run.setting.name}-calls-changelog"
    changelog = read_topics({"bootstrap.servers": scene.run.setting.bootstrap}, [topic])[topic]
    yield from (f"state: {each}" for each in regressions(changelog))
    yield from (f"zombie: {each}" for each in late_requests(witnesses.seen, scene.freezes))
    if scene.freezes:
        for partition, segments in scene.cluster.segments(topic).items():
            written = batches(segments)
            yield from (f"zombie: {partition}: {each}" for each in late_batches(written, scene.freezes))


def as_value(found: Found) -> dict[str, Any]:
    """A line of the results."""
    at = datetime.fromtimestamp(found.since, UTC)
    return asdict(found) | {"since": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
