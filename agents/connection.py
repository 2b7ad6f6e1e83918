"""How the settings reach Kafka: addresses, names of topics, TLS and logging in."""

import ssl
from typing import Any

from faust import SASLCredentials
from faust.types.auth import CredentialsT

from agents.kafka.config import KafkaConfig
from agents.kafka.topics import TopicNames, security
from schemas.settings import Settings


def topic_names(settings: Settings) -> TopicNames:
    """What the topics of this installation are called."""
    return TopicNames(
        call_events=settings.topic("call-events"),
        workflows=settings.topic("workflows"),
        call_outcomes=settings.topic("call-outcomes"),
        delivery_log=settings.topic("delivery-log"),
        dead_letters=settings.topic("dead-letters"),
        internal=f"{settings.app_id}-internal",
        changelog=f"{settings.app_id}-calls-changelog",
    )


def kafka_config(settings: Settings) -> KafkaConfig:
    """What the engine has to know of Kafka."""
    names = topic_names(settings)
    context = _ssl_context(settings)
    return KafkaConfig(
        broker=settings.broker,
        app_id=settings.app_id,
        topics=(names.call_events, names.internal),
        partitions=settings.partitions,
        data_dir=settings.data_dir,
        session_timeout=settings.session_timeout,
        instance_id=settings.instance_id,
        start="earliest",  # of what no commit names; see agents/kafka/start.py
        embedded=settings.embedded,
        standby_replicas=0 if settings.embedded else settings.standby,
        cache_bytes=settings.cache_mib * 1024 * 1024,
        commit_cycle=settings.commit_cycle,
        stall_limit=settings.stuck_after,
        ssl_context=context,
        credentials=_credentials(settings, context),
    )


def client_options(config: KafkaConfig) -> dict[str, Any]:
    """What every aiokafka client of ours is made with."""
    return {"bootstrap_servers": config.broker, **security(config)}


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if "SSL" not in settings.security_protocol.split("_"):
        return None
    context = ssl.create_default_context(cafile=settings.ssl_ca)
    if settings.ssl_cert is not None:
        context.load_cert_chain(settings.ssl_cert, settings.ssl_key)
    return context


def _credentials(settings: Settings, context: ssl.SSLContext | None) -> CredentialsT | None:
    if not settings.security_protocol.startswith("SASL_"):
        return None
    password = settings.sasl_password
    return SASLCredentials(
        username=settings.sasl_username,
        password=None if password is None else password.get_secret_value(),
        ssl_context=context,
        mechanism=settings.sasl_mechanism,
    )
