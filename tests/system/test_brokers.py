"""The broker under the tests is the one that the run names, and it can be broken and mended."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agents.demo.broker import EmbeddedBroker
from tests.system.brokers import RungBroken, ServedBroker, open_broker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.kafka_topics import brokers_seen, create_topics, produce, topics_seen
from tests.system.tcp_proxy import PRODUCE


def _topic() -> str:
    return f"probe-{uuid.uuid4().hex[:8]}"


def _seconds_to_produce(bootstrap: str, topic: str) -> float:
    began = time.monotonic()
    produce(bootstrap, topic, [(b"k", b"v", [])])
    return time.monotonic() - began


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster(kafka_jars(), proxied=True) as running:
        yield running


@pytest.mark.kafka
def test_the_broker_of_the_run_takes_records(kafka: ServedBroker) -> None:
    topic = _topic()
    create_topics(kafka.bootstrap, {topic: 3})
    assert topics_seen(kafka.bootstrap)[topic] == 3
    assert produce(kafka.bootstrap, topic, [(b"k", b"v", [])]) == 1


def test_the_embedded_broker_takes_records_into_as_many_partitions_as_asked_for() -> None:
    with EmbeddedBroker(topics={"probe": 5}) as broker:
        assert topics_seen(broker.bootstrap)["probe"] == 5
        assert produce(broker.bootstrap, "probe", [(b"k", b"v", [])]) == 1


def test_the_embedded_broker_can_fall_silent_and_answer_again() -> None:
    with EmbeddedBroker() as broker:
        broker.stop_answering()
        assert brokers_seen(broker.bootstrap, seconds=0.3) == 0
        broker.answer_again()
        assert brokers_seen(broker.bootstrap, seconds=5) == 1


def test_a_chosen_rung_serves_or_fails_and_no_other_is_tried() -> None:
    with ExitStack() as owner:
        assert not open_broker(owner, {"POSTCALL_TEST_BROKER_KIND": "embedded"}).real
        with pytest.raises(RungBroken, match="given: POSTCALL_TEST_BROKER is not set"):
            open_broker(owner, {"POSTCALL_TEST_BROKER_KIND": "given"})
        with pytest.raises(RungBroken, match=r"found .*='docker'; expected one of given"):
            open_broker(owner, {"POSTCALL_TEST_BROKER_KIND": "docker"})


def test_a_given_broker_is_used_when_it_answers() -> None:
    with EmbeddedBroker() as broker, ExitStack() as owner:
        served = open_broker(owner, {"POSTCALL_TEST_BROKER": broker.bootstrap})
        assert (served.bootstrap, served.real) == (broker.bootstrap, True)


@pytest.mark.kafka
@pytest.mark.slow
def test_two_of_three_brokers_go_on_taking_records() -> None:
    topic = _topic()
    with KafkaCluster(kafka_jars(), size=3) as three:
        create_topics(three.bootstrap, {topic: 3})
        three.nodes[0].kill()
        assert produce(three.bootstrap, topic, [(str(n).encode(), b"v", []) for n in range(30)]) == 30
        three.nodes[0].start()
        three.wait_ready()


@pytest.mark.kafka
def test_a_killed_broker_comes_back_with_its_topics(cluster: KafkaCluster) -> None:
    topic = _topic()
    create_topics(cluster.bootstrap, {topic: 2})
    cluster.kill()
    assert brokers_seen(cluster.bootstrap, seconds=0.3) == 0
    cluster.start()
    assert topics_seen(cluster.bootstrap)[topic] == 2


@pytest.mark.kafka
def test_a_delayed_reply_is_late_through_the_proxy_alone(cluster: KafkaCluster) -> None:
    topic, proxy = _topic(), cluster.nodes[0].proxy
    assert proxy is not None
    create_topics(cluster.bootstrap, {topic: 1})
    proxy.delay(4.0, PRODUCE)
    assert _seconds_to_produce(cluster.bootstrap, topic) < 4.0
    assert _seconds_to_produce(cluster.proxied_bootstrap, topic) > 4.0
    proxy.delay(0, PRODUCE)


@pytest.mark.kafka
def test_a_cut_proxy_answers_nobody_until_it_is_released(cluster: KafkaCluster) -> None:
    proxy = cluster.nodes[0].proxy
    assert proxy is not None
    proxy.cut()
    assert brokers_seen(cluster.proxied_bootstrap, seconds=0.5) == 0
    proxy.release()
    assert brokers_seen(cluster.proxied_bootstrap, seconds=5) == 1
