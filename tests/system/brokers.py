"""Which broker serves the tests: a ladder from a broker that was given down to one inside this process.

1. `given`: the bootstrap servers in `POSTCALL_TEST_BROKER`;
2. `container`: an image of Kafka by testcontainers, where a Docker engine answers
   (`POSTCALL_TEST_KAFKA_IMAGE` names another image);
3. `process`: a broker process from Maven's jars, where a JDK and Maven are;
4. `embedded`: librdkafka's test cluster. It is no Kafka: tests marked `kafka` are skipped with it.

The first rung that holds serves. `POSTCALL_TEST_BROKER_KIND` names one rung to stand on, or fail.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from docker.errors import DockerException
from testcontainers.community.kafka import KafkaContainer
from testcontainers.core.docker_client import DockerClient

from agents.demo.broker import EmbeddedBroker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import JarsNotResolved, kafka_jars, kafka_version, missing_tools
from tests.system.kafka_topics import brokers_seen

DEFAULT_IMAGE = "confluentinc/cp-kafka:8.0.0"
_CONTAINER_START_SECONDS = 90

_CONTAINER_SETTINGS = {
    # One broker cannot hold the three copies that are the default, and transactions then hang.
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_BROKER_SESSION_TIMEOUT_MS": "2000",
    "KAFKA_MESSAGE_MAX_BYTES": "16777216",
}


class RungBroken(RuntimeError):
    """A rung of the ladder serves no broker here; the message says why."""


@dataclass(frozen=True, slots=True)
class ServedBroker:
    """The broker of a run of tests."""

    bootstrap: str
    """Bootstrap servers as Kafka clients want them."""
    served_by: str
    """What it is, for people."""
    real: bool
    """Whether it is Apache Kafka, not the embedded test cluster."""
    passed_over: tuple[str, ...] = ()
    """The rungs above it and why each did not serve."""


def open_broker(owner: ExitStack, environment: Mapping[str, str]) -> ServedBroker:
    """Start the broker of the highest rung that holds; it is stopped when `owner` closes."""
    chosen = environment.get("POSTCALL_TEST_BROKER_KIND")
    if chosen is not None and chosen not in _RUNGS:
        raise RungBroken(f"found POSTCALL_TEST_BROKER_KIND={chosen!r}; expected one of {', '.join(_RUNGS)}")
    passed_over: list[str] = []
    for kind, rung in _RUNGS.items():
        if chosen in (None, kind):
            try:
                return _with_history(rung(owner, environment), passed_over)
            except RungBroken as why:
                passed_over.append(f"{kind}: {why}")
    raise RungBroken(f"no broker serves the tests: {'; '.join(passed_over)}")


def foreseen_broker(environment: Mapping[str, str]) -> str:
    """Return which rung will probably serve, without starting anything."""
    if chosen := environment.get("POSTCALL_TEST_BROKER_KIND"):
        return f"{chosen} (POSTCALL_TEST_BROKER_KIND)"
    if given := environment.get("POSTCALL_TEST_BROKER"):
        return f"given, {given}"
    if _docker_answers():
        return f"container, {_image(environment)}"
    if missing := missing_tools():
        return f"embedded, for want of a Docker engine and of {' and '.join(missing)}"
    return f"process, Apache Kafka {kafka_version()}"


def _with_history(served: ServedBroker, passed_over: list[str]) -> ServedBroker:
    return ServedBroker(served.bootstrap, served.served_by, served.real, tuple(passed_over))


def _given(owner: ExitStack, environment: Mapping[str, str]) -> ServedBroker:
    bootstrap = environment.get("POSTCALL_TEST_BROKER", "")
    if not bootstrap:
        raise RungBroken("POSTCALL_TEST_BROKER is not set")
    if not brokers_seen(bootstrap, seconds=10):
        # Somebody meant this broker: to go on with another would prove nothing about it.
        raise ConnectionError(f"no Kafka answered at POSTCALL_TEST_BROKER={bootstrap} within 10 s")
    return ServedBroker(bootstrap, f"the broker given, {bootstrap}", real=True)


def _container(owner: ExitStack, environment: Mapping[str, str]) -> ServedBroker:
    if not _docker_answers():
        raise RungBroken("no Docker engine answers")
    image = _image(environment)
    container = KafkaContainer(image).with_kraft()
    for name, value in _CONTAINER_SETTINGS.items():
        container = container.with_env(name, value)
    try:
        owner.enter_context(_started(container))
    except (DockerException, TimeoutError, RuntimeError) as fault:
        raise RungBroken(f"{image} did not start: {str(fault).splitlines()[0]}") from fault
    return ServedBroker(
        container.get_bootstrap_server(), f"a container of {image} (testcontainers)", real=True
    )


def _started(container: KafkaContainer) -> ExitStack:
    stopping = ExitStack()
    stopping.callback(container.stop)
    try:
        container.start(timeout=_CONTAINER_START_SECONDS)
    except BaseException:
        stopping.close()
        raise
    return stopping


def _process(owner: ExitStack, environment: Mapping[str, str]) -> ServedBroker:
    try:
        cluster = owner.enter_context(KafkaCluster(kafka_jars()))
    except JarsNotResolved as fault:
        raise RungBroken(str(fault)) from fault
    return ServedBroker(cluster.bootstrap, f"a process of Apache Kafka {kafka_version()}", real=True)


def _embedded(owner: ExitStack, environment: Mapping[str, str]) -> ServedBroker:
    broker = owner.enter_context(EmbeddedBroker())
    return ServedBroker(broker.bootstrap, "THE EMBEDDED TEST CLUSTER, WHICH IS NO KAFKA", real=False)


def _image(environment: Mapping[str, str]) -> str:
    return environment.get("POSTCALL_TEST_KAFKA_IMAGE", DEFAULT_IMAGE)


def _docker_answers() -> bool:
    try:
        return bool(DockerClient(timeout=3).client.ping())
    except DockerException:
        return False


_Rung = Callable[[ExitStack, Mapping[str, str]], ServedBroker]
_RUNGS: dict[str, _Rung] = {
    "given": _given,
    "container": _container,
    "process": _process,
    "embedded": _embedded,
}
