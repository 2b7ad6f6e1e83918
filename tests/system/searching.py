"""Where something that must not be anywhere could be: topics, rows, files; and in which spellings."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import rocksdict

from agents.ledger.spellings import spellings
from agents.ledger.topics import read_topics
from agents.ledger.witnesses import Record
from tests.system.kafka_topics import topics_seen
from tests.system.workers import Setting

Found = tuple[str, bytes]
"""Where it was found (for people), and what is there."""


def records(setting: Setting) -> dict[str, tuple[Record, ...]]:
    """All records of all topics of a run, by the name of the topic."""
    names = [name for name in topics_seen(setting.bootstrap) if name.startswith(setting.name)]
    return read_topics({"bootstrap.servers": setting.bootstrap}, names)


def in_topics(topics: dict[str, tuple[Record, ...]]) -> Iterator[Found]:
    """Keys, values and headers."""
    for name, read in topics.items():
        for one in read:
            where = f"{name}/{one.partition}@{one.offset}"
            yield where, b"\n".join((one.key or b"", one.value or b"", json.dumps(one.headers).encode()))


def latest(read: Iterable[Record]) -> list[Record]:
    """The last record of each key, as compaction leaves it; tombstones are gone."""
    kept = {(one.partition, one.key): one for one in sorted(read, key=lambda one: one.offset)}
    return [one for one in kept.values() if one.value is not None]


def in_rows(folder: Path) -> Iterator[Found]:
    """Every row of every RocksDB below a folder whose worker has stopped."""
    for current in folder.rglob("CURRENT"):
        rows = rocksdict.Rdict(str(current.parent), options=rocksdict.Options(raw_mode=True))
        try:
            for key, value in rows.items():
                yield f"{current.parent.name}: {key!r}", key + b"\n" + value
        finally:
            rows.close()


def in_files(*folders: Path) -> Iterator[Found]:
    """Every file below some folders, or a file itself, byte by byte."""
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()


def leaks(haystack: Iterable[Found], planted: Iterable[str]) -> set[tuple[str, str]]:
    """What was found where it must not be: (planted text, where)."""
    needles = [(text, one) for text in planted for one in spellings(text)]
    return {(text, where) for where, content in haystack for text, one in needles if one in content}
