"""Make and check every topic before the app starts.

Faust creates no source topics. One that is missing at the start is ignored, and the worker idles,
"Ready", until the client's next look at the metadata, five minutes later.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from agents.kafka.config import KafkaConfig
from agents.kafka.names import TopicNames
from agents.kafka.topic_checks import MOST_BYTES, misfits, too_small
from schemas.spans import span_text

__all__ = ["Topic", "TopicNames", "WrongTopic", "admin", "counts", "ensure_topics", "retention", "security"]

log = logging.getLogger(__name__)

APPEAR_PATIENCE = 30.0
"""Seconds for a new topic to be known, with a leader for each partition."""

LOOK_AGAIN = 0.1
"""Seconds between two looks."""


class WrongTopic(RuntimeError):
    """Topics are not what the engine needs, a line each; only their operator can say what is to be done."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it ought to be; one that exists keeps its configuration, and is checked."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def milliseconds(span: timedelta) -> str:
    """A span as Kafka's configuration spells it."""
    return str(int(span.total_seconds() * 1000))


OWN = {"max.message.bytes": str(MOST_BYTES)}
EVENTS = {**OWN, "cleanup.policy": "delete"}  # for as long as the broker keeps topics by default
OUTPUT = {**OWN, "cleanup.policy": "delete", "retention.ms": milliseconds(timedelta(days=30))}
CHANGELOG = {
    **OWN,
    "cleanup.policy": "compact",  # never "compact,delete": recovery waits for ever for a removed tail
    "segment.ms": milliseconds(timedelta(minutes=10)),
    "max.compaction.lag.ms": milliseconds(timedelta(minutes=30)),
    "delete.retention.ms": milliseconds(timedelta(hours=24)),
    "min.cleanable.dirty.ratio": "0.1",
}


def wanted(names: TopicNames, partitions: int, internal_retention: timedelta | None) -> tuple[Topic, ...]:
    """All topics of an installation. `internal_retention`: at least that of call-events, whose forwarded
    events live only there; None keeps them for ever."""
    kept = "-1" if internal_retention is None else milliseconds(internal_retention)
    internal = {**OWN, "cleanup.policy": "delete", "retention.ms": kept}
    return (
        Topic(names.call_events, partitions, EVENTS),
        Topic(names.internal, partitions, internal),
        Topic(names.changelog, partitions, CHANGELOG),
        Topic(names.workflows, 1, {**OWN, "cleanup.policy": "compact"}),
        Topic(names.call_outcomes, partitions, OUTPUT),
        Topic(names.delivery_log, partitions, OUTPUT),
        Topic(names.dead_letters, partitions, OUTPUT),
    )


async def ensure_topics(
    config: KafkaConfig, names: TopicNames, remember: timedelta, replication: int = -1
) -> None:
    """Create what is missing and check what is there.

    `config.partitions` is for a call-events that does not exist yet; one that exists decides for the
    internal topic and the changelog. Warns when call-events keeps events longer than `remember`, and of
    topics that would refuse large records. The embedded broker's topics have no configuration to look at.

    Raises:
        WrongTopic: partitions or configuration of a topic do not fit, and something would be lost.
    """
    async with admin(config) as kafka:
        if config.embedded:
            await _appear(kafka, wanted(names, config.partitions, None))
            await _check(kafka, names, config)
        else:
            await _check(kafka, names, config)  # before anything is made after a wrong example
            await _create(kafka, [Topic(names.call_events, config.partitions, EVENTS)], replication)
            partitions = await count(kafka, names.call_events)
            kept = await _retention(kafka, names.call_events)
            await _create(kafka, wanted(names, partitions, kept), replication)
            _warn_of_forgetting(names.call_events, kept, remember)
            for line in await _check(kafka, names, config):
                log.warning(line)


async def ensure_sources(config: KafkaConfig, topics: Sequence[str], replication: int = -1) -> dict[str, int]:
    """How many partitions topics of others have; those that are missing are created as call-events would be."""
    async with admin(config) as kafka:
        if config.embedded:
            await _appear(kafka, [Topic(topic, config.partitions) for topic in topics])
        else:
            await _create(kafka, [Topic(topic, config.partitions, EVENTS) for topic in topics], replication)
        return {topic: await count(kafka, topic) for topic in topics}


@asynccontextmanager
async def admin(config: KafkaConfig) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=config.broker, request_timeout_ms=30_000, **security(config)
    )
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def security(config: KafkaConfig) -> dict[str, Any]:
    """What an aiokafka client has to be told about TLS and SASL."""
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    return dict(credentials_to_aiokafka_auth(config.credentials, config.ssl_context))


