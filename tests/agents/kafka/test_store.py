"""The local copy is a prefix of the changelog, on disk or rebuilt."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import rocksdict
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.changelog import Row
from agents.kafka.config import KafkaConfig
from agents.kafka.disk import DiskFailed, prepare
from agents.kafka.store import TOO_OLD, Store, after, cache

DAY = timedelta(days=1).total_seconds()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 40 * 365 * DAY

    def __call__(self) -> float:
        return self.seconds


class LocalStore(Store):
    """A store in a folder, without an app around it."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder, self._clock, self._cache_bytes = folder, clock, 1 << 20
        self._dbs = {}

    def partition_path(self, partition: int) -> Path:
        return self._folder / f"calls-{partition}.db"


@pytest.fixture
def clock() -> Clock:
    """The clock of the test."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[LocalStore]:
    """An empty store."""
    opened = LocalStore(tmp_path, clock)
    yield opened
    opened._dbs.clear()


def reopened(store: LocalStore) -> LocalStore:
    """The same folder after a restart."""
    store._dbs.clear()
    return LocalStore(store._folder, store._clock)


def stored(key: bytes, value: bytes | None = b"1") -> Row:
    """A row of no particular step."""
    return Row(key, value, 1)


def offset_of(store: LocalStore) -> bytes | None:
    """The changelog offset that the disk remembers."""
    found = store._db_for_partition(0).get(store.offset_key)
    return bytes(found) if found is not None else None


def test_rows_and_changelog_offset_survive_together(store: LocalStore) -> None:
    store.apply(0, [stored(b"la"), stored(b"lb")], offset=7)
    store.apply(0, [stored(b"la", None)], offset=8)
    again = reopened(store)
    assert (again.read(0, b"la"), again.read(0, b"lb"), offset_of(again)) == (None, b"1", b"8")


def test_a_batch_whose_offset_kafka_forgot_does_not_move_the_offset(store: LocalStore) -> None:
    store.apply(0, [stored(b"la")], offset=7)
    store.apply(0, [stored(b"lb")], offset=-1)
    assert (store.read(0, b"lb"), offset_of(store)) == (b"1", b"7")


def _bounded(end: bytes) -> rocksdict.ReadOptions:
    options = rocksdict.ReadOptions()
    options.set_iterate_upper_bound(end)
    return options


def test_a_scan_ends_with_its_prefix_whatever_becomes_of_memory_meanwhile(store: LocalStore) -> None:
    prefix = b"p\0\4call"
    store.apply(0, [stored(prefix + b"%d" % number) for number in range(9)], 9)
    scan = store.scan(0, prefix)
    others = [_bounded(b"a" * len(prefix)) for _ in range(99)]
    found = [next(scan)]
    others += [_bounded(b"a" * len(prefix)) for _ in range(99)]
    assert len([*found, *scan]) == 9


def test_a_scan_reads_its_own_kind_of_row_only(store: LocalStore) -> None:
    store.apply(0, [stored(key) for key in (b"la", b"lb", b"pa", b"sa")], offset=3)
    assert [key for key, _ in store.scan(0, b"l")] == [b"la", b"lb"]


def test_a_copy_that_may_have_missed_tombstones_is_rebuilt(store: LocalStore, clock: Clock) -> None:
    store.apply(0, [stored(b"la")], offset=7)
    clock.seconds += TOO_OLD.total_seconds() + 1
    again = reopened(store)
    assert (again.read(0, b"la"), offset_of(again)) == (None, None)


def test_a_copy_of_an_hour_ago_is_kept(store: LocalStore, clock: Clock) -> None:
    store.apply(0, [stored(b"la")], offset=7)
    clock.seconds += 3600
    assert reopened(store).read(0, b"la") == b"1"


def test_a_corrupt_copy_is_rebuilt(store: LocalStore) -> None:
    store.apply(0, [stored(b"la")], offset=7)
    store._dbs.clear()
    for file in store.partition_path(0).glob("MANIFEST-*"):
        file.write_bytes(b"nonsense" * 100)
    assert reopened(store).read(0, b"la") is None


def test_a_copy_that_lost_files_is_rebuilt(store: LocalStore) -> None:
    for lost in ("MANIFEST-*", "CURRENT", "*.sst"):
        store.apply(0, [stored(b"la")], offset=7)
        store._db_for_partition(0).flush()
        store._dbs.clear()
        for file in store.partition_path(0).glob(lost):
            file.unlink()
        again = LocalStore(store._folder, store._clock)
        assert (again.read(0, b"la"), offset_of(again)) == (None, None)
        again._dbs.clear()


def _flip_a_block_in_the_middle(store: LocalStore) -> LocalStore:
    """Ten thousand rows, of which one block cannot be read, reopened."""
    store.apply(0, [stored(b"l%05d" % number, b"%d" % number * 40) for number in range(10_000)], offset=7)
    store._db_for_partition(0).flush()
    store._dbs.clear()
    (table,) = store.partition_path(0).glob("*.sst")
    content = bytearray(table.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 100):
        content[place] ^= 0xFF
    table.write_bytes(content)
    return LocalStore(store._folder, store._clock)


def test_a_scan_that_meets_a_corrupt_block_does_not_end_as_if_there_were_no_more(store: LocalStore) -> None:
    again = _flip_a_block_in_the_middle(store)
    with pytest.raises(DiskFailed, match=r"calls-0.db corrupt .*rebuilt"):
        list(again.scan(0, b"l"))


def test_a_copy_that_was_found_corrupt_is_rebuilt_at_the_next_start_and_once(store: LocalStore) -> None:
    again = _flip_a_block_in_the_middle(store)
    with pytest.raises(DiskFailed, match="Corruption"):
        for number in range(10_000):
            again.read(0, b"l%05d" % number)
    after_it = reopened(again)
    assert (after_it.read(0, b"l00001"), offset_of(after_it)) == (None, None)
    after_it.apply(0, [stored(b"la")], offset=8)
    assert reopened(after_it).read(0, b"la") == b"1"


def test_copies_beside_a_corrupt_one_are_not_trusted_either(store: LocalStore) -> None:
    store.apply(1, [stored(b"la")], offset=3)
    again = _flip_a_block_in_the_middle(store)
    with pytest.raises(DiskFailed):
        list(again.scan(0, b"l"))
    assert reopened(again).read(1, b"la") is None


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskFailed, match=r"directory .*file/data .*POSTCALL_DATA_DIR"):
        prepare(tmp_path / "file" / "data")


def test_a_locked_copy_is_not_taken_for_a_corrupt_one(store: LocalStore) -> None:
    store.apply(0, [stored(b"la")], offset=7)
    with pytest.raises(Exception, match="lock"):
        LocalStore(store._folder, store._clock).read(0, b"la")
    assert store.read(0, b"la") == b"1"


def test_all_partitions_share_one_cache() -> None:
    assert isinstance(cache(1 << 20), rocksdict.Cache)
    assert cache(1 << 20) is cache(1 << 20)


def test_the_lease_is_shorter_than_the_session_and_outlives_a_lost_heartbeat(tmp_path: Path) -> None:
    config = KafkaConfig("127.0.0.1:9092", "postcall", ("call-events",), 8, tmp_path)
    assert 2 * config.heartbeat < config.lease < config.session_timeout


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_the_end_of_a_prefix_is_behind_its_keys_and_before_all_others(prefix: bytes, key: bytes) -> None:
    end = after(prefix)
    inside = key.startswith(prefix)
    assert inside == (prefix <= key and (end is None or key < end))
