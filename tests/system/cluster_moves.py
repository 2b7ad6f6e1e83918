"""What an operator may do to a cluster under way: move leaders and coordinators, change what a topic demands."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.system.kafka_topics import QUIET

_SECONDS = 20.0


def coordinator_of(bootstrap: str, group: str) -> int:
    """Return the number of the broker that coordinates a group, once there is one."""
    return asyncio.run(_coordinator(bootstrap, group))


async def _coordinator(bootstrap: str, group: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        until = time.monotonic() + _SECONDS
        while True:
            try:
                return int(await admin.find_coordinator(group))
            except Exception:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


def leaders_of(bootstrap: str, prefix: str) -> dict[tuple[str, int], int]:
    """Return which broker leads each partition of the topics whose names begin so."""
    topics = AdminClient({**QUIET, "bootstrap.servers": bootstrap}).list_topics(timeout=10).topics
    return {
        (name, number): partition.leader
        for name, topic in topics.items()
        if name.startswith(prefix)
        for number, partition in topic.partitions.items()
    }


def elect_preferred(bootstrap: str) -> None:
    """Let every partition be led by its preferred broker; return when all are."""
    admin = AdminClient({**QUIET, "bootstrap.servers": bootstrap})
    partitions = [TopicPartition(*each) for each in leaders_of(bootstrap, "")]
    until = time.monotonic() + _SECONDS
    while True:
        found = admin.elect_leaders(ElectionType.PREFERRED, partitions).result(60)
        faults = [fault for fault in found.values() if fault and fault.name() != "ELECTION_NOT_NEEDED"]
        if not faults:
            return
        if time.monotonic() > until:
            raise TimeoutError(f"found leaders that could not be elected within {_SECONDS} s: {faults}")
        time.sleep(0.3)


@contextmanager
def stored_with(bootstrap: str, topic: str, name: str, value: str) -> Iterator[None]:
    """Set one setting of a topic, and take it back."""
    _alter(bootstrap, topic, ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    try:
        yield
    finally:
        _alter(bootstrap, topic, ConfigEntry(name, None, incremental_operation=AlterConfigOpType.DELETE))


def _alter(bootstrap: str, topic: str, entry: ConfigEntry) -> None:
    admin = AdminClient({**QUIET, "bootstrap.servers": bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    until = time.monotonic() + _SECONDS
    while True:
        try:
            for done in admin.incremental_alter_configs([resource]).values():
                done.result(10)
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.3)
        else:
            return