async def counts(kafka: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each topic has; one without a leader for all of them is left out."""
    found = await kafka.describe_topics(list(topics))
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in found
        if topic["error_code"] == NoError.errno and all(part["leader"] >= 0 for part in topic["partitions"])
    }


async def count(kafka: AIOKafkaAdminClient, topic: str) -> int:
    """How many partitions a topic has that is there, also while one of its leaders is just moving.

    Raises:
        WrongTopic: some partition had no leader for `APPEAR_PATIENCE`.
    """
    return (await _led(kafka, [topic]))[topic]


async def partitions_of(config: KafkaConfig, topic: str) -> int:
    """How many partitions a topic has; 0 where there is none, which is not created by asking."""
    async with admin(config) as kafka:
        if topic not in await kafka.list_topics():
            return 0
        return (await counts(kafka, [topic])).get(topic, 0)


async def retention(config: KafkaConfig, topic: str) -> timedelta | None:
    """How long a topic keeps its records; None: for ever, or compacted, or not known."""
    if config.embedded:
        return None
    async with admin(config) as kafka:
        return await _retention(kafka, topic)


async def _retention(kafka: AIOKafkaAdminClient, topic: str) -> timedelta | None:
    entries = (await configurations(kafka, [topic]))[topic]
    if "delete" not in entries.get("cleanup.policy", "delete"):
        return None
    kept = int(entries.get("retention.ms", "-1"))
    return timedelta(milliseconds=kept) if kept >= 0 else None


async def configurations(kafka: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """The configuration of each of these topics, which are there."""
    found: dict[str, dict[str, str]] = {}
    try:
        async with asyncio.timeout(APPEAR_PATIENCE):
            while missing := [topic for topic in topics if topic not in found]:
                found |= await _told(kafka, missing)
                if len(found) < len(topics):
                    await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        raise WrongTopic(
            f"no broker told the configuration of {missing} within {APPEAR_PATIENCE:.0f} s; expected it at once"
        ) from None
    return found


async def _told(kafka: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """The configurations that a broker knows: of a new topic not every one of several knows at once."""
    told: dict[str, dict[str, str]] = {}
    for answer in await kafka.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    ):
        for code, message, _, topic, entries in answer.resources:
            if code not in (NoError.errno, UnknownTopicOrPartitionError.errno):
                raise for_code(code)(message)
            if code == NoError.errno:
                told[topic] = {entry[0]: entry[1] for entry in entries}
    return told


async def _create(kafka: AIOKafkaAdminClient, topics: Sequence[Topic], replication: int) -> None:
    there = await counts(kafka, [topic.name for topic in topics])
    missing = [topic for topic in topics if topic.name not in there]
    if missing:
        new = [_new(topic, replication) for topic in missing]
        answer = await kafka.create_topics(new)
        for name, code, *message in answer.topic_errors:
            if code not in (NoError.errno, TopicAlreadyExistsError.errno):
                raise for_code(code)(f"topic {name!r} cannot be created: {message}")
            log.info("created topic %s", name)
    await _appear(kafka, topics)


def _new(topic: Topic, replication: int) -> NewTopic:
    """Aiokafka refuses the -1 with which a broker is asked for its default; it sends it, though."""
    new = NewTopic(topic.name, topic.partitions, 1, topic_configs=dict(topic.config))
    new.replication_factor = replication
    return new


async def _appear(kafka: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    await _led(kafka, [topic.name for topic in topics])


async def _led(kafka: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each topic has, as soon as all of them have leaders."""
    found: dict[str, int] = {}
    try:
        async with asyncio.timeout(APPEAR_PATIENCE):
            # Kafka tells nobody when a leader is elected.
            while set(topics) - set(found := await counts(kafka, sorted(set(topics)))):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN)
    except TimeoutError:
        absent = sorted(set(topics) - set(found))
        raise WrongTopic(
            f"no leader for {absent} after {APPEAR_PATIENCE:.0f} s; expected one for each partition"
        ) from None
    return found


async def _check(kafka: AIOKafkaAdminClient, names: TopicNames, config: KafkaConfig) -> list[str]:
    """Raise WrongTopic for all that does not fit of the topics that are there; return what is to be said."""
    there = await counts(kafka, [topic.name for topic in wanted(names, 1, None)])
    configured = {} if config.embedded or not there else await configurations(kafka, sorted(there))
    wrong = misfits(names, there, configured, config.broker)
    if wrong:
        raise WrongTopic("\n".join(wrong))
    return too_small(names, configured, config.broker)


def _warn_of_forgetting(topic: str, kept: timedelta | None, remember: timedelta) -> None:
    if kept is None or kept > remember:
        how_long = "for ever" if kept is None else f"for {span_text(kept)}"
        log.warning(
            "%s keeps events %s, and calls are remembered for %s: a replay from its beginning would "
            "deliver the oldest again; raise POSTCALL_REMEMBER",
            topic,
            how_long,
            span_text(remember),
        )
