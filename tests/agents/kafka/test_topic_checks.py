"""A topic that would lose something is named with what was found, what is expected, and how to mend it."""

import pytest

from agents.kafka.names import TopicNames
from agents.kafka.topic_checks import misfits, too_small

NAMES = TopicNames("events", "workflows", "outcomes", "log", "dead", "internal", "changelog")
FITTING = {
    "events": {"cleanup.policy": "delete"},
    "internal": {"cleanup.policy": "delete"},
    "changelog": {"cleanup.policy": "compact"},
    "workflows": {"cleanup.policy": "compact"},
}
COUNTS = {"events": 4, "internal": 4, "changelog": 4, "workflows": 1, "outcomes": 7}


def found(topic: str, policy: str) -> list[str]:
    """What is said when one topic has this policy."""
    return misfits(NAMES, COUNTS, FITTING | {topic: {"cleanup.policy": policy}}, "kafka:9092")


def test_fitting_topics_and_those_that_are_not_there_yet_are_not_spoken_of() -> None:
    assert misfits(NAMES, COUNTS, FITTING, "kafka:9092") == []
    assert misfits(NAMES, {}, {}, "kafka:9092") == []
    assert misfits(NAMES, {"internal": 3}, {}, "kafka:9092") == []


@pytest.mark.parametrize("topic", ["changelog", "workflows"])
@pytest.mark.parametrize("policy", ["delete", "compact,delete", "delete,compact", ""])
def test_what_must_be_compacted_may_not_be_deleted_by_age(topic: str, policy: str) -> None:
    (line,) = found(topic, policy)
    assert line == (
        f"topic '{topic}': found cleanup.policy={policy}; expected compact, as what is deleted by age is lost; "
        "mend it with: kafka-configs.sh --bootstrap-server kafka:9092 --alter --entity-type topics "
        f"--entity-name {topic} --add-config cleanup.policy=compact"
    )


@pytest.mark.parametrize("topic", ["events", "internal"])
@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_events_and_internal_messages_may_not_be_compacted(topic: str, policy: str) -> None:
    (line,) = found(topic, policy)
    assert line.endswith("--add-config cleanup.policy=delete")


@pytest.mark.parametrize("topic", ["outcomes", "log", "dead"])
def test_the_topics_that_others_read_may_be_configured_as_they_like(topic: str) -> None:
    assert found(topic, "compact") == []


def test_documents_have_one_partition_and_internal_and_changelog_those_of_the_events() -> None:
    lines = misfits(NAMES, COUNTS | {"workflows": 3, "changelog": 2, "internal": 8}, FITTING, "kafka:9092")
    assert [line.partition("; expected")[0] for line in lines] == [
        "'internal' has 8 partitions and 'events' has 4",
        "'changelog' has 2 partitions and 'events' has 4",
        "topic 'workflows': found 3 partitions",
    ]


def test_only_topics_that_the_engine_writes_to_are_warned_of_for_their_records_size() -> None:
    small = {"max.message.bytes": "1048588"}
    lines = too_small(NAMES, {"events": small, "dead": small, "log": {"max.message.bytes": "3145728"}}, "k:1")
    assert [line.partition(";")[0] for line in lines] == ["topic 'dead': found max.message.bytes=1048588"]
