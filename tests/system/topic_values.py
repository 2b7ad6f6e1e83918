"""All that is on a topic now, by librdkafka."""

import uuid
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition


class Written(NamedTuple):
    """A record as it lies on a topic."""

    partition: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def written(bootstrap: str, topic: str) -> Iterator[Written]:
    """The records of a topic up to where it ends now, a partition after the other."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "log_level": 2})
    try:
        count = len(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        for partition in range(count):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, low)])
            while low < high:
                record = consumer.poll(10)
                assert record is not None, (
                    f"{topic}[{partition}] ends at {high}, and nothing comes from {low}"
                )
                assert record.error() is None
                low = record.offset() + 1
                yield Written(partition, record.key(), record.value() or b"", tuple(record.headers() or ()))
    finally:
        consumer.close()
