"""The brokers: how many there are, what they speak, and whether a record is safe with them."""

from collections.abc import Iterator
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from agents.checks.finding import Finding, ok, warn
from agents.kafka.config import KafkaConfig
from agents.kafka.version import at_least

COPIES: Final = 3
"""Brokers that production needs, so that one may be lost (6-reliability.md)."""


async def look_at_broker(kafka: AIOKafkaAdminClient, config: KafkaConfig) -> Iterator[Finding]:
    """Look at a cluster that has answered."""
    cluster = await kafka.describe_cluster()
    brokers = cluster["brokers"]
    found = [
        ok("broker", "reachable", f"{len(brokers)} of cluster {cluster['cluster_id']} at {config.broker}")
    ]
    if config.embedded:
        found.append(ok("broker", "version", "librdkafka's test cluster, which is no Kafka"))
        return iter(found)
    release = at_least(kafka)
    if release is None:
        asked = "Kafka 2.8 or later, on which this is tested"
        found.append(warn("broker", "version", "a Kafka older than 2.8", asked, "upgrade the brokers"))
    else:
        found.append(ok("broker", "version", f"Kafka {release} or later"))
    if len(brokers) < COPIES:
        asked = f"{COPIES} in production, with min.insync.replicas=2: what one broker loses is lost"
        found.append(warn("broker", "copies", _count(len(brokers)), asked, "add brokers"))
    return iter(found)


def _count(brokers: int) -> str:
    return "1 broker" if brokers == 1 else f"{brokers} brokers"
