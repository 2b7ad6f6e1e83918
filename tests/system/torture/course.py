"""A torture from its first act to its judgement."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import TimeoutExpired
from typing import IO, Any

from agents.ledger.documents import Documents
from agents.ledger.samples import read_samples
from agents.ledger.topics import read_topics
from tests.system.documents import SECRET_VALUE, bad_documents, documents
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.kafka_topics import create_topics
from tests.system.load import Telling, generate
from tests.system.receiver import ReceiverProcess
from tests.system.runs import behaviour, rules_of
from tests.system.sampling import Growth, Sampler, growths
from tests.system.torture.faults import commit
from tests.system.torture.grounds import Grounds
from tests.system.torture.plan import Act, Terms, plan, script
from tests.system.torture.slices import Evidence, Verdict, judge_in_slices
from tests.system.workers import Fleet, Setting

_PATIENT = {
    "POSTCALL_LOST_RINGING": "45s",
    "POSTCALL_LOST_LIVE": "45s",
    "POSTCALL_LOST_AFTER_END_NODE": "45s",
    "POSTCALL_DRAIN": "10s",
}
"""A call whose producer cannot reach its broker is silent for as long, and not lost."""
_LOST_SECONDS = 45.0

_AS_THEY_ARRIVE = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "12000000"}
_CATCH_UP_SECONDS = 60.0
_SETTLE_SECONDS = 240.0
"""An endpoint that was ill may be left alone for two minutes before somebody tries it again."""
_QUIET_SECONDS = 20.0
_TIMEOUT = "4s"


@dataclass
class Torture:
    """A torture under way."""

    terms: Terms
    folder: Path
    setting: Setting
    receiver: ReceiverProcess
    grounds: Grounds
    journal: "Journal"
    situation_of: dict[str, str] = field(default_factory=dict)
    """Every call that was told, and what it is like."""
    faults_found: list[str] = field(default_factory=list)
    """What went wrong besides the ledger: a lag that stayed, an exit code that was not 0."""

    def run(self) -> None:
        """Play all acts, until the minutes are over."""
        until = time.monotonic() + self.terms.minutes * 60
        for act in plan(self.terms):
            self._play(act)
            if time.monotonic() > until:
                break

    def judge(self) -> Verdict:
        """Wait until nothing more is owed, then judge; what is still owed after four minutes is lost."""
        until = time.monotonic() + _SETTLE_SECONDS
        self.receiver.behave(behaviour(self.terms.seed))
        self.journal.tell("all told; waiting until nothing more is owed")
        quiet = max(_QUIET_SECONDS, _LOST_SECONDS)
        while True:
            self._wait_quiet(quiet, until)
            verdict = judge_in_slices(
                self._evidence(),
                self._documents(),
                [SECRET_VALUE],
                self.situation_of,
                self.folder,
                rules_of(self.setting),
            )
            if not verdict.count("lost") or time.monotonic() > until:
                return verdict
            quiet = _QUIET_SECONDS

    def growths(self) -> list[Growth]:
        """Return how the memory of the workers went that lived long enough."""
        samples, _ = read_samples(self.folder / "samples.jsonl")
        return growths(samples)

    def _play(self, act: Act) -> None:
        self.journal.tell(
            f"act {act.number}: {act.wave.calls} calls in {act.wave.seconds:.0f} s; {act.weather}"
        )
        load = generate(act.wave, datetime.now(UTC), prefix=self.setting.name)
        self.situation_of |= load.situation_of
        over = time.time() + act.wave.seconds
        self.grounds.told_at.update(dict.fromkeys(load.situation_of, over))
        direct = self.grounds.cluster.bootstrap
        telling = Telling(direct, f"{self.setting.prefix}call-events", load).start()
        self.receiver.behave(script(act, behaviour(act.wave.seed)))
        clears_at = time.monotonic() + act.weather.seconds
        for fault in act.faults:
            time.sleep(fault.after)
            self.journal.tell(str(fault))
            try:
                with self.grounds.sampler.trouble(str(fault)):
                    commit(fault, self.grounds)
            except (RuntimeError, TimeoutError, TimeoutExpired) as found:
                self._complain(f"{fault}: {found}")
            self._catch_up(fault.kind.name)
        time.sleep(max(0.0, clears_at - time.monotonic()))
        self.receiver.behave(behaviour(act.wave.seed))
        telling.join()
        time.sleep(act.pause)

    def _catch_up(self, after: str) -> None:
        began = time.time()
        while not self.grounds.sampler.caught_up(began):
            if time.time() > began + _CATCH_UP_SECONDS:
                seen = self.grounds.sampler.latest.values()
                self._complain(f"not caught up {_CATCH_UP_SECONDS:.0f} s after {after}: {[*seen]}")
                return
            time.sleep(0.5)
        self.journal.tell(f"over, and caught up after {time.time() - began:.0f} s")

    def _documents(self) -> Documents:
        """What was in force when, as its topic says."""
        topic = f"{self.setting.prefix}workflows"
        records = read_topics({"bootstrap.servers": self.grounds.cluster.bootstrap}, [topic])[topic]
        bad = {value for _, value, _ in bad_documents()}
        return Documents.applied([each for each in records if each.value not in bad])

    def _complain(self, found: str) -> None:
        self.faults_found.append(found)
        self.journal.tell(f"!! {found}")

    def _evidence(self) -> Evidence:
        fleet = self.grounds.fleet
        logs = tuple(worker.log for worker in fleet.workers)
        return Evidence(
            self.grounds.cluster.bootstrap,
            self.setting.prefix,
            self.receiver.log,
            logs,
            tuple(fleet.kills),
            self.folder / "samples.jsonl",
        )

    def _wait_quiet(self, seconds: float, until: float) -> None:
        size, since = -1, time.monotonic()
        while time.monotonic() < min(since + seconds, until):
            time.sleep(0.5)
            grown = self.receiver.log.stat().st_size if self.receiver.log.exists() else 0
            if grown != size:
                size, since = grown, time.monotonic()


class Journal:
    """What happened when, on the screen and in a file of the evidence."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def tell(self, what: str) -> None:
        """Add a line."""
        line = f"{datetime.now(UTC):%H:%M:%S} {what}"
        print(line, flush=True)
        self._file.write(line + "\n")
        self._file.flush()


