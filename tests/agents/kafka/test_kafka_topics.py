"""Every topic is there, as it ought to be, before the app starts; one that does not fit stops the start."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource

from agents.demo.broker import EmbeddedBroker
from agents.kafka.config import KafkaConfig
from agents.kafka.topics import (
    TopicNames,
    WrongTopic,
    admin,
    configurations,
    count,
    ensure_topics,
    retention,
)
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import create_topics, topics_seen

WEEK = timedelta(days=7)


def installation(bootstrap: str, folder: Path, partitions: int = 3) -> tuple[KafkaConfig, TopicNames]:
    """An installation of its own on this broker."""
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    names = TopicNames(
        call_events=prefix + "call-events",
        workflows=prefix + "workflows",
        call_outcomes=prefix + "call-outcomes",
        delivery_log=prefix + "delivery-log",
        dead_letters=prefix + "dead-letters",
        internal=prefix + "internal",
        changelog=prefix + "calls-changelog",
    )
    return KafkaConfig(bootstrap, prefix, (names.call_events, names.internal), partitions, folder), names


async def configuration(config: KafkaConfig, topic: str) -> Mapping[str, str]:
    """What the broker says of this topic."""
    async with admin(config) as kafka:
        return (await configurations(kafka, [topic]))[topic]


@pytest.mark.kafka
async def test_missing_topics_are_made_with_as_many_partitions_as_asked_for(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    await ensure_topics(config, names, WEEK)
    await ensure_topics(config, names, WEEK)
    seen = topics_seen(kafka.bootstrap)
    assert [seen[name] for name in (names.call_events, names.internal, names.changelog)] == [3, 3, 3]
    assert seen[names.workflows] == 1


@pytest.mark.kafka
async def test_internal_and_changelog_take_the_count_of_the_events_that_are_there(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    create_topics(kafka.bootstrap, {names.call_events: 5})
    await ensure_topics(config, names, WEEK)
    assert topics_seen(kafka.bootstrap)[names.changelog] == 5


@pytest.mark.kafka
async def test_the_changelog_is_compacted_and_never_cut(kafka: ServedBroker, tmp_path: Path) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    await ensure_topics(config, names, WEEK)
    found = await configuration(config, names.changelog)
    assert found["cleanup.policy"] == "compact"
    assert (found["segment.ms"], found["max.compaction.lag.ms"]) == ("600000", "1800000")
    assert (found["delete.retention.ms"], found["max.message.bytes"]) == ("86400000", "3145728")


@pytest.mark.kafka
async def test_the_internal_topic_keeps_what_call_events_keeps(kafka: ServedBroker, tmp_path: Path) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    create_topics(kafka.bootstrap, {names.call_events: 3}, {"retention.ms": "1209600000"})
    await ensure_topics(config, names, timedelta(days=30))
    assert await retention(config, names.internal) == timedelta(days=14)


@pytest.mark.kafka
async def test_partitions_that_do_not_fit_stop_the_start_naming_both(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    create_topics(kafka.bootstrap, {names.call_events: 4, names.changelog: 2})
    with pytest.raises(
        WrongTopic, match=f"'{names.changelog}' has 2 partitions and '{names.call_events}' has 4"
    ):
        await ensure_topics(config, names, WEEK)


@pytest.mark.kafka
async def test_events_kept_longer_than_calls_are_remembered_are_warned_of(
    kafka: ServedBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    with caplog.at_level(logging.WARNING):
        await ensure_topics(config, names, timedelta(days=30))
        assert caplog.messages == []
        await ensure_topics(config, names, timedelta(days=1))
    assert "keeps events for 7d, and calls are remembered for 1d: " in caplog.text
    assert "raise POSTCALL_REMEMBER" in caplog.text


@pytest.mark.kafka
async def test_all_topics_that_would_lose_something_stop_the_start_at_once(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    create_topics(kafka.bootstrap, {names.call_events: 3}, {"cleanup.policy": "compact"})
    create_topics(kafka.bootstrap, {names.changelog: 3}, {"cleanup.policy": "compact,delete"})
    create_topics(kafka.bootstrap, {names.workflows: 2}, {"cleanup.policy": "delete"})
    with pytest.raises(WrongTopic) as stopped:
        await ensure_topics(config, names, WEEK)
    lines = str(stopped.value).splitlines()
    assert [line.partition("; expected")[0] for line in lines] == [
        f"topic '{names.workflows}': found 2 partitions",
        f"topic '{names.call_events}': found cleanup.policy=compact",
        f"topic '{names.changelog}': found cleanup.policy=compact,delete",
        f"topic '{names.workflows}': found cleanup.policy=delete",
    ]
    assert names.internal not in topics_seen(kafka.bootstrap)


@pytest.mark.kafka
async def test_a_topic_of_small_records_is_warned_of(
    kafka: ServedBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, names = installation(kafka.bootstrap, tmp_path)
    create_topics(kafka.bootstrap, {names.dead_letters: 1}, {"max.message.bytes": "1000000"})
    with caplog.at_level(logging.WARNING):
        await ensure_topics(config, names, timedelta(days=30))
    assert f"topic '{names.dead_letters}': found max.message.bytes=1000000; expected at least" in caplog.text


class OneOfThree:
    """The part of an admin client that asks for configurations; its broker learns of one topic late."""

    def __init__(self, late: str) -> None:
        self.late, self.asked = late, list[list[str]]()

    async def describe_configs(self, resources: list[ConfigResource]) -> list[Any]:
        names = [each.name for each in resources]
        self.asked.append(names)
        unknown = {self.late} if len(self.asked) == 1 else set()
        entries = [("cleanup.policy", "compact")]
        told = [(3, "unknown", 2, n, []) if n in unknown else (0, None, 2, n, entries) for n in names]
        return [type("Answer", (), {"resources": told})()]


async def test_a_broker_that_does_not_know_a_new_topic_yet_is_asked_again() -> None:
    admin_client = OneOfThree(late="b")
    found = await configurations(cast(AIOKafkaAdminClient, admin_client), ["a", "b"])
    assert found == {"a": {"cleanup.policy": "compact"}, "b": {"cleanup.policy": "compact"}}
    assert admin_client.asked == [["a", "b"], ["b"]]


class LeaderMoving:
    """The part of an admin client that describes topics; a partition is without a leader at the first question."""

    def __init__(self) -> None:
        self.asked = 0

    async def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        self.asked += 1
        leader = -1 if self.asked == 1 else 3
        return [{"topic": name, "error_code": 0, "partitions": [{"leader": leader}] * 2} for name in topics]


async def test_a_worker_that_starts_while_a_leader_moves_asks_again() -> None:
    assert await count(cast(AIOKafkaAdminClient, LeaderMoving()), "call-events") == 2


async def test_on_the_embedded_broker_topics_come_by_asking_for_them(tmp_path: Path) -> None:
    config, names = installation("", tmp_path)
    wanted = {names.call_events: 3, names.internal: 3, names.changelog: 3, names.workflows: 1}
    with EmbeddedBroker(topics=wanted) as broker:
        config = replace(config, broker=broker.bootstrap, embedded=True)
        await ensure_topics(config, names, WEEK)
        assert names.dead_letters in topics_seen(broker.bootstrap)
