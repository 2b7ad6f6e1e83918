"""Members of the group that keep their place, that lose it to a twin, and that leave it without a word."""

import time
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.loaded import ended, under_load
from tests.system.workers import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]

_REBALANCES = "postcall_rebalances_total"
_SESSION = 6.0


def test_a_static_member_that_is_killed_and_back_within_its_session_disturbs_nobody(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 91, workers=0, POSTCALL_SESSION_TIMEOUT="60s") as run:
        (other,) = run.fleet.add(own={"POSTCALL_INSTANCE_ID": "one"})
        (killed,) = run.fleet.add(own={"POSTCALL_INSTANCE_ID": "two"})
        run.tell()
        time.sleep(5)
        before = other.scrape()[_REBALANCES]
        run.note(f"kill -9 and start of {killed.name}")
        run.fleet.kill(killed)
        killed.wait_ready()
        judgement = run.settle()
        assert other.scrape()[_REBALANCES] == before
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_of_two_twins_the_newer_one_goes_on(kafka: ServedBroker, tmp_path: Path) -> None:
    with under_load(kafka.bootstrap, tmp_path, 92, workers=0) as run:
        (older,) = run.fleet.add(own={"POSTCALL_INSTANCE_ID": "twin"})
        run.tell()
        time.sleep(5)
        run.note("a twin of the same instance id starts")
        newer = Worker(run.setting, 2, {"POSTCALL_INSTANCE_ID": "twin"})
        run.fleet.workers.append(newer)
        newer.start()
        assert ended(run, [older]) == [75]
        newer.wait_ready()
        judgement = run.settle()
        assert newer.running
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def test_what_a_killed_worker_left_is_asked_for_within_a_session_and_five_seconds(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 93) as run:
        killed = run.fleet.workers[0]
        run.note(f"kill -9 of {killed.name}, which does not come back")
        at = killed.kill()
        run.fleet.kills.append(at)
        judgement = run.settle()
        assert judgement.violations == ()
        assert run.witnesses is not None
        home = {call: records[0].partition for call, records in run.witnesses.records_of.items()}
        first: dict[int, float] = {}
        for seen in run.witnesses.seen:
            if seen.at > at + 0.5:
                first.setdefault(home[seen.call_id], seen.at - at)
        print(
            "first request after the kill, by partition:", {p: round(s, 1) for p, s in sorted(first.items())}
        )
        assert len(first) == run.setting.partitions
        assert max(first.values()) <= _SESSION + 5.0
