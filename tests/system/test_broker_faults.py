"""Brokers that come and go, move their leaders, and refuse to store: nothing is lost, and nothing repeated.

Only a worker that was out of reach for longer than its session repeats something: what it had in flight.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.cluster_moves import coordinator_of, elect_preferred, leaders_of, stored_with
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.loaded import ended, under_load
from tests.system.runs import Run

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]

_COMMITS = "__consumer_offsets"


def test_a_rolling_restart_of_the_brokers_costs_nothing(tmp_path: Path) -> None:
    with KafkaCluster(kafka_jars(), size=3) as cluster, under_load(cluster.bootstrap, tmp_path, 71) as run:
        for node in cluster.nodes:
            run.note(f"restart of broker {node.number}")
            cluster.restart(node)
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_a_coordinator_and_leaders_that_move_cost_nothing(tmp_path: Path) -> None:
    with KafkaCluster(kafka_jars(), size=3) as cluster, under_load(cluster.bootstrap, tmp_path, 72) as run:
        first = coordinator_of(cluster.bootstrap, run.setting.name)
        run.note(f"restart of the coordinator, broker {first}")
        (node,) = (node for node in cluster.nodes if node.number == first)
        node.stop()
        second = coordinator_of(cluster.bootstrap, run.setting.name)
        assert second != first
        node.start()
        cluster.wait_ready()
        before = leaders_of(cluster.bootstrap, run.setting.name)
        run.note("all leaders and the coordinator go back to where they were")
        elect_preferred(cluster.bootstrap)
        assert leaders_of(cluster.bootstrap, run.setting.name) != before
        assert coordinator_of(cluster.bootstrap, run.setting.name) == first
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_a_changelog_that_may_not_be_written_for_want_of_replicas_holds_all_up_and_no_more(
    tmp_path: Path,
) -> None:
    with KafkaCluster(kafka_jars(), size=3) as cluster, under_load(cluster.bootstrap, tmp_path, 73) as run:
        changelog = f"{run.setting.name}-calls-changelog"
        with _short_of_replicas(cluster, run, changelog):
            time.sleep(6)
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_commits_that_are_refused_are_made_later(tmp_path: Path) -> None:
    with KafkaCluster(kafka_jars(), size=3) as cluster, under_load(cluster.bootstrap, tmp_path, 74) as run:
        with _short_of_replicas(cluster, run, _COMMITS):
            time.sleep(6)
        run.note("SIGTERM and restart of one")
        assert run.fleet.restart(run.fleet.workers[0]) == 0
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_rows_that_the_broker_refuses_for_good_stop_the_workers_until_it_takes_them(tmp_path: Path) -> None:
    with KafkaCluster(kafka_jars()) as cluster, under_load(cluster.bootstrap, tmp_path, 75) as run:
        changelog = f"{run.setting.name}-calls-changelog"
        run.note("the changelog takes records of 100 bytes")
        with stored_with(cluster.bootstrap, changelog, "max.message.bytes", "100"):
            codes = ended(run, run.fleet.workers)
        assert set(codes) <= {1, 75}
        for worker in run.fleet.workers:
            assert "was lost, the worker stops" in worker.log.read_text()
            worker.start()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


@pytest.mark.parametrize(
    "seconds", [pytest.param(2.5, id="within the lease"), pytest.param(5.0, id="within the session")]
)
def test_a_worker_cut_off_for_less_than_its_session_repeats_nothing(tmp_path: Path, seconds: float) -> None:
    with _one_behind_a_proxy(tmp_path, 76) as (cluster, run):
        _cut(cluster, run, seconds)
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_a_worker_cut_off_past_its_session_repeats_what_it_had_in_flight_at_most(tmp_path: Path) -> None:
    with _one_behind_a_proxy(tmp_path, 77) as (cluster, run):
        (_, behind) = run.fleet.workers
        run.fleet.kills.append(time.time())
        _cut(cluster, run, 10)
        time.sleep(2)
        if not behind.running:
            assert behind.wait() == 75
            behind.start()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


@contextmanager
def _one_behind_a_proxy(folder: Path, seed: int) -> Iterator[tuple[KafkaCluster, Run]]:
    """A load, one worker that reaches the broker itself, and one that does so through a proxy."""
    with (
        KafkaCluster(kafka_jars(), proxied=True) as cluster,
        under_load(cluster.bootstrap, folder, seed, workers=0) as run,
    ):
        run.fleet.add()
        run.fleet.add(own={"POSTCALL_BROKER": cluster.proxied_bootstrap})
        run.tell()
        time.sleep(5)
        yield cluster, run


def _cut(cluster: KafkaCluster, run: Run, seconds: float) -> None:
    proxy = cluster.nodes[0].proxy
    assert proxy is not None
    run.note(f"one worker cut off for {seconds} s, lease 4.2 s, session 6 s")
    proxy.cut()
    time.sleep(seconds)
    proxy.release()


@contextmanager
def _short_of_replicas(cluster: KafkaCluster, run: Run, topic: str) -> Iterator[None]:
    """One broker of three is away, and the topic wants to be stored by all three."""
    (node, *_) = (
        node for node in cluster.nodes if node.number != leaders_of(cluster.bootstrap, topic)[topic, 0]
    )
    with stored_with(cluster.bootstrap, topic, "min.insync.replicas", "3"):
        run.note(f"{topic} short of replicas")
        node.stop()
        yield
        node.start()
        cluster.wait_ready()
