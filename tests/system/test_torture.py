"""What a torture draws can be drawn again, and its judgement by slices finds what a judgement at once finds."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.ledger.documents import Documents
from agents.ledger.rules import Rules
from agents.ledger.witnesses import Record, Sample
from tests.agents.ledger.faultless import faultless_witnesses
from tests.system.brokers import ServedBroker
from tests.system.documents import documents
from tests.system.load import Mixture, generate
from tests.system.poison import poison
from tests.system.runs import open_run, rules_of
from tests.system.sampling import growths
from tests.system.torture.faults import DEEDS
from tests.system.torture.plan import KINDS, Terms, plan
from tests.system.torture.slices import INPUT, Evidence, Slices, judge_dealt, judge_in_slices
from tests.system.workers import Setting


def test_the_same_terms_give_the_same_acts() -> None:
    first, again = list(plan(Terms(seed=7, minutes=20))), list(plan(Terms(seed=7, minutes=20)))
    assert first == again
    assert first != list(plan(Terms(seed=8, minutes=20)))


def test_an_hour_has_every_kind_of_fault_several_times() -> None:
    faults = [fault.kind for act in plan(Terms(seed=7, minutes=60)) for fault in act.faults]
    assert {kind.name: faults.count(kind) >= 2 for kind in KINDS} == {kind.name: True for kind in KINDS}


def test_a_single_broker_is_spared_what_needs_three() -> None:
    faults = {fault.kind for act in plan(Terms(seed=7, minutes=60, brokers=1)) for fault in act.faults}
    assert faults == {kind for kind in KINDS if kind.brokers == 1}


def test_no_fault_ends_all_workers_after_the_first_third() -> None:
    seconds = 0.0
    for act in plan(Terms(seed=7, minutes=60)):
        assert seconds < 20 * 60 or not any(fault.kind.ends_all for fault in act.faults)
        seconds += act.wave.seconds + act.pause


def test_a_worker_that_grows_by_a_fifth_is_found() -> None:
    steady = [held(at, "steady", 1, 100 + at % 3) for at in range(900)]
    growing = [held(at, "growing", 2, 100 + at / 25) for at in range(900)]
    brief = [held(at, "brief", 3, 100 + at) for at in range(200)]
    found = {growth.worker: growth.flat for growth in growths(steady + growing + brief)}
    assert found == {"steady": True, "growing": False}


def held(at: float, worker: str, pid: int, mib: float) -> Sample:
    return Sample(at, worker, memory_bytes=int(mib * (1 << 20)), pid=pid)


def test_every_kind_of_fault_has_its_deed() -> None:
    assert {kind.name for kind in KINDS} == set(DEEDS)


def test_a_slice_has_a_poison_and_its_dead_letter_together(tmp_path: Path) -> None:
    applied = Documents.of(documents("http://127.0.0.1:1"))
    load = generate(Mixture(calls=80, seed=3), datetime(2026, 1, 1, tzinfo=UTC))
    run = faultless_witnesses(load, applied)
    keys = [call_id.encode() for call_id in load.expected]
    poisons = [
        Record("call-events", 1, offset, 1000.0, key, value)
        for offset, (key, value, _) in enumerate(poison(60, 4, keys))
    ]
    letters = [letter(each) for each in poisons]
    for told, broken in ((letters, 0), (letters[1:], 1)):
        slices = Slices(tmp_path, 8)
        slices.deal(INPUT, (*run.events, *poisons))
        slices.deal("delivery-log", run.deliveries)
        slices.deal("call-outcomes", run.outcomes)
        slices.deal("dead-letters", told)
        (tmp_path / "requests.jsonl").write_text(
            "".join(json.dumps(asdict(seen)) + "\n" for seen in run.requests or ())
        )
        slices.deal_requests(tmp_path / "requests.jsonl")
        evidence = Evidence("", "", tmp_path / "requests.jsonl", (), ())
        verdict = judge_dealt(slices, evidence, applied, [], load.expected, Rules())
        slices.remove()
        assert (verdict.count("count"), len(verdict.violations)) == (broken, broken)


def letter(refused: Record) -> Record:
    source = {"topic": refused.topic, "partition": refused.partition, "offset": refused.offset}
    value = json.dumps({"reason": "unreadable", "source": source, "why": "so"}).encode()
    return Record("dead-letters", 0, refused.offset, 1001.0, None, value, {"ce_id": refused.where})


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_slices_find_what_is_found_at_once_and_what_was_taken_away(
    kafka: ServedBroker, tmp_path: Path
) -> None:
    with open_run(kafka.bootstrap, tmp_path, Mixture(calls=200, seed=61, seconds=15)) as run:
        run.fleet.add()
        run.tell()
        whole = run.settle()
        assert run.load is not None
        evidence, rules = _evidence(run.setting, run.receiver.log), rules_of(run.setting)
        sliced = judge_in_slices(evidence, run.documents, [], run.load.expected, tmp_path, rules, size=40)
        assert (sliced.violations, whole.violations) == ([], ())
        for invariant in ("lost", "phantom", "key", "body", "repeated", "order", "verdict"):
            assert sliced.looked_at[invariant] == whole.looked_at[invariant]
        robbed, doubled = _tampered(run.receiver.log)
        found = judge_in_slices(evidence, run.documents, [], run.load.expected, tmp_path, rules, size=40)
        assert {each.call_id for each in found.violations if each.invariant == "lost"} == {robbed}
        assert {each.call_id for each in found.violations if each.invariant == "repeated"} == {doubled}
        assert {file.stem for file in (tmp_path / "broken").iterdir()} == {robbed, doubled}


def _evidence(setting: Setting, log: Path) -> Evidence:
    return Evidence(setting.bootstrap, setting.prefix, log, (), ())


def _tampered(log: Path) -> tuple[str, str]:
    """Take one request from the receiver's file and add another twice; return their calls."""
    lines = log.read_text().splitlines()
    good = [line for line in lines if "/hook/call.ended" in line and json.loads(line)["answer"] == 200]
    robbed, doubled = json.loads(good[0])["headers"], json.loads(good[1])["headers"]
    key = robbed["webhook-id"]
    kept = [line for line in lines if json.loads(line)["headers"]["webhook-id"] != key]
    log.write_text("\n".join([*kept, good[1]]) + "\n")
    return robbed["postcall-call-id"], doubled["postcall-call-id"]
