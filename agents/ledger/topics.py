"""Reads topics whole, or from a time on, up to where they end now: with librdkafka, which the engine does not use."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from agents.ledger.witnesses import Record

Client = Mapping[str, Any]
"""librdkafka's settings: at least `bootstrap.servers`."""

_PATIENCE_SECONDS: Final = 30.0
"""How long the broker may be silent."""

_ANSWER_SECONDS: Final = 10.0
"""How long a broker may take to answer at all."""

_AT_ONCE: Final = 10_000


class NoBroker(ConnectionError):
    """No broker answered in time."""


class NoTopics(LookupError):
    """Topics that are not there; the message names them."""


def read_topics(
    client: Client,
    topics: Sequence[str],
    since: float | None = None,
    about: str | None = None,
    optional: Sequence[str] = (),
) -> dict[str, tuple[Record, ...]]:
    """Return the records of these topics, by topic, from the first (or from a time on) to those that are there now.

    `about` keeps only records that mention a call. A topic that is `optional` may be missing and has none.
    Raises NoBroker, NoTopics, KafkaException.
    """
    settings = {
        "group.id": "postcall-verify",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "log_level": 0,
        "fetch.wait.max.ms": 20,
        **client,
    }
    consumer = Consumer(settings)
    try:
        partitions = _partitions(consumer)
        if missing := [each for each in topics if each not in partitions and each not in optional]:
            raise NoTopics(f"found no topics {', '.join(missing)}; expected them on the broker")
        return {
            topic: tuple(_read_topic(consumer, topic, partitions.get(topic, 0), since, about))
            for topic in topics
        }
    finally:
        consumer.close()


def _partitions(consumer: Consumer) -> dict[str, int]:
    try:
        found = consumer.list_topics(timeout=_ANSWER_SECONDS).topics
    except KafkaException as fault:
        raise NoBroker(str(fault)) from fault
    return {name: len(topic.partitions) for name, topic in found.items()}


def _read_topic(
    consumer: Consumer, topic: str, count: int, since: float | None, about: str | None
) -> list[Record]:
    ends = _stretch(consumer, topic, count, since)
    left = set(ends)
    mentioned = None if about is None else about.encode(errors="surrogatepass")
    records: list[Record] = []
    heard_at = time.monotonic()
    while left:
        for message in consumer.consume(_AT_ONCE, timeout=0.2):
            heard_at = time.monotonic()
            if (fault := message.error()) is not None:
                if fault.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  its only name
                    raise KafkaException(fault)
                left.discard(message.partition() or 0)
                continue
            record = _record(message)
            if record.offset < ends[record.partition] and (mentioned is None or _mentions(record, mentioned)):
                records.append(record)
            if record.offset + 1 >= ends[record.partition]:
                left.discard(record.partition)
        if time.monotonic() - heard_at > _PATIENCE_SECONDS:
            raise NoBroker(f"nothing of {topic} for {_PATIENCE_SECONDS:.0f} s")
    consumer.unassign()
    return records


def _stretch(consumer: Consumer, topic: str, count: int, since: float | None) -> dict[int, int]:
    """Go to where to begin; where each partition ends, of those in which anything is to be read."""
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for number in range(count):
        at = TopicPartition(topic, number)
        begins[number], ends[number] = consumer.get_watermark_offsets(at, timeout=_PATIENCE_SECONDS)
    if since is not None and count:
        asked = [TopicPartition(topic, number, int(since * 1000)) for number in begins]
        for found in consumer.offsets_for_times(asked, timeout=_PATIENCE_SECONDS):
            begins[found.partition] = found.offset if found.offset >= 0 else ends[found.partition]
    left = {number: end for number, end in ends.items() if begins[number] < end}
    consumer.assign([TopicPartition(topic, number, begins[number]) for number in left])
    return left


def _mentions(record: Record, about: bytes) -> bool:
    texts = (record.key or b"", record.value or b"", *(text.encode() for text in record.headers.values()))
    return any(about in text for text in texts)


def _record(message: Message) -> Record:
    headers: Any = message.headers() or []
    texts = {name: (value or b"").decode(errors="replace") for name, value in headers}
    _, milliseconds = message.timestamp()
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        milliseconds / 1000,
        message.key(),
        message.value(),
        texts,
    )
