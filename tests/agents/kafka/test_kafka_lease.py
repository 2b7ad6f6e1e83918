"""On a real broker: a worker that cannot be heard does nothing, and a broker that is away ends nobody."""

import signal
import time
from collections.abc import Iterator

import pytest

from agents.kafka.gate import EXPELLED
from tests.agents.kafka.group import Group
from tests.system.brokers import ServedBroker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.tcp_proxy import PRODUCE, TcpProxy

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    """A broker behind a proxy."""
    with KafkaCluster(kafka_jars(), proxied=True) as running:
        yield running


@pytest.fixture
def proxy(cluster: KafkaCluster) -> Iterator[TcpProxy]:
    """The proxy in front of the broker, passing everything on at the end."""
    proxy = cluster.nodes[0].proxy
    assert proxy is not None
    yield proxy
    proxy.delay(0.0, PRODUCE)
    proxy.release()


def test_a_worker_that_was_suspended_overwrites_nothing(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, session_seconds=3.0) as group:
        group.produce(["call"] * 5, value="early")
        asleep = group.worker("a", hold_changelog=True)
        asleep.wait_handled(5)
        asleep.signal(signal.SIGSTOP)
        awake = group.worker("b")
        for n in range(20):
            group.produce(["call"], value=f"event-{n}")
        awake.wait(lambda: group.totals() == {"call": 21}, "all counted")
        asleep.signal(signal.SIGUSR1)
        asleep.signal(signal.SIGCONT)
        assert asleep.wait_exit() == EXPELLED
        time.sleep(0.5)
        assert group.totals() == {"call": 21}


def test_a_suspended_worker_with_nothing_on_its_way_rejoins_and_goes_on(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, session_seconds=3.0) as group:
        worker = group.worker("a")
        group.produce(["one"])
        worker.wait_handled(1)
        worker.wait(lambda: group.committed() == 1, "commit")
        worker.signal(signal.SIGSTOP)
        time.sleep(5)
        group.produce(["two"])
        worker.signal(signal.SIGCONT)
        handled = worker.wait_handled(2)
        assert [event.key for event in handled] == ["one", "two"]
        assert handled[1].generation > handled[0].generation


@pytest.mark.parametrize(
    "commit_seconds", [pytest.param(0.3, id="under way"), pytest.param(30.0, id="at the revoke")]
)
def test_the_only_worker_expelled_commits_nothing_whose_rows_it_has_dropped(
    kafka: ServedBroker, commit_seconds: float
) -> None:
    with Group(kafka.bootstrap, partitions=1, session_seconds=3.0) as group:
        worker = group.worker(cycle_seconds=4.0, commit_seconds=commit_seconds)
        group.produce(["a"])
        worker.wait(lambda: group.totals() == {"a": 1}, "first row")
        group.produce(["b"])
        worker.wait_handled(2)
        worker.signal(signal.SIGSTOP)
        time.sleep(5)
        worker.signal(signal.SIGCONT)
        worker.wait(lambda: group.totals() == {"a": 1, "b": 1}, "second row")


def test_of_two_workers_with_one_instance_id_the_newer_one_goes_on(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, session_seconds=6.0, instance_id="twin") as group:
        older = group.worker("a")
        older.wait_recovered("0")
        newer = group.worker("b")
        assert older.wait_exit() == EXPELLED
        newer.wait_recovered("0")
        group.produce(["call"])
        newer.wait_handled(1)


def test_a_broker_that_is_away_for_longer_than_the_lease_ends_nobody(
    cluster: KafkaCluster, proxy: TcpProxy
) -> None:
    with Group(cluster.proxied_bootstrap, partitions=1, session_seconds=3.0) as group:
        worker = group.worker("a")
        group.produce(["before"], bootstrap=cluster.bootstrap)
        worker.wait(lambda: group.committed() == 1, "commit")
        cluster.kill()
        cluster.start()
        group.produce(["after"], bootstrap=cluster.bootstrap)
        worker.wait(lambda: "after" in [event.key for event in worker.handled], "handling after the return")
        assert worker.alive
        assert [event for event in worker.handled if event.seen == "again"] == []


def test_a_produce_that_has_to_be_repeated_is_appended_once(cluster: KafkaCluster, proxy: TcpProxy) -> None:
    with Group(cluster.proxied_bootstrap, partitions=1, echo=True, session_seconds=20.0) as group:
        worker = group.worker("a")
        worker.wait_recovered()
        proxy.delay(1.5, PRODUCE)
        group.produce([f"call-{n}" for n in range(20)], bootstrap=cluster.bootstrap)
        worker.wait_handled(20)
        proxy.cut()
        proxy.delay(0.0, PRODUCE)
        proxy.release()
        group.bootstrap = cluster.bootstrap
        worker.wait(lambda: group.committed() == 20, "commit")
        assert len(group.read(group.names.call_outcomes)) == 20
