"""Judges a run of any length: its witnesses are dealt by call into slices on disk, and each slice is judged.

A slice holds everything about its calls (events, requests, log, outcomes), so the oracle judges it as it
judges a short run. What concerns calls of several slices, a key that they share, is looked at while dealing.

Measured with `python -m tests.bench.slices`, two cores: 60,000 calls (650,000 events, 344,000 requests) are judged in
129 s with 171 MiB at most; 5,000 in 12 s with 133 MiB. On disk a slice of 500 calls takes 7 MiB.
"""

import asyncio
import json
import pickle
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote
from zlib import crc32

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.ledger.documents import Documents
from agents.ledger.judgement import INVARIANTS, Judgement, Violation
from agents.ledger.oracle import judge
from agents.ledger.report import report
from agents.ledger.rules import Rules
from agents.ledger.samples import read_samples
from agents.ledger.told import Unreadable, read
from agents.ledger.witnesses import Record, Seen, Witnesses
from tests.system.kafka_topics import topics_seen
from tests.system.sampling import MEMORY_BYTES

INPUT = "call-events"
OUTPUTS = ("delivery-log", "call-outcomes", "dead-letters")

_SHOWN = 3
"""So many broken slices are shown with timelines."""


@dataclass
class Verdict:
    """What came of all slices together."""

    violations: list[Violation] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    """Events, calls, requests, attempts, outcomes, dead letters."""
    repeats: int = 0
    in_flight: int = 0
    shown: list[str] = field(default_factory=list)
    """Timelines of calls that broke something."""

    def count(self, invariant: str) -> int:
        """Return how many violations there are of one invariant."""
        return sum(each.invariant == invariant for each in self.violations)

    def add(self, judgement: Judgement, witnesses: Witnesses) -> None:
        """Add what came of one slice."""
        self.violations += judgement.violations
        self.looked_at += judgement.looked_at
        self.repeats += judgement.repeats
        self.in_flight += judgement.in_flight_at_kills
        self.counted += Counter(
            {
                "events": len(witnesses.events),
                "calls": len(judgement.readings),
                "requests": len(witnesses.seen),
                "attempts logged": len(witnesses.deliveries),
                "outcomes": len(witnesses.outcomes),
                "dead letters": len(witnesses.dead_letters),
            }
        )
        if judgement.violations and len(self.shown) < _SHOWN:
            self.shown.append(report(judgement, witnesses, "a slice that broke something"))

    def table(self, title: str, kills: int) -> str:
        """Return the table of the invariants over all slices."""
        lines = [f"--- {title}", ", ".join(f"{count} {what}" for what, count in self.counted.items())]
        lines.append(
            f"{kills} kills with {self.in_flight} requests in flight; {self.repeats} repeats after a 2xx"
        )
        lines += [
            f"{invariant:9} {self.count(invariant):6} of {self.looked_at[invariant]:8}  {promise}"
            for invariant, promise in INVARIANTS.items()
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the witnesses of a run are."""

    bootstrap: str
    prefix: str
    receiver_log: Path
    logs: tuple[Path, ...]
    kills: tuple[float, ...]
    samples: Path | None = None


def judge_in_slices(
    evidence: Evidence,
    documents: Documents,
    secrets: Collection[str],
    among: Collection[str],
    folder: Path,
    rules: Rules,
    size: int = 500,
) -> Verdict:
    """Judge a run by about so many calls at a time; `among` are the calls that were told.

    The slices are put into `folder` and removed; what is known of calls that broke something stays there.
    """
    slices = Slices(folder, max(1, len(among) // size))
    try:
        slices.deal_requests(evidence.receiver_log)
        asyncio.run(slices.deal_topics(evidence))
        return judge_dealt(slices, evidence, documents, secrets, among, rules)
    finally:
        slices.remove()


def judge_dealt(
    slices: "Slices",
    evidence: Evidence,
    documents: Documents,
    secrets: Collection[str],
    among: Collection[str],
    rules: Rules,
) -> Verdict:
    """Judge slice by slice what was dealt."""
    verdict = Verdict(list(slices.shared_keys))
    wanted = set(among)
    for number, witnesses in slices.read():
        logs = evidence.logs if number == 0 else ()
        # What belongs to no call is judged once.
        sampled = number == 0 and evidence.samples is not None
        samples, disturbances = read_samples(evidence.samples) if sampled else ((), ())  # type: ignore[arg-type]  # looked at
        whole = replace(
            witnesses, logs=logs, kills=evidence.kills, samples=samples, disturbances=disturbances
        )
        known = wanted & whole.records_of.keys()
        judgement = judge(whole, documents, secrets, among=known, rules=rules, memory_bytes=MEMORY_BYTES)
        verdict.add(judgement, whole)
        if judgement.violations:
            _keep(whole, {each.call_id for each in judgement.violations}, slices.folder)
        wanted -= known
    verdict.violations += [Violation("lost", call, "an event told that no topic has") for call in wanted]
    return verdict


def _keep(witnesses: Witnesses, call_ids: Collection[str], folder: Path) -> None:
    """Write down all that is known of calls that broke something: the broker goes with the run."""
    known = (
        witnesses.records_of,
        witnesses.requests_of,
        witnesses.deliveries_of,
        witnesses.outcomes_of,
    )
    for call_id in filter(None, call_ids):
        file = folder / "broken" / f"{quote(call_id, safe='')[:200]}.jsonl"
        file.parent.mkdir(exist_ok=True)
        each_of = [each for of_call in known for each in of_call.get(call_id, [])]
        each_of.sort(key=lambda each: each.at)
        file.write_text("".join(json.dumps(asdict(each), default=_text) + "\n" for each in each_of))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class Slices:
    """Files that hold what is known of the calls dealt to them."""

    def __init__(self, folder: Path, count: int) -> None:
        self.shared_keys: list[Violation] = []
        self.folder = folder
        self._paths = [folder / f"slice-{number}" for number in range(count)]
        self._of_key: dict[str, int] = {}

    def deal_requests(self, log: Path) -> None:
        """Deal the receiver's file; a last line still being written is left out."""
        with self._open() as files, log.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    seen = Seen(**json.loads(line))
                    self._look_at_key(seen)
                    self._put(files, seen.call_id, ("requests", seen))

    async def deal_topics(self, evidence: Evidence) -> None:
        """Deal the input topic and the output topics, from the first record to those that are there now."""
        with self._open() as files:
            for topic in (INPUT, *OUTPUTS):
                async for record in _records(evidence.bootstrap, f"{evidence.prefix}{topic}"):
                    self._deal(files, topic, record)

    def deal(self, topic: str, records: Iterable[Record]) -> None:
        """Deal records that somebody has read."""
        with self._open() as files:
            for record in records:
                self._deal(files, topic, record)

    def _deal(self, files: list[IO[bytes]], topic: str, record: Record) -> None:
        told = record.json
        call_id = told.get("call_id") if isinstance(told, dict) else None
        if not isinstance(call_id, str) or _unreadable(topic, record):
            call_id = ""
        self._put(files, call_id, (topic, record))

    def read(self) -> Iterator[tuple[int, Witnesses]]:
        """Return slice by slice what was dealt."""
        for number, path in enumerate(self._paths):
            found: dict[str, list[Any]] = {"requests": [], **{topic: [] for topic in (INPUT, *OUTPUTS)}}
            with path.open("rb") as file:
                while True:
                    try:
                        kind, item = pickle.load(file)
                    except EOFError:
                        break
                    found[kind].append(item)
            yield (
                number,
                Witnesses(
                    tuple(found[INPUT]), tuple(found["requests"]), *(tuple(found[topic]) for topic in OUTPUTS)
                ),
            )

    def remove(self) -> None:
        """Remove the files."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _open(self) -> "_Files":
        return _Files(self._paths)

    def _put(self, files: list[IO[bytes]], call_id: str, item: tuple[str, Record | Seen]) -> None:
        pickle.dump(item, files[self._slice(call_id)], pickle.HIGHEST_PROTOCOL)

    def _slice(self, call_id: str) -> int:
        return crc32(call_id.encode(errors="surrogatepass")) % len(self._paths)

    def _look_at_key(self, seen: Seen) -> None:
        mine = self._slice(seen.call_id)
        if self._of_key.setdefault(seen.key, mine) != mine:
            found = f"key {seen.key} of {seen.path} is shared with another call"
            self.shared_keys.append(Violation("key", seen.call_id, found))


def _unreadable(topic: str, record: Record) -> bool:
    """Whether a record is no event, or the dead letter of one: these belong together, and to no call."""
    if topic == "dead-letters":
        return record.said.get("reason") == "unreadable"
    try:
        if topic == INPUT:
            read(record)
    except Unreadable:
        return True
    return False


class _Files:
    """The files of all slices, open to add to them."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._owner = ExitStack()

    def __enter__(self) -> list[IO[bytes]]:
        return [self._owner.enter_context(path.open("ab")) for path in self._paths]

    def __exit__(self, *_: object) -> None:
        self._owner.close()


async def _records(bootstrap: str, topic: str) -> AsyncIterator[Record]:
    count = topics_seen(bootstrap)[topic]
    partitions = [TopicPartition(topic, number) for number in range(count)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=1 << 24,
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while [each for each in partitions if await consumer.position(each) < ends[each]]:
            fetched = await asyncio.wait_for(consumer.getmany(timeout_ms=200, max_records=5000), 60)
            for partition, messages in fetched.items():
                for message in messages:
                    if message.offset < ends[partition]:
                        yield _record(message)
    finally:
        await consumer.stop()


def _record(message: Any) -> Record:
    headers = {name: value.decode(errors="replace") for name, value in message.headers}
    where = (message.topic, message.partition, message.offset)
    return Record(*where, message.timestamp / 1000, message.key, message.value, headers)
