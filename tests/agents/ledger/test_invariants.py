"""Each invariant by itself: a faultless run in which one thing was spoilt breaks that one, and no other."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.ledger.documents import Documents
from agents.ledger.judgement import Asked, Judgement
from agents.ledger.oracle import judge, judged
from agents.ledger.witnesses import Disturbance, Record, Sample, Seen, Witnesses
from tests.agents.ledger.faultless import faultless_run, faultless_witnesses
from tests.system.documents import documents
from tests.system.load import Mixture, generate

_DOCUMENTS = Documents.of(documents("http://127.0.0.1:1"))
PLANTED = "planted/+é-77"


@pytest.fixture(scope="module")
def faultless() -> Witnesses:
    load = generate(Mixture(calls=150, seed=9), datetime(2026, 1, 1, tzinfo=UTC))
    return faultless_witnesses(load, _DOCUMENTS)


def broken(judgement: Judgement) -> set[str]:
    return {violation.invariant for violation in judgement.violations}


def asking(witnesses: Witnesses, **asked: Any) -> Judgement:
    return judged(witnesses, _DOCUMENTS, Asked(**asked))


def to(witnesses: Witnesses, path: str) -> Seen:
    """The first request to a path."""
    return next(seen for seen in witnesses.requests or () if seen.path == path)


def instead(witnesses: Witnesses, seen: Seen, *others: Seen) -> Witnesses:
    """The run with other requests instead of one."""
    requests = tuple(each for one in witnesses.requests or () for each in (others if one is seen else (one,)))
    return replace(witnesses, requests=requests)


# -- I12


def again(witnesses: Witnesses, header: str, after: float, status: int = 503) -> Witnesses:
    """The run with a first attempt that was told to wait, and the good one so long after it."""
    good = to(witnesses, "/hook/call.busy")
    told = replace(good, answer=status, answer_headers={"Retry-After": header})
    return instead(witnesses, good, told, replace(good, at=good.at + after, answer_at=good.at + after))


@pytest.mark.parametrize("header", ["30", "Thu, 01 Jan 1970 00:18:50 GMT"])
def test_a_request_before_its_retry_after_breaks_the_pace(faultless: Witnesses, header: str) -> None:
    assert broken(judge(again(faultless, header, after=5), _DOCUMENTS)) == {"pace"}
    waited = judge(again(faultless, header, after=40), _DOCUMENTS)
    assert (broken(waited), waited.looked_at["pace"]) == (set(), 1)


@pytest.mark.parametrize("header", ["soon", "-5", ""])
def test_a_retry_after_that_makes_no_sense_asks_for_nothing(faultless: Witnesses, header: str) -> None:
    assert broken(judge(again(faultless, header, after=1), _DOCUMENTS)) == set()


def down(witnesses: Witnesses, times: list[float]) -> Witnesses:
    """The run in which an endpoint failed at these seconds, each time for another delivery, and then not."""
    good = to(witnesses, "/hook/call.ended")
    failed = [replace(good, at=good.at + at, answer_at=good.at + at, answer=500) for at in times]
    calm = replace(good, at=good.at + times[-1] + 20, answer_at=good.at + times[-1] + 20)
    others = tuple(each for each in witnesses.requests or () if each.path != good.path or each is good)
    alone = replace(witnesses, requests=others)
    return instead(alone, good, *failed, calm)


def test_an_endpoint_that_is_down_is_probed_and_not_stormed(faultless: Witnesses) -> None:
    calls = frozenset({to(faultless, "/hook/call.ended").call_id})
    found = [0.1, 0.2, 0.3, 0.4, 0.5]

    def pace(times: list[float], workers: int | None) -> tuple[int, int]:
        judgement = asking(down(faultless, times), among=calls, workers=workers)
        return judgement.looked_at["pace"], judgement.count("pace")

    assert pace([*found, 16, 47, 108], workers=1) == (1, 0)
    assert pace([*found, *range(2, 60)], workers=1) == (1, 1)
    assert pace([*found, *range(2, 60)], workers=None) == (0, 0)


# -- I9, I11


def test_an_event_that_nobody_can_read_is_a_dead_letter_and_no_other_is(faultless: Witnesses) -> None:
    poison = Record("call-events", 7, 0, 1000.0, None, b'{"call_id": 7}')
    spoilt = replace(faultless, events=(*faultless.events, poison))
    assert broken(judge(spoilt, _DOCUMENTS)) == {"count"}
    letter = dead_letter("call-events", 7, 0)
    assert broken(judge(replace(spoilt, dead_letters=(letter,)), _DOCUMENTS)) == set()
    assert "count" in broken(
        judge(replace(faultless, dead_letters=(dead_letter("call-events", 0, 0),)), _DOCUMENTS)
    )


def dead_letter(topic: str, partition: int, offset: int) -> Record:
    source = {"topic": topic, "partition": partition, "offset": offset}
    return Record(
        "dead-letters", 0, 0, 1001.0, None, json.dumps({"reason": "unreadable", "source": source}).encode()
    )


def test_metrics_that_count_otherwise_are_noticed(faultless: Witnesses) -> None:
    counted = dict(series(faultless))
    assert broken(judge(replace(faultless, scrapes=(counted,)), _DOCUMENTS, undisturbed=True)) == set()
    wrong = counted | {'postcall_attempts_total{kind="node"}': 1.0}
    assert broken(judge(replace(faultless, scrapes=(wrong,)), _DOCUMENTS, undisturbed=True)) == {"count"}


def series(witnesses: Witnesses) -> Iterator[tuple[str, float]]:
    yield "postcall_events_total", len(witnesses.events)
    yield 'postcall_attempts_total{kind="node"}', len(witnesses.requests or ())
    for verdict in ("PROPER", "PREMATURE", "TRANSFERRED", "NOT_CONNECTED"):
        told = [each.said for each in witnesses.outcomes if each.said["type"] != "call.settled"]
        found = sum(each["verdict"] == verdict for each in told)
        yield f'postcall_outcomes_total{{verdict="{verdict}",rule="R1"}}', found


@pytest.mark.parametrize("spelling", [PLANTED, "planted%2F%2B%C3%A9-77", "cGxhbnRlZC8rw6ktNzc"])
def test_what_was_planted_is_found_in_every_place_and_spelling(
    faultless: Witnesses, tmp_path: Path, spelling: str
) -> None:
    log = tmp_path / "worker.log"
    log.write_text(f"error {spelling}\n")
    first, *others = faultless.deliveries
    in_topic = replace(faultless, deliveries=(replace(first, headers={"ce_note": spelling}), *others))
    in_other = replace(faultless, others=(Record("internal", 0, 0, 1.0, spelling.encode(), None),))
    in_metrics = replace(faultless, scrapes=({f'up{{url="{spelling}"}}': 1.0},))
    for spoilt in (replace(faultless, logs=(log,)), in_topic, in_other, in_metrics):
        judgement = judge(spoilt, _DOCUMENTS, [PLANTED])
        assert broken(judgement) == {"secret"}
        assert PLANTED not in str(judgement.violations)
    assert broken(judge(faultless, _DOCUMENTS, [PLANTED])) == set()


# -- I8, I10, I13


ENDED = Documents.of(
    [
        {
            "kind": "agent",
            "id": "bot",
            "webhooks": {"call.ended": {"url": "http://127.0.0.1:1/hook/call.ended"}},
        }
    ]
)


def under_trouble(slower: float, calls: int = 300) -> Witnesses:
    """Calls that end one a second, the second half in trouble, when webhooks take so many times as long."""
    ends = tuple(
        Record("call-events", 0, number, 1000.0 + number, None, json.dumps(ended(number)).encode())
        for number in range(calls)
    )
    run = faultless_run(ends, ENDED, {})
    at = {f"c-{number}": 1003.0 + number for number in range(calls)}
    span = {call: 0.1 if when < 1003 + calls / 2 else 0.1 * slower for call, when in at.items()}
    requests = [
        replace(seen, at=at[seen.call_id] + span[seen.call_id], answer_at=at[seen.call_id] + 1)
        for seen in run.requests or ()
    ]
    outcomes = [decided(each, at[each.said["call_id"]]) for each in run.outcomes]
    trouble = (Disturbance(1003 + calls / 2, 9999.0, "a third of the endpoints hang"),)
    return replace(run, requests=tuple(requests), outcomes=tuple(outcomes), disturbances=trouble)


def ended(number: int) -> dict[str, Any]:
    named = {"call_id": f"c-{number}", "agent_id": "bot", "occurred_at": "1970-01-01T00:16:40Z"}
    return {"type": "call.ended", "id": "1", "data": {"reason": "busy"}, **named}


def decided(record: Record, at: float) -> Record:
    said = record.said | {"decided_at": datetime.fromtimestamp(at, UTC).isoformat()}
    return replace(record, value=json.dumps(said).encode())


def test_endpoints_that_are_slower_while_others_are_down_are_not_treated_fairly() -> None:
    fair = judge(under_trouble(slower=1.4), ENDED)
    assert (broken(fair), fair.looked_at["fair"]) == (set(), 1)
    assert broken(judge(under_trouble(slower=2.0), ENDED)) == {"fair"}
    few = judge(under_trouble(slower=2.0, calls=100), ENDED)
    assert (broken(few), few.looked_at["fair"]) == (set(), 0)


def test_who_waits_for_a_worker_to_come_back_learns_nothing_of_endpoints() -> None:
    unfair = under_trouble(slower=2.0)
    (endpoints,) = unfair.disturbances
    killed = Disturbance(endpoints.since, 9999.0, "kill -9", workers=True)
    excused = judge(replace(unfair, disturbances=(endpoints, killed)), ENDED)
    assert (broken(excused), excused.looked_at["fair"]) == (set(), 0)
    alone = judge(replace(unfair, disturbances=(killed,)), ENDED)
    assert "no disturbance of endpoints was told of" in {left.why for left in alone.left}


def sampled(*samples: Sample) -> Witnesses:
    """A run of which nothing else is known."""
    return Witnesses((), (), samples=samples, disturbances=(Disturbance(0.0, 100.0, "kill -9"),))


def test_a_lag_that_stays_breaks_recovery() -> None:
    slow = sampled(Sample(at=110, worker="a", lag=7), Sample(at=170, worker="a", lag=0))
    assert broken(asking(slow)) == {"recovery"}
    quick = sampled(Sample(at=110, worker="a", lag=7), Sample(at=150, worker="a", lag=0))
    assert (broken(asking(quick)), asking(quick).looked_at["recovery"]) == (set(), 1)
    unseen = asking(sampled(Sample(at=110, worker="a", lag=7)))
    assert (broken(unseen), unseen.looked_at["recovery"]) == (set(), 0)
    assert "recovery" in {left.invariant for left in unseen.left}


@pytest.mark.parametrize(
    ("untrue", "true"),
    [
        (Sample(at=1, ready=True, assigned=False), Sample(at=1, ready=False, assigned=False)),
        (Sample(at=1, ready=True, recovering=True), Sample(at=1, ready=True, assigned=True)),
        (Sample(at=1, live=True, stuck=True), Sample(at=1, live=False, stuck=True)),
    ],
)
def test_doors_that_say_what_is_not_so_break_recovery(untrue: Sample, true: Sample) -> None:
    assert broken(asking(sampled(untrue))) == {"recovery"}
    assert broken(asking(sampled(true))) == set()


def test_memory_beyond_its_bound_is_noticed() -> None:
    held = sampled(Sample(at=1, worker="a", memory_bytes=600 << 20))
    assert broken(asking(held, memory_bytes=512 << 20)) == {"memory"}
    assert broken(asking(held, memory_bytes=700 << 20)) == set()
    assert "memory" in {left.invariant for left in asking(held).left}