@contextmanager
def open_torture(terms: Terms, folder: Path) -> Iterator[Torture]:
    """Start brokers, the receiver and the workers; all evidence is kept in the folder."""
    name = f"torture-{terms.seed}"
    with (
        (folder / "journal.txt").open("a") as file,
        KafkaCluster(kafka_jars(), size=terms.brokers, proxied=True) as cluster,
    ):
        journal = Journal(file)
        setting = Setting(cluster.proxied_bootstrap, name, folder, more=_PATIENT)
        create_topics(
            cluster.bootstrap, {f"{setting.prefix}call-events": setting.partitions}, _AS_THEY_ARRIVE
        )
        with ReceiverProcess(folder, behaviour(terms.seed)) as receiver, Fleet(setting) as fleet:
            applied = _impatient(documents(receiver.url))
            setting.apply(applied)
            # Whoever looks from outside goes around the proxies: what they slow is the workers' way.
            around = Setting(cluster.bootstrap, name, folder)
            with Sampler(fleet, around, folder / "samples.jsonl", journal.tell) as sampler:
                sampler.wanted |= {worker.name for worker in fleet.add(terms.workers)}
                grounds = Grounds(cluster, fleet, sampler, setting, applied, journal.tell)
                yield Torture(terms, folder, setting, receiver, grounds, journal)
                sampler.wanted.clear()


def _impatient(applied: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for document in applied:
        for node in document.get("nodes", []):
            if node["type"] == "post_call_api":
                node["timeout"] = _TIMEOUT
        for hook in document.get("webhooks", {}).values():
            hook["timeout"] = _TIMEOUT
    return applied
