"""Whatever is killed, frozen, slow or away for a while: nothing is lost, nothing made up.

What was in flight at a kill may be asked again, under the same key; a broker's trouble repeats nothing.
"""

import time
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.loaded import Pace, under_load
from tests.system.tcp_proxy import PRODUCE

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

_LONG = Pace(calls=400, seconds=25.0, before=6.0)


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(tmp_path: Path) -> None:
    with (
        KafkaCluster(kafka_jars()) as cluster,
        under_load(cluster.bootstrap, tmp_path, 51, pace=_LONG) as run,
    ):
        run.note("kill -9 of the only broker, away for 4 s and its start")
        cluster.kill()
        time.sleep(4)
        cluster.start()
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_one_of_three_brokers_can_be_killed_for_nothing(tmp_path: Path) -> None:
    with (
        KafkaCluster(kafka_jars(), size=3) as cluster,
        under_load(cluster.bootstrap, tmp_path, 52, pace=_LONG) as run,
    ):
        run.note("kill -9 of one broker of three, back after 6 s")
        cluster.nodes[0].kill()
        time.sleep(6)
        cluster.nodes[0].start()
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_a_broker_that_takes_half_a_second_to_store_only_slows(tmp_path: Path) -> None:
    with (
        KafkaCluster(kafka_jars(), proxied=True) as cluster,
        under_load(cluster.proxied_bootstrap, tmp_path, 53, pace=_LONG) as run,
    ):
        proxy = cluster.nodes[0].proxy
        assert proxy is not None
        run.note("every answer to a produce 500 ms late for 10 s")
        proxy.delay(0.5, PRODUCE)
        time.sleep(10)
        proxy.delay(0, PRODUCE)
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)


def test_a_worker_frozen_past_its_session_repeats_what_it_had_in_flight_at_most(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 54, pace=_LONG) as run:
        frozen = run.fleet.workers[0]
        run.note(f"SIGSTOP of {frozen.name} for 10 s, session 6 s")
        run.fleet.freeze(frozen, seconds=10)
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_all_workers_killed_at_once_lose_nothing(kafka: ServedBroker, tmp_path: Path) -> None:
    with under_load(kafka.bootstrap, tmp_path, 55, pace=_LONG, workers=2) as run:
        run.note("kill -9 of all workers")
        for worker in run.fleet.workers:
            run.fleet.kills.append(worker.kill())
        time.sleep(2)
        for worker in run.fleet.workers:
            worker.start()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_a_worker_without_partitions_is_ready_and_takes_over(kafka: ServedBroker, tmp_path: Path) -> None:
    with under_load(kafka.bootstrap, tmp_path, 56, pace=_LONG, workers=3, POSTCALL_PARTITIONS="2") as run:
        for worker in run.fleet.workers[:2]:
            run.note(f"SIGTERM of {worker.name}")
            worker.terminate()
            assert worker.wait() == 0
        judgement = run.settle()
        assert (judgement.violations, judgement.repeats) == ((), 0)
