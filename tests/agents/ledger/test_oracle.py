"""The oracle reads every generated call as its story means it, and notices every kind of spoilt run."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.ledger.documents import Documents
from agents.ledger.judgement import Judgement
from agents.ledger.oracle import judge
from agents.ledger.report import report
from agents.ledger.witnesses import NODE_EVENT, Seen, Witnesses
from tests.agents.ledger.faultless import faultless_witnesses
from tests.system.documents import documents
from tests.system.load import Load, Mixture, generate

_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
_DOCUMENTS = Documents.of(documents("http://127.0.0.1:1"))


@pytest.fixture(scope="module")
def load() -> Load:
    return generate(Mixture(calls=120, seed=5), _BEGINS)


@pytest.fixture(scope="module")
def faultless(load: Load) -> Witnesses:
    return faultless_witnesses(load, _DOCUMENTS)


def _spoilt(witnesses: Witnesses, path: str, spoil: Callable[[Seen], list[Seen]]) -> Judgement:
    """Judge a run in which the first request to a path became other requests."""
    victim = next(seen for seen in witnesses.requests if seen.path == path)
    requests = [each for seen in witnesses.requests for each in (spoil(seen) if seen is victim else [seen])]
    return judge(replace(witnesses, requests=tuple(requests)), _DOCUMENTS)


def _broken(judgement: Judgement) -> set[str]:
    return {violation.invariant for violation in judgement.violations}


@pytest.mark.parametrize("seed", range(5))
def test_every_story_is_read_as_it_was_meant(seed: int) -> None:
    load = generate(Mixture(calls=300, seed=seed), _BEGINS)
    readings = judge(faultless_witnesses(load, _DOCUMENTS), _DOCUMENTS).readings
    assert readings.keys() == load.expected.keys()
    for call_id, meant in load.expected.items():
        reading = readings[call_id]
        assert (reading.verdict, reading.end_node_id) == (meant.verdict, meant.end_node_id)
        assert reading.rule in meant.rules


def test_the_same_seed_draws_the_same_load(load: Load) -> None:
    assert generate(Mixture(calls=120, seed=5), _BEGINS) == load
    assert generate(Mixture(calls=120, seed=6), _BEGINS).arrivals != load.arrivals


def test_a_load_comes_from_two_producers_out_of_order_and_in_part_twice(load: Load) -> None:
    assert {arrival.source for arrival in load.arrivals} == {"orchestrator", "telephony"}
    assert len({arrival.value for arrival in load.arrivals}) < len(load.arrivals)
    by_telling = [arrival.value for arrival in load.arrivals if arrival.key == b"call-5-00000"]
    assert by_telling != sorted(by_telling, key=lambda value: value.split(b'"occurred_at"')[1])


def test_a_faultless_run_is_found_faultless(load: Load, faultless: Witnesses) -> None:
    judgement = judge(faultless, _DOCUMENTS)
    assert judgement.violations == (), report(judgement, faultless, "faultless", load.situation_of)
    assert set(judgement.looked_at) == {"lost", "phantom", "key", "body", "repeated", "order", "verdict"}


def test_a_request_that_was_never_made_is_lost(faultless: Witnesses) -> None:
    assert _broken(_spoilt(faultless, "/node/record_metrics", lambda seen: [])) == {"lost"}
    assert _broken(_spoilt(faultless, "/hook/call.busy", lambda seen: [])) == {"lost"}


def test_a_delivery_without_its_final_record_is_lost(faultless: Witnesses) -> None:
    assert _broken(judge(replace(faultless, deliveries=faultless.deliveries[1:]), _DOCUMENTS)) == {"lost"}


def test_a_request_that_nobody_owed_is_a_phantom(faultless: Witnesses) -> None:
    extra = {"/node/open_ticket": "/node/update_crm", "/hook/call.completed": "/hook/call.premature"}
    for path, unowed in extra.items():
        judgement = _spoilt(
            faultless,
            path,
            lambda seen, unowed=unowed: [seen, _keyed(_to(seen, unowed), "another")],  # type: ignore[misc]
        )
        assert "phantom" in _broken(judgement)


def test_a_request_for_an_unheard_of_call_is_a_phantom(faultless: Witnesses) -> None:
    unheard = {"postcall-call-id": "nobody", "webhook-id": "k", "idempotency-key": "k"}
    judgement = _spoilt(faultless, "/node/open_ticket", lambda seen: [seen, replace(seen, headers=unheard)])
    assert _broken(judgement) == {"phantom"}


def test_a_request_again_after_its_2xx_is_a_repeat(faultless: Witnesses) -> None:
    judgement = _spoilt(faultless, "/hook/call.ended", lambda seen: [seen, replace(seen, at=seen.at + 3)])
    assert (_broken(judgement), judgement.repeats) == ({"repeated"}, 1)


def test_a_repeat_of_what_was_in_flight_at_a_kill_is_explained(faultless: Witnesses) -> None:
    killed = replace(faultless, kills=(1100.05,))
    judgement = _spoilt(killed, "/hook/call.ended", lambda seen: [seen, replace(seen, at=seen.at + 3)])
    assert (_broken(judgement), judgement.repeats) == (set(), 1)
    earlier = replace(faultless, kills=(1099.0,))
    judgement = _spoilt(earlier, "/hook/call.ended", lambda seen: [seen, replace(seen, at=seen.at + 3)])
    assert _broken(judgement) == {"repeated"}


def test_no_kill_excuses_a_repeat_of_what_was_logged_before_it(faultless: Witnesses) -> None:
    deliveries = tuple(replace(each, at=1100.01) for each in faultless.deliveries)
    killed = replace(faultless, kills=(1100.05,), deliveries=deliveries)
    judgement = _spoilt(killed, "/hook/call.ended", lambda seen: [seen, replace(seen, at=seen.at + 3)])
    assert _broken(judgement) == {"repeated"}


def test_a_node_that_did_not_wait_for_its_parent_is_out_of_order(faultless: Witnesses) -> None:
    judgement = _spoilt(faultless, "/node/send_email", lambda seen: [replace(seen, at=1100.05)])
    assert _broken(judgement) == {"order"}


def test_other_bytes_on_another_attempt_are_noticed(faultless: Witnesses) -> None:
    spoilt = _spoilt(
        faultless,
        "/node/record_metrics",
        lambda seen: [replace(seen, answer=500, body_sha256="xyz", at=seen.at - 1), seen],
    )
    assert _broken(spoilt) == {"body"}


def test_another_key_on_another_attempt_is_noticed(faultless: Witnesses) -> None:
    spoilt = _spoilt(
        faultless,
        "/node/record_metrics",
        lambda seen: [_keyed(replace(seen, answer=500, at=seen.at - 1), "other"), seen],
    )
    assert _broken(spoilt) == {"key"}


def test_a_wrong_verdict_is_noticed(faultless: Witnesses) -> None:
    first, *others = faultless.outcomes
    wrong = replace(first, value=(first.value or b"").replace(b'"rule": "R', b'"rule": "X'))
    assert _broken(judge(replace(faultless, outcomes=(wrong, *others)), _DOCUMENTS)) == {"verdict"}


def test_a_report_shows_the_timeline_of_a_broken_call(load: Load, faultless: Witnesses) -> None:
    judgement = _spoilt(faultless, "/node/update_crm", lambda seen: [])
    text = report(judgement, faultless, "spoilt", load.situation_of)
    assert "no request of node update_crm" in text
    assert "told call.ended by" in text


def _to(seen: Seen, path: str) -> Seen:
    """The same request to another path, as a request of what sends there."""
    event = path.removeprefix("/hook/") if path.startswith("/hook/") else NODE_EVENT
    method = "PATCH" if path.endswith("update_crm") else "POST"
    return replace(seen, path=path, method=method, headers=seen.headers | {"postcall-event": event})


def _keyed(seen: Seen, key: str) -> Seen:
    return replace(seen, headers=seen.headers | {"webhook-id": key, "idempotency-key": key})
