"""On a real broker: partitions change hands without a message skipped or a row missing."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.agents.kafka.group import Group, Handled
from tests.system.brokers import ServedBroker

pytestmark = pytest.mark.kafka


@contextmanager
def load(group: Group, a_second: int = 200) -> Iterator[list[str]]:
    """Write events all the time; the list tells their keys, complete at the end."""
    keys, ended = list[str](), threading.Event()

    def write() -> None:
        while not ended.wait(0.1):
            fresh = [f"call-{len(keys) + n}" for n in range(a_second // 10)]
            group.produce(fresh)
            keys.extend(fresh)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield keys
    finally:
        ended.set()
        writer.join()


def skipped(handled: list[Handled]) -> list[tuple[Handled, Handled]]:
    """Neighbouring events of one partition and generation between which an offset is missing."""
    last: dict[tuple[int, str, int], Handled] = {}
    holes = []
    for event in handled:
        before = last.get((event.generation, event.topic, event.partition))
        if before is not None and event.offset > before.offset + 1:
            holes.append((before, event))
        last[event.generation, event.topic, event.partition] = event
    return holes


def test_no_message_is_skipped_while_workers_come_and_go(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=4, after_seek=0.15) as group:
        first = group.worker("a")
        first.wait_recovered("0,1,2,3")
        with load(group) as keys:
            second = group.worker("b")
            second.wait_handled(20)
            shared = len(first.lines)
            assert second.stop() == 0
            first.wait_recovered("0,1,2,3", since=shared)
        first.wait(lambda: {event.key for event in group.handled()} >= set(keys), "handling of all")
        assert [hole for worker in group.workers for hole in skipped(worker.handled)] == []


def test_nothing_is_handled_twice_when_a_worker_leaves_cleanly(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=4) as group:
        first, second = group.worker("a"), group.worker("b")
        first.wait(lambda: len(first.lines) and len(second.lines), "recoveries")
        with load(group) as keys:
            second.wait_handled(20)
            shared = len(first.lines)
            assert second.stop() == 0
            first.wait_recovered("0,1,2,3", since=shared)
        first.wait(lambda: {event.key for event in group.handled()} >= set(keys), "handling of all")
        assert first.stop() == 0
        assert set(group.totals().values()) == {1}
        assert [event for event in group.handled() if event.seen == "again"] == []


def test_nothing_is_handled_twice_when_a_worker_joins(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=4, commit_seconds=600.0) as group:
        first = group.worker("a")
        group.produce([f"early-{n}" for n in range(40)])
        first.wait_handled(40)
        second, alone = group.worker("b"), len(first.lines)
        second.wait_recovered()
        first.wait_recovered(since=alone)
        group.produce([f"late-{n}" for n in range(40)])
        first.wait(lambda: len({event.key for event in group.handled()}) == 80, "handling of all")
        assert [event for event in group.handled() if event.seen == "again"] == []


@pytest.mark.parametrize("step", ["perform_seek", "seek_back"])
def test_what_was_given_away_before_or_during_a_seek_is_not_waited_for(
    kafka: ServedBroker, step: str
) -> None:
    with Group(kafka.bootstrap, partitions=2) as group:
        group.produce([f"early-{n}" for n in range(20)])
        before = group.worker("before")
        before.wait_handled(20)
        assert before.stop() == 0
        first = group.worker("a", revoke_before=step, tell_lag=True)
        first.wait_recovered("0,1")
        with load(group) as keys:
            group.worker("b").wait_handled(20)
        first.wait(lambda: {event.key for event in group.handled()} >= set(keys), "handling of all")
        first.wait(lambda: first.lines[-1] == "lag 0", "end of the lag", seconds=5)


def test_a_static_member_that_leaves_for_good_is_not_waited_for(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=2, session_seconds=20.0) as group:
        stays = group.worker("a", instance_id="a")
        leaves = group.worker("b", instance_id="b", leave=True)
        stays.wait(lambda: stays.lines[-1:] and leaves.lines[-1:] and stays.lines[-1][10:11] != ",", "shares")
        shared = len(stays.lines)
        assert leaves.stop() == 0
        began = time.monotonic()
        stays.wait_recovered("0,1", since=shared)
        assert time.monotonic() - began < 8


def test_a_standby_has_every_row_when_it_takes_over(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=2, standby_replicas=1, session_seconds=3.0) as group:
        active, standby = group.worker("a"), group.worker("b", recover_seconds=1.0, before_seek=0.5)
        active.wait(lambda: active.lines and standby.lines, "recoveries")
        with load(group, 1000) as keys:
            third = group.worker("c")
            third.wait_recovered()
            assert third.stop() == 0
            time.sleep(2)
        active.wait(lambda: set(group.totals()) >= set(keys), "counting of all")
        shared = len(standby.lines)
        active.kill()
        assert standby.wait_recovered("0,1", since=shared).split(" ")[2] == str(len(keys))


def test_a_coordinator_that_refuses_once_is_asked_again(kafka: ServedBroker) -> None:
    with Group(kafka.bootstrap, partitions=1) as group:
        group.produce(["a"])
        [handled] = group.worker(refuse_join=True).wait_handled(1)
        assert handled.key == "a"
