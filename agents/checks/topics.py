"""The topics: there, alike in partitions, configured so that nothing is lost."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from agents.checks.finding import Finding, Level, fail, ok, warn
from agents.kafka.config import KafkaConfig
from agents.kafka.names import TopicNames
from agents.kafka.topic_checks import alter, misfits, too_small
from agents.kafka.topics import configurations, wanted
from schemas.spans import span_text

EXPECTED, MEND = "; expected ", "; mend it with: "


async def look_at_topics(
    kafka: AIOKafkaAdminClient, config: KafkaConfig, names: TopicNames, remember: timedelta
) -> Iterator[Finding]:
    """Look at all topics of the installation."""
    named = [topic.name for topic in wanted(names, 1, None)]
    listed = set(await kafka.list_topics())
    described = {
        each["topic"]: each for each in await kafka.describe_topics(sorted(listed.intersection(named)))
    }
    partitions = {name: len(each["partitions"]) for name, each in described.items()}
    configured = {} if config.embedded or not described else await configurations(kafka, sorted(described))
    wrong = [
        *(_of_line(line, Level.FAIL) for line in misfits(names, partitions, configured, config.broker)),
        *(_of_line(line, Level.FAIL) for line in too_small(names, configured, config.broker)),
    ]
    found = [
        *_missing(named, described),
        *wrong,
        *_without_leader(described),
        *_kept(names, configured, remember, config.broker),
    ]
    if described and not wrong:
        told = ", ".join(f"{name} ({count})" for name, count in sorted(partitions.items()))
        found.append(ok("topics", "partitions and configuration", told))
    return iter(found)


def _missing(named: Sequence[str], described: Mapping[str, Any]) -> Iterator[Finding]:
    missing = [name for name in named if name not in described]
    if missing:
        about = "all of them" if len(missing) == len(named) else ", ".join(missing)
        found = "no such topics, or no right to see them"
        yield warn("topics", about, found, "they are made by the first worker or `apply`", "postcall worker")


def _of_line(line: str, level: Level) -> Finding:
    """A line of `topic_checks`, in its parts."""
    found, _, rest = line.partition(EXPECTED)
    expected, _, mend = rest.partition(MEND)
    topic = next(iter(found.split("'")[1:2]), "")
    return Finding("topics", topic, level, found.removeprefix(f"topic {topic!r}: found "), expected, mend)


def _without_leader(described: Mapping[str, Any]) -> Iterator[Finding]:
    for name, topic in described.items():
        leaderless = [each["partition"] for each in topic["partitions"] if each["leader"] < 0]
        behind = [
            each["partition"] for each in topic["partitions"] if len(each["isr"]) < len(each["replicas"])
        ]
        if leaderless:
            asked = "one for each: nothing can be read or written there"
            yield fail(
                "topics", name, f"no leader of the partitions {leaderless}", asked, "start the brokers"
            )
        elif behind:
            asked = "all copies in step"
            yield warn(
                "topics", name, f"copies behind of the partitions {behind}", asked, "start the brokers"
            )


def _kept(
    names: TopicNames, configured: Mapping[str, Mapping[str, str]], remember: timedelta, broker: str
) -> Iterator[Finding]:
    """How long events are kept, and forwarded ones, which live in the internal topic alone."""
    events = _retention(configured.get(names.call_events))
    internal = _retention(configured.get(names.internal))
    if events is not None and events > remember:
        asked = (
            "no longer than calls are remembered, or a replay from its beginning delivers the oldest again"
        )
        mend = f"POSTCALL_REMEMBER={span_text(events)}"
        if events == FOR_EVER:
            mend = alter(names.call_events, f"retention.ms={_milliseconds(remember)}", broker)
        yield warn("topics", f"retention of {names.call_events}", _long(events), asked, mend)
    if events is not None and internal is not None and internal < events:
        asked = f"at least {names.call_events}'s, {_long(events)}: events that were sent on live only there"
        kept = "-1" if events == FOR_EVER else _milliseconds(events)
        mend = alter(names.internal, f"retention.ms={kept}", broker)
        yield fail("topics", f"retention of {names.internal}", _long(internal), asked, mend)


FOR_EVER: Final = timedelta.max


def _retention(entries: Mapping[str, str] | None) -> timedelta | None:
    """How long a topic keeps its records; None where it is not known."""
    if entries is None or "retention.ms" not in entries:
        return None
    kept = int(entries["retention.ms"])
    return FOR_EVER if kept < 0 else timedelta(milliseconds=kept)


def _milliseconds(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))


def _long(span: timedelta) -> str:
    return "for ever" if span == FOR_EVER else f"for {span_text(span)}"
