"""The proof draws the same runs again from a seed, and sees what must not be: on made-up runs that were spoilt."""

from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.ledger.witnesses import Record, Seen
from schemas import keys, wire
from schemas.calls import Call
from schemas.failpoints import FAILPOINTS
from tests.system.proof.operations import ELSEWHERE, GROUPS, OPERATIONS
from tests.system.proof.plan import plan
from tests.system.proof.scene import Freeze
from tests.system.proof.state import Batch, batches, late_batches, late_requests, regressions
from tests.system.proof.table import keep, results, table
from tests.system.proof.trial import Found, repeats

FREEZE = Freeze("worker-2", since=100.0, thawed=109.0, landless=112.0)
OLD, NEW = 7, 8


def seen(at: float, worker: str = "worker-2", key: str = "k", answer: int = 200) -> Seen:
    headers = {"x-worker": worker, "webhook-id": key, "postcall-call-id": "c"}
    return Seen(at, at + 0.1, "POST", "/node/a", headers, "", "", answer)


def row(offset: int, call_id: str, events: bytes) -> Record:
    call = Call(call_id, seen=b"".join(bytes([each]) * 8 for each in events))
    return Record("calls-changelog", 0, offset, float(offset), keys.live(call_id), wire.row(call))


def test_the_same_seeds_give_the_same_trials() -> None:
    assert plan(GROUPS, [1, 2]) == plan(GROUPS, [1, 2])
    assert plan(GROUPS, [1]) != plan(GROUPS, [2])


@pytest.mark.parametrize("group", GROUPS)
def test_a_seed_has_every_operation_of_its_group(group: str) -> None:
    planned = {name for trial in plan([group], [3]) for name in trial.operations}
    assert planned == {each.name for each in OPERATIONS.values() if each.group == group}


def test_every_failpoint_is_proved_here_or_where_an_operator_leads_there() -> None:
    assert {each.name for each in OPERATIONS.values() if each.group == "failpoints"} == set(FAILPOINTS) - set(
        ELSEWHERE
    )


def test_what_is_done_to_brokers_shares_no_run_with_what_is_not() -> None:
    for trial in plan(GROUPS, [1, 2, 3]):
        assert len({OPERATIONS[name].brokers for name in trial.operations}) == 1


def test_ten_seeds_freeze_twenty_times() -> None:
    assert sum(len(trial.operations) for trial in plan(["zombies"], range(1, 11))) == 20


def test_a_row_that_lacks_what_a_row_before_it_had_is_found() -> None:
    grown = [row(1, "a", b"\1"), row(2, "b", b"\1"), row(3, "a", b"\1\2"), row(4, "a", b"\1\2\3")]
    assert list(regressions(grown)) == []
    (found,) = regressions([*grown, row(5, "a", b"\1\2\4")])
    assert "@5: the row of a lacks 1 events" in found


def test_a_batch_of_a_former_owner_is_found_whenever_it_was_made() -> None:
    before, during = Batch(1, OLD, 99.9), Batch(2, NEW, 106.5)
    back = [Batch(4, OLD, 112.5), Batch(5, NEW, 113.0)]
    assert list(late_batches([before, during, *back], [FREEZE])) == []
    for made_at in (99.99, 109.1):
        (found,) = late_batches([before, during, Batch(3, OLD, made_at), *back], [FREEZE])
        assert "offset 3" in found


def test_batches_are_read_from_segments(tmp_path: Path) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, OLD, 0, 0, 1 << 20)
    builder.append(0, 99_900, b"k", b"v", [])
    builder.append(1, 99_950, b"k", b"w", [])
    (tmp_path / "0.log").write_bytes(builder.build())
    assert batches([tmp_path / "0.log"]) == [Batch(0, OLD, 99.9)]


def test_a_request_without_a_lease_is_found() -> None:
    lawful = [seen(99.0), seen(100.4), seen(112.1), seen(109.5, "worker-1")]
    assert list(late_requests(lawful, [FREEZE])) == []
    (found,) = late_requests([*lawful, seen(109.02)], [FREEZE])
    assert "0.020 s after it went on" in found


def test_only_what_comes_after_a_2xx_of_its_own_delivery_is_a_repeat() -> None:
    made = [seen(1.0, answer=500), seen(2.0), seen(2.5, key="other"), seen(3.0, answer=500)]
    assert [(good.at, again.at) for good, again in repeats(made)] == [(2.0, 3.0)]


def test_results_are_kept_from_portion_to_portion_and_what_broke_shows(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    keep(file, [Found("a worker joins", "clean", 1, 5.0)])
    keep(file, [Found("a worker joins", "clean", 2, 5.0, lost=3, broken=["lost: …"])])
    lines = table(results(file)).splitlines()
    assert lines[-2].split() == ["a", "worker", "joins", "2", "2", "3", "0", "0", "0", "BROKEN", "1", "times"]
