"""What this user may do on the cluster, as the broker itself tells it: nothing is tried.

aiokafka cannot ask; librdkafka's admin client can (KIP-430).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from agents.checks.finding import Finding, fail, ok, warn
from agents.kafka.names import TopicNames
from schemas.adapters.platforms import tables
from schemas.settings import Settings

PATIENCE: Final = 10.0
"""Seconds for one question."""

READ: Final = ("READ", "DESCRIBE", "DESCRIBE_CONFIGS")
BOTH: Final = ("WRITE", *READ)


def look_at_rights(settings: Settings, names: TopicNames, there: frozenset[str]) -> Iterator[Finding]:
    """Look at the rights on the topics that are there, and on the consumer group. It blocks."""
    kafka = AdminClient(_options(settings))
    needed = {topic: ops for topic, ops in _needed(names, settings.adapt).items() if topic in there}
    lacking: list[Finding] = []
    try:
        for topic, may in _topics(kafka, sorted(needed)).items():
            lacking += _lacks(settings, "topic", topic, needed[topic], may)
        described = kafka.describe_consumer_groups([settings.app_id], include_authorized_operations=True)
        group = described[settings.app_id].result(PATIENCE)
        lacking += _lacks(settings, "group", settings.app_id, ("READ",), group.authorized_operations)
    except KafkaException as fault:
        why = fault.args[0].str()
        yield fail(
            "rights", "DESCRIBE", f"the broker refused: {why}", "topics and the group may be described"
        )
        return
    yield from lacking
    if not lacking:
        yield ok("rights", "access", f"user {_user(settings)} may read and write what a worker does")


def _needed(names: TopicNames, adapt: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    own = (names.internal, names.changelog, names.workflows)
    outputs = (names.call_outcomes, names.delivery_log, names.dead_letters)
    payloads = dict.fromkeys(tables(adapt), READ)
    # What platforms send becomes events there.
    events = BOTH if payloads else READ
    return {**payloads, names.call_events: events, **dict.fromkeys((*own, *outputs), BOTH)}


def _topics(kafka: AdminClient, topics: list[str]) -> dict[str, Any]:
    if not topics:
        return {}
    asked = kafka.describe_topics(TopicCollection(topics), include_authorized_operations=True)
    return {topic: answer.result(PATIENCE).authorized_operations for topic, answer in asked.items()}


def _lacks(settings: Settings, kind: str, name: str, needed: tuple[str, ...], may: Any) -> Iterator[Finding]:
    if may is None:
        yield warn(
            "rights", name, "the broker does not tell what this user may do", "a Kafka that tells (KIP-430)"
        )
        return
    names = {each.name for each in may}
    missing = [each for each in needed if each not in names]
    if missing:
        operations = " ".join(f"--operation {_spelled(each)}" for each in missing)
        where = f"--bootstrap-server {settings.broker} --add --allow-principal User:{_user(settings)}"
        mend = f"kafka-acls.sh {where} {operations} --{kind} {name}"
        found = f"user {_user(settings)} may not {', '.join(missing)}"
        yield fail("rights", f"{kind} {name}", found, f"it may {', '.join(needed)}", mend)


def _spelled(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


def _user(settings: Settings) -> str:
    return settings.sasl_username or "ANONYMOUS"


def _options(settings: Settings) -> dict[str, Any]:
    """The connection as librdkafka wants it."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.broker,
        "security.protocol": settings.security_protocol,
        "socket.timeout.ms": int(PATIENCE * 1000),
        "log_level": 0,
    }
    files = {
        "ssl.ca.location": settings.ssl_ca,
        "ssl.certificate.location": settings.ssl_cert,
        "ssl.key.location": settings.ssl_key,
    }
    options |= {name: str(path) for name, path in files.items() if path is not None}
    if settings.security_protocol.startswith("SASL_"):
        password = settings.sasl_password
        options |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username or "",
            "sasl.password": "" if password is None else password.get_secret_value(),
        }
    return options
