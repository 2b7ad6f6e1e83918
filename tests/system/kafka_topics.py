"""Topics and records of a broker, by librdkafka: a client that the product itself does not use."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import OFFSET_END, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

QUIET = {"log_level": 0, "socket.timeout.ms": 10_000}
"""librdkafka else prints a line for every connection that a stopped broker ends."""

_CREATE_SECONDS = 30.0

Record = tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]
"""A record to write: key, value, headers."""


def brokers_seen(bootstrap: str, seconds: float = 2.0) -> int:
    """Return how many brokers the cluster's metadata lists; 0 when nobody answers in time."""
    try:
        return len(_admin(bootstrap).list_topics(timeout=seconds).brokers)
    except KafkaException:
        return 0


def topics_seen(bootstrap: str, seconds: float = 10.0) -> dict[str, int]:
    """Return the topics of a cluster and how many partitions each has."""
    topics = _admin(bootstrap).list_topics(timeout=seconds).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def create_topics(
    bootstrap: str, topics: Mapping[str, int], settings: Mapping[str, str] | None = None, copies: int = -1
) -> None:
    """Create topics with so many partitions each, and wait until the metadata shows them.

    `copies` -1 takes the broker's default. A creation that a young cluster dropped is asked for again.
    """
    admin = _admin(bootstrap)
    until = time.monotonic() + _CREATE_SECONDS
    while missing := set(topics) - set(admin.list_topics(timeout=10).topics):
        asked = [
            NewTopic(name, topics[name], copies, config=dict(settings or {})) for name in sorted(missing)
        ]
        faults = [
            fault
            for fault in map(_fault_of, admin.create_topics(asked, operation_timeout=10).values())
            if fault
        ]
        if faults and time.monotonic() > until:
            raise TimeoutError(f"topics not created within {_CREATE_SECONDS} s: {faults}")


def produce(bootstrap: str, topic: str, records: Iterable[Record]) -> int:
    """Write records with an idempotent producer; return how many, once the broker has them all.

    The partition of a key is murmur2's, as Java clients and aiokafka choose it.
    """
    producer = Producer(
        {
            **QUIET,
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 5,
            "partitioner": "murmur2_random",
            "message.max.bytes": 16_000_000,
        }
    )
    count = 0
    for key, value, headers in records:
        producer.produce(topic, value, key, headers=headers)
        producer.poll(0)
        count += 1
    if left := producer.flush(60):
        raise TimeoutError(f"{left} of {count} records for {topic} not acknowledged within 60 s")
    return count


def empty(bootstrap: str, topic: str, partition: int) -> None:
    """Delete every record of a partition, as retention does in its time."""
    admin = _admin(bootstrap)
    everything = TopicPartition(topic, partition, OFFSET_END)
    for deletion in admin.delete_records([everything]).values():
        deletion.result(30)


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({**QUIET, "bootstrap.servers": bootstrap})


def _fault_of(creation: Future[None]) -> str:
    try:
        creation.result(30)
    except KafkaException as fault:
        return str(fault)
    return ""
