"""On a real broker: no message whose work is unfinished, failed or lost is committed past."""

import time

import pytest

from tests.agents.kafka.group import Group
from tests.system.brokers import ServedBroker

pytestmark = pytest.mark.kafka


def test_a_message_in_work_survives_kill_9_though_later_ones_were_committed(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, never_ack=["slow"]) as group:
        group.produce(["slow", "b", "c", "d", "e"])
        first = group.worker()
        first.wait_handled(5)
        time.sleep(1)
        first.kill()
        assert group.committed() <= 0
        again = group.worker().wait_handled(5)
        assert again[0].key == "slow"


def test_what_was_handled_is_committed_up_to_the_message_in_work(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1, never_ack=["slow"]) as group:
        group.produce(["a", "b", "slow", "c", "d"])
        worker = group.worker()
        worker.wait_handled(5)
        worker.wait(lambda: group.committed() >= 2, "commit")
        assert worker.stop() == 0
        assert group.committed() == 2


def test_an_exception_in_the_handler_ends_the_worker_and_keeps_the_event(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce(["a", "bug", "c"])
        broken = group.worker(raise_at=["bug"])
        # 75 where its stop took longer than its session, and the gate held what was left.
        assert broken.wait_exit() in (1, 75)
        assert group.committed() <= 1
        mended = group.worker().wait_handled(2)
        assert [event.key for event in mended if event.seen == "new"] == ["bug", "c"]


def test_a_clean_stop_commits_everything_and_exits_0(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce([f"call-{n}" for n in range(50)])
        worker = group.worker()
        worker.wait_handled(50)
        assert worker.stop() == 0
        assert group.committed() == 50
