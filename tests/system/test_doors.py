"""A worker's doors are open from its first moment to its last, and say ready only of one that works."""

import json
import socket
import time
from pathlib import Path
from uuid import uuid4

import pytest

from agents.demo.receiver import Rule, Script
from tests.system.brokers import ServedBroker
from tests.system.kafka_cluster import KafkaCluster
from tests.system.kafka_jars import kafka_jars
from tests.system.kafka_topics import produce
from tests.system.receiver import ReceiverProcess
from tests.system.workers import Fleet, Setting, Worker


def setting(bootstrap: str, folder: Path, **more: str) -> Setting:
    return Setting(bootstrap, f"doors-{uuid4().hex[:8]}", folder, partitions=2, more=more)


def wait_answer(worker: Worker, path: str, status: int, text: str, seconds: float = 20.0) -> None:
    """Wait until a door answers so."""
    until = time.monotonic() + seconds
    while (found := worker.get(path))[0] != status or text not in found[1]:
        assert time.monotonic() < until, f"{path} answers {found} after {seconds} s; expected {status} {text}"
        time.sleep(0.05)


@pytest.mark.kafka
def test_a_port_that_is_taken_ends_the_worker_with_one_line(kafka: ServedBroker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = setting(kafka.bootstrap, tmp_path, POSTCALL_WEB_PORT=str(port)).run("worker")

    assert ended.returncode == 1
    assert f"found no free port {port} on 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_that_waits_for_its_broker_is_alive_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        worker = Worker(setting(f"127.0.0.1:{silent.getsockname()[1]}", tmp_path), 1)
        worker.start()
        try:
            wait_answer(worker, "/readyz", 503, "starting: the broker and its topics are looked at\n")
            assert worker.get("/livez") == (200, "ok\n")
            assert "postcall_ready 0.0" in worker.get("/metrics")[1]
        finally:
            worker.kill()


@pytest.mark.kafka
def test_a_worker_whose_broker_fell_silent_is_alive_and_not_ready_until_it_is_back(tmp_path: Path) -> None:
    with KafkaCluster(kafka_jars()) as cluster, Fleet(_of_short_sessions(cluster, tmp_path)) as fleet:
        (worker,) = fleet.add()
        (broker,) = cluster.nodes
        broker.pause()
        try:
            wait_answer(worker, "/readyz", 503, "the lease of 1.4 s ran out", seconds=6)
            assert worker.get("/livez") == (200, "ok\n")
            assert "postcall_ready 0.0" in worker.get("/metrics")[1]
        finally:
            broker.resume()
        wait_answer(worker, "/readyz", 200, "ok")


def _of_short_sessions(cluster: KafkaCluster, folder: Path) -> Setting:
    return setting(cluster.bootstrap, folder, POSTCALL_SESSION_TIMEOUT="2s")


@pytest.mark.kafka
def test_a_worker_that_drains_is_alive_and_not_ready_from_the_first_moment(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    slowly = Script(rules=(Rule(path="/hook", delay=4.0),))
    own = setting(kafka.bootstrap, tmp_path, POSTCALL_GRACE="100ms")
    with ReceiverProcess(tmp_path, slowly) as receiver, Fleet(own) as fleet:
        own.apply(
            [{"kind": "agent", "id": "bot", "webhooks": {"call.ended": {"url": f"{receiver.url}/hook"}}}]
        )
        (worker,) = fleet.add()
        event = {"type": "call.ended", "call_id": "c", "agent_id": "bot", "data": {"reason": "busy"}}
        produce(kafka.bootstrap, f"{own.prefix}call-events", [(b"c", json.dumps(event).encode(), [])])
        until = time.monotonic() + 20
        while not receiver.requests():
            assert time.monotonic() < until, worker.log.read_text()[-3000:]
            time.sleep(0.05)

        worker.terminate()

        wait_answer(worker, "/readyz", 503, "stopping: what is under way is finished", seconds=2)
        assert worker.get("/livez") == (200, "ok\n")
        assert worker.wait() == 0
        assert len(receiver.requests()) == 1
