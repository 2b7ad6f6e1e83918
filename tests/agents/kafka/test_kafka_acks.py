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


@pytest.mark.parametrize(
    "changelog_seconds", [pytest.param(0.0, id="fast"), pytest.param(1.0, id="slower than the crash")]
)
def test_an_exception_in_the_handler_ends_the_worker_with_1_and_keeps_the_event(
    kafka: ServedBroker, changelog_seconds: float
) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce(["a", "bug", "c"])
        broken = group.worker(raise_at=["bug"], changelog_seconds=changelog_seconds)
        assert broken.wait_exit() == 1
        assert "ValueError: cannot handle bug" in broken.story()
        assert group.committed() <= len(group.totals())
        remembered = "a" in group.totals()
        mended = group.worker()
        mended.wait(lambda: "c" in [event.key for event in mended.handled], "last event")
        # What was handled right before the crash is new again unless its row was in the changelog by then.
        expected = [] if remembered else ["a"]
        assert [event.key for event in mended.handled if event.seen == "new"] == [*expected, "bug", "c"]
        mended.wait(lambda: group.totals() == {"a": 1, "bug": 1, "c": 1}, "each counted once")


def test_a_clean_stop_commits_everything_and_exits_0(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce([f"call-{n}" for n in range(50)])
        worker = group.worker()
        worker.wait_handled(50)
        assert worker.stop() == 0
        assert group.committed() == 50
