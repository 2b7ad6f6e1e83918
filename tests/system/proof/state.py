"""Whether the state of calls ever went back: what the changelog says, row by row and batch by batch.

Each row of a call holds the fingerprints of all events that were ever folded into it, so a later row that lacks
some was made from an older state. And a worker that others have succeeded writes no batch before it has its
partitions again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from agents.ledger.witnesses import Record, Seen
from schemas import keys, wire
from tests.system.documents import SIGNATURE
from tests.system.proof.scene import Freeze

LEASE_SECONDS = 4.2
"""Seven tenths of the session of `workers.QUICK`."""

_FINGERPRINT = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were written at once: by which producer, and when that made them, seconds since 1970."""

    offset: int
    producer: int
    at: float


def regressions(changelog: Iterable[Record]) -> Iterator[str]:
    """Rows of calls that lack what a row before them had."""
    known: dict[str, frozenset[bytes]] = {}
    for record in sorted(changelog, key=lambda each: (each.partition, each.offset)):
        if record.key is None or record.key[:1] not in (keys.LIVE, keys.SETTLED) or not record.value:
            continue
        call_id = keys.call_id(record.key)
        seen = _fingerprints(wire.read_call(record.value).seen)
        if lost := known.get(call_id, frozenset()) - seen:
            yield f"{record.where}: the row of {call_id} lacks {len(lost)} events that a row before it had"
        known[call_id] = seen


def _fingerprints(seen: bytes) -> frozenset[bytes]:
    return frozenset(seen[at : at + _FINGERPRINT] for at in range(0, len(seen), _FINGERPRINT))


def batches(segments: Iterable[Path]) -> list[Batch]:
    """The batches of a partition, from its segments on the broker's disk."""
    found = []
    for segment in sorted(segments):
        records = MemoryRecords(segment.read_bytes())
        while (batch := records.next_batch()) is not None:
            assert isinstance(batch, DefaultRecordBatch)
            found.append(Batch(batch.base_offset, batch.producer_id, batch.first_timestamp / 1000))
    return found


def late_batches(written: Sequence[Batch], freezes: Iterable[Freeze]) -> Iterator[str]:
    """Batches of a partition that a worker made before it had the partition again, after another's."""
    for freeze in freezes:
        met: set[int] = set()
        succeeded: set[int] = set()
        for batch in written:
            if batch.producer in succeeded and batch.at < freeze.landless:
                yield f"offset {batch.offset}: a batch of a former owner, after {freeze.worker} was succeeded"
            if batch.at > freeze.since:
                succeeded |= met - {batch.producer}
            met.add(batch.producer)


def late_requests(requests: Iterable[Seen], freezes: Iterable[Freeze]) -> Iterator[str]:
    """Requests of a worker that had no lease any more."""
    made = list(requests)
    for freeze in freezes:
        for seen in made:
            if seen.headers.get(SIGNATURE) != freeze.worker:
                continue
            if freeze.since + LEASE_SECONDS < seen.at < freeze.landless:
                after = seen.at - freeze.thawed
                yield f"{seen.path} of {seen.call_id} by {freeze.worker}, {after:.3f} s after it went on"
