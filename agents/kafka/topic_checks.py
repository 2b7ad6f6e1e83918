"""What a topic's partitions and configuration must be, lest something is lost in silence; how to mend it.

Compaction keeps the last record of each key, deletion those of a span of time. The table's rows and the
documents must never be deleted by age; events and internal messages share their call's id as key, so that
compaction would leave one of a call's.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agents.kafka.names import TopicNames

MOST_BYTES: Final = 3 * 1024 * 1024
"""The largest record that the engine writes to any topic."""

Configurations = Mapping[str, Mapping[str, str]]
"""The configuration of each topic, by its name."""


def misfits(
    names: TopicNames, partitions: Mapping[str, int], configured: Configurations, broker: str
) -> list[str]:
    """What would lose data, a line each: topic, found, expected, and how to mend it. Topics that are not
    there are not looked at."""
    return [
        *_wrong_counts(names, partitions),
        *_wrong_policies(names, configured, broker),
    ]


def too_small(names: TopicNames, configured: Configurations, broker: str) -> list[str]:
    """Topics of ours that would refuse the largest records, a line each."""
    own = (names.internal, names.changelog, names.workflows)
    written = (*own, names.call_outcomes, names.delivery_log, names.dead_letters)
    return [
        f"topic {topic!r}: found max.message.bytes={found}; expected at least {MOST_BYTES}, or a large record "
        f"stops the worker; mend it with: {alter(topic, f'max.message.bytes={MOST_BYTES}', broker)}"
        for topic in written
        if (found := int(configured.get(topic, {}).get("max.message.bytes", MOST_BYTES))) < MOST_BYTES
    ]


def _wrong_counts(names: TopicNames, partitions: Mapping[str, int]) -> Sequence[str]:
    events = partitions.get(names.call_events)
    wrong = [
        f"{topic!r} has {partitions[topic]} partitions and {names.call_events!r} has {events}; expected the "
        "same count (it is fixed for an app id); with another POSTCALL_APP_ID the engine begins anew"
        for topic in (names.internal, names.changelog)
        if events is not None and partitions.get(topic, events) != events
    ]
    documents = partitions.get(names.workflows, 1)
    if documents != 1:
        wrong.append(
            f"topic {names.workflows!r}: found {documents} partitions; expected 1, as documents of other "
            "partitions are never read; mend it by deleting the topic and applying all documents again"
        )
    return wrong


def _wrong_policies(names: TopicNames, configured: Configurations, broker: str) -> Sequence[str]:
    compacted = ("compact", "what is deleted by age is lost")
    deleted = ("delete", "compaction keeps one record of a call's")
    wanted = {
        names.call_events: deleted,
        names.internal: deleted,
        names.changelog: compacted,
        names.workflows: compacted,
    }
    return [
        f"topic {topic!r}: found cleanup.policy={found}; expected {policy}, as {why}; mend it with: "
        f"{alter(topic, f'cleanup.policy={policy}', broker)}"
        for topic, (policy, why) in wanted.items()
        if (found := configured.get(topic, {}).get("cleanup.policy")) is not None and not _fits(found, policy)
    ]


def _fits(found: str, policy: str) -> bool:
    policies = {word.strip() for word in found.split(",")}
    return policies == {"compact"} if policy == "compact" else "compact" not in policies


def alter(topic: str, setting: str, broker: str) -> str:
    """The command that gives a topic a setting."""
    where = f"--bootstrap-server {broker} --alter --entity-type topics --entity-name {topic}"
    return f"kafka-configs.sh {where} --add-config {setting}"
