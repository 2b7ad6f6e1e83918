"""RocksDB under Faust: a copy of the changelog's prefix, never ahead of it, never too old."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import faust
import rocksdict
from faust.stores import rocksdb
from faust.types import TP, EventT

from agents import failpoints
from agents.kafka.changelog import Row
from agents.kafka.disk import failed, is_corrupt, mark_of

if TYPE_CHECKING:
    from agents.kafka.app import App

log = logging.getLogger(__name__)

"""Shared by all partitions; Faust's default is 2 GiB for each."""

WRITE_BUFFER_BYTES = 8 * 1024 * 1024
"""For each partition, twice at most."""

OPEN_FILES = 256
"""For each partition."""

TOO_OLD = timedelta(hours=12)
"""A copy not written for so long is rebuilt: the changelog forgets tombstones after a day, and a row
whose tombstone was missed would come back to life."""

WRITTEN_AT = b"__postcall\0written_at__"
"""The key of the time of the last write, in seconds since the epoch. No row begins with `_`."""


class CallsTable(faust.Table[bytes, bytes]):
    """The table `calls`. Faust recovers it; `Rows` reads and writes it."""

    app: "App"

    def _new_store(self) -> "Store":
        return Store(
            self.app.conf.store,
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            key_serializer="raw",
            value_type=bytes,
            value_serializer="raw",
            loop=self.loop,
            cache_bytes=self.app.kafka.cache_bytes,
        )

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Open the recovered partitions and tell the engine, before the streams resume."""
        await super().on_recovery_completed(active_tps, standby_tps)
        await self.app.recovered(frozenset(tp.partition for tp in active_tps))

    def recover(self, partition: int, records: Sequence[Any]) -> None:
        """Apply records that recovery or a standby has read of a partition, in their order.

        Faust would put each through a queue of its own, and log a full disk as a warning and read on.
        """
        try:
            rows = (Row(record.key, record.value, 0) for record in records)
            cast(Store, self.data).apply(partition, rows, records[-1].offset)
        except Exception as reason:
            self.app.fitness.lost("a recovered batch of rows", reason)
            raise
        failpoints.hit("batch-recovered")

    def apply_changelog_batch(self, batch: Iterable[EventT[bytes]]) -> None:
        """Do nothing: what Faust is shown is on disk already, see `recover`."""


class Store(rocksdb.Store):
    """One RocksDB a partition, read and written by partition instead of by the event in work."""

    def __init__(
        self,
        *args: Any,
        clock: Callable[[], float] = time.time,
        cache_bytes: int = 256 * 1024 * 1024,
        **options: Any,
    ) -> None:
        self._clock, self._cache_bytes = clock, cache_bytes
        super().__init__(*args, **options)

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value on disk. Raises DiskFailed."""
        copy = self._db_for_partition(partition)
        try:
            return cast(bytes | None, copy.get(key))
        except Exception as reason:
            raise failed(self.partition_path(partition), reason) from reason

    def scan(self, partition: int, prefix: bytes, since: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows on disk whose key begins with `prefix`, in order, from the key `since` on; others are
        not touched.

        Raises:
            DiskFailed: at a corrupt block. (rocksdict's `items()` would end there as if there were no more.)
        """
        bound = rocksdict.ReadOptions()
        if (end := after(prefix)) is not None:
            bound.set_iterate_upper_bound(end)
        # RocksDB's iterator reads the bound where it lies in `bound`, which must live as long as it.
        found = self._db_for_partition(partition).iter(bound)
        found.seek(max(prefix, since))
        while found.valid():
            yield found.key(), found.value()
            found.next()
        try:
            found.status()
        except Exception as reason:
            raise failed(self.partition_path(partition), reason) from reason

    def persisted_offset(self, tp: TP) -> int | None:
        """The offset of the changelog up to which the copy reaches."""
        offset = self.read(tp.partition, self.offset_key)
        return None if offset is None else int(offset)

    def apply(self, partition: int, rows: Iterable[Row], offset: int) -> None:
        """Write rows, offset and time in one go: a crash leaves all or nothing."""
        self._write(partition, ((row.key, row.value) for row in rows), offset)

    def _write(self, partition: int, rows: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
        together = rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                together.delete(key)
            else:
                together.put(key, value)
        if offset >= 0:
            together.put(self.offset_key, b"%d" % offset)
        together.put(WRITTEN_AT, b"%d" % self._clock())
        copy = self._db_for_partition(partition)
        try:
            copy.write(together)
        except Exception as reason:
            raise failed(self.partition_path(partition), reason) from reason

    def _open_for_partition(self, partition: int) -> rocksdict.Rdict:
        path = self.partition_path(partition)
        if mark_of(path).exists():
            return self._start_afresh(path, "it was found corrupt")
        try:
            copy = rocksdict.Rdict(str(path), options=options(self._cache_bytes))
        except Exception as reason:
            if "lock" in str(reason):
                raise  # Faust waits for whoever has it
            if not is_corrupt(path, reason):
                raise failed(path, reason) from reason
            return self._start_afresh(path, f"it is corrupt ({reason})")
        unfit = self._why_unfit(path, copy)
        if unfit is None:
            return copy
        copy.close()
        del copy
        return self._start_afresh(path, unfit)

    def _why_unfit(self, path: Path, copy: rocksdict.Rdict) -> str | None:
        try:
            written_at = copy.get(WRITTEN_AT)
        except Exception as reason:
            if not is_corrupt(path, reason):
                raise failed(path, reason) from reason
            return f"it is corrupt ({reason})"
        age = self._clock() - int(written_at) if written_at else 0.0
        return None if abs(age) <= TOO_OLD.total_seconds() else f"it was last written {age / 3600:.1f} h ago"

    def _start_afresh(self, path: Path, why: str) -> rocksdict.Rdict:
        log.warning("the local copy %s is rebuilt from the changelog: %s", path.name, why)
        if path.exists():
            shutil.rmtree(path)
        mark_of(path).unlink(missing_ok=True)
        return rocksdict.Rdict(str(path), options=options(self._cache_bytes))


def after(prefix: bytes) -> bytes | None:
    """The first key behind all keys that begin with `prefix`; None when there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


@lru_cache(maxsize=1)
def cache(size: int) -> rocksdict.Cache:
    """The one block cache of this process, in bytes."""
    return rocksdict.Cache(size)


def options(cache_bytes: int) -> rocksdict.Options:
    """How a partition's RocksDB is opened."""
    blocks = rocksdict.BlockBasedOptions()
    blocks.set_block_cache(cache(cache_bytes))
    blocks.set_bloom_filter(10, block_based=False)
    chosen = rocksdict.Options(raw_mode=True)
    chosen.create_if_missing(True)
    chosen.set_block_based_table_factory(blocks)
    chosen.set_write_buffer_size(WRITE_BUFFER_BYTES)
    chosen.set_max_write_buffer_number(2)
    chosen.set_max_open_files(OPEN_FILES)
    chosen.set_keep_log_file_num(2)
    return chosen
