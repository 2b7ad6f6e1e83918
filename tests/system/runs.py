"""One run against the real thing: broker, workers, receiver, a load told by two producers, a judgement.

with open_run(kafka.bootstrap, folder, Mixture(calls=1000)) as run:
    run.fleet.add(3)
    run.tell()
    ...faults...
    judgement = run.settle()
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.demo.receiver import Rule, Script
from agents.ledger.documents import Documents
from agents.ledger.gathering import read_witnesses
from agents.ledger.judgement import Judgement
from agents.ledger.oracle import judge
from agents.ledger.report import report
from agents.ledger.rules import Rules
from agents.ledger.samples import read_samples
from agents.ledger.witnesses import Witnesses
from schemas.spans import span
from tests.system.documents import REJECTING_NODE, SECRET_VALUE, documents, sign
from tests.system.kafka_topics import create_topics
from tests.system.load import Load, Mixture, Telling, generate
from tests.system.receiver import ReceiverProcess
from tests.system.sampling import MEMORY_BYTES
from tests.system.waves import Waves
from tests.system.workers import Fleet, Setting

_SETTLE_SECONDS = 90.0
_QUIET_SECONDS = 3.0
"""The receiver's file must not have grown for so long before a run counts as over."""


def behaviour(seed: int, delay: float = 0.02, spread: float = 0.1, failure_rate: float = 0.05) -> Script:
    """Return how the receiver answers: a CRM with tickets, an audit that rejects, failures everywhere."""
    usual = {"delay": delay, "spread": spread, "failure_rate": failure_rate}
    return Script(
        seed=seed,
        rules=(
            Rule(path=f"/node/{REJECTING_NODE}", status=404, delay=delay),
            Rule(path="/node/update_crm", body={"ticket": {"id": 4711}}, **usual),  # type: ignore[arg-type]  # floats
            Rule(**usual),  # type: ignore[arg-type]  # all of them floats
        ),
    )


@dataclass
class Run:
    """A run under way; `broker_kills` and the like belong to the test, the rest is here."""

    setting: Setting
    receiver: ReceiverProcess
    fleet: Fleet
    mixture: Mixture
    documents: Documents
    load: Load | None = None
    telling: Telling | Waves | None = None
    witnesses: Witnesses | None = None
    notes: list[str] = field(default_factory=list)
    """What the test did to it, for the report."""

    def tell(self, fast: timedelta = timedelta()) -> Telling:
        """Begin to tell the load, with two producers whose clocks are both so `fast`."""
        self.load = generate(self.mixture, datetime.now(UTC) + fast, prefix=self.setting.name)
        self.telling = Telling(self.setting.bootstrap, f"{self.setting.prefix}call-events", self.load).start()
        return self.telling

    def tell_on(self, waves: Waves) -> Waves:
        """Begin to tell wave after wave, until that is stopped."""
        self.load, self.telling = waves.load, waves
        return waves.start()

    def note(self, what: str) -> None:
        """Keep what was done to the run, with the time."""
        self.notes.append(f"{datetime.now(UTC):%H:%M:%S} {what}")

    def settle(
        self,
        undisturbed: bool = False,
        seconds: float = _SETTLE_SECONDS,
        quiet: float = _QUIET_SECONDS,
        show: Callable[[str], object] = print,
    ) -> Judgement:
        """Wait until nothing more is owed, then judge; shows the oracle's table and where the evidence lies.

        What is still owed after so many seconds is judged lost. `quiet` is how long the receiver's file must not
        have grown before a judgement is tried.
        """
        assert self.telling is not None
        assert self.load is not None
        self.telling.join()
        until = time.monotonic() + seconds
        while True:
            self._wait_quiet(until, quiet)
            judgement = self._judge(undisturbed)
            if not judgement.count("lost") or time.monotonic() > until:
                break
            time.sleep(1)
        assert self.witnesses is not None
        title = f"seed {self.mixture.seed}; {'; '.join(self.notes) or 'no faults'}; {self.setting.folder}"
        show(report(judgement, self.witnesses, title, self.load.situation_of))
        return judgement

    def _judge(self, undisturbed: bool) -> Judgement:
        assert self.load is not None
        witnesses = read_witnesses(
            self.setting.bootstrap,
            self.setting.prefix,
            self.receiver.log,
            self.fleet.scrape(),
            [worker.log for worker in self.fleet.workers],
            self.fleet.kills,
        )
        samples, disturbances = read_samples(self.samples) if self.samples.exists() else ((), ())
        self.witnesses = replace(witnesses, samples=samples, disturbances=disturbances)
        calls = set(self.load.expected)
        return judge(
            self.witnesses,
            self.documents,
            [SECRET_VALUE],
            undisturbed,
            calls,
            rules_of(self.setting),
            MEMORY_BYTES,
        )

    @property
    def samples(self) -> Path:
        """Where a sampler writes what it sees of this run, if there is one."""
        return self.setting.folder / "samples.jsonl"

    def _wait_quiet(self, until: float, seconds: float) -> None:
        size, since = -1, time.monotonic()
        while time.monotonic() < min(since + seconds, until):
            time.sleep(0.2)
            grown = self.receiver.log.stat().st_size if self.receiver.log.exists() else 0
            if grown != size:
                size, since = grown, time.monotonic()


def rules_of(setting: Setting) -> Rules:
    """The durations that the workers of a run go by."""
    said = setting.environment()
    known = {name: said.get(f"POSTCALL_{name.upper()}") for name in Rules.__dataclass_fields__}
    return Rules(**{name: span(text).total_seconds() for name, text in known.items() if text is not None})


@contextmanager
def open_run(
    bootstrap: str,
    folder: Path,
    mixture: Mixture,
    script: Script | None = None,
    topic_settings: dict[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    signed: bool = False,
) -> Iterator[Run]:
    """Open a run of its own on a broker: own app id, topics, receiver; documents applied, no worker yet.

    With `topic_settings` the input topic is created beforehand, as an operator may. `signed`: every request says
    which worker made it, in the header `documents.SIGNATURE`.
    """
    name = f"run-{uuid.uuid4().hex[:8]}"
    setting = Setting(bootstrap, name, folder, more=dict(environment or {}))
    if topic_settings is not None:
        count = int(setting.more.get("POSTCALL_PARTITIONS", setting.partitions))
        create_topics(bootstrap, {f"{setting.prefix}call-events": count}, topic_settings)
    with ReceiverProcess(folder, script or behaviour(mixture.seed)) as receiver, Fleet(setting) as fleet:
        applied = documents(receiver.url)
        setting.apply(sign(applied) if signed else applied)
        yield Run(setting, receiver, fleet, mixture, Documents.of(applied))
