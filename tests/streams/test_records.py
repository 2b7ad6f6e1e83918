"""What is said to the world about a call: shapes, CloudEvents attributes, and an id that a second writing keeps."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.calls import Conversation
from schemas.delivery import Answered
from schemas.outcomes import Outcome, Verdict
from streams import records
from streams.effects import Position
from tests.builders import START, call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")

OUTCOME = Outcome(Verdict.PROPER, "end_node", "R1")


def told() -> Engine:
    engine = Engine(documents(flow((api("crm"),), "resolved>crm")))
    return engine.hear(ENDED).reply("crm", Answered(404)).acknowledge()


def test_an_outcome_has_the_fields_of_the_interface() -> None:
    [outcome] = told().told("call.outcome")
    assert outcome == {
        "type": "call.outcome",
        "call_id": "c1",
        "incarnation": 1,
        "agent_id": "bot",
        "workflow_id": "support",
        "workflow_version": 1,
        "verdict": "PROPER",
        "end_node_id": "resolved",
        "reason": "end_node",
        "rule": "R2",
        "flags": [],
        "synthetic": False,
        "decided_at": "2026-03-01T12:00:00.000Z",
        "ended_at": "2026-03-01T12:00:01.000Z",
    }


def test_a_settlement_lists_every_action_with_what_became_of_it() -> None:
    [settled] = told().told("call.settled")
    [crm] = settled["deliveries"]
    assert {name: crm[name] for name in ("kind", "id", "result", "attempts", "class", "why")} == {
        "kind": "node",
        "id": "crm",
        "result": "dead",
        "attempts": 1,
        "class": "rejected",
        "why": "rejected",
    }


def test_a_line_of_the_delivery_log_has_the_fields_of_the_interface() -> None:
    [line] = [one for one in told().records if "next_at" in one]
    names = "call_id incarnation agent_id kind id name delivery_id attempt endpoint method status class error"
    assert set(line) == {*names.split(), "started_at", "seconds", "next_at"}
    assert line["agent_id"] == "bot"
    assert line["endpoint"] == "https://api.example.com:443"


def test_a_dead_letter_names_its_source_and_its_attempts_and_no_body() -> None:
    engine = told()
    [letter] = [one for one in engine.records if "reason" in one and "attempts" in one]
    assert (letter["source"], letter["reason"]) == ({"topic": "", "partition": -1, "offset": -1}, "rejected")
    assert [one["status"] for one in letter["attempts"]] == [404]
    assert not {"body", "url", "headers"} & set(letter)


def test_every_record_carries_cloudevents_attributes() -> None:
    for headers in told().headers:
        assert headers["ce_specversion"] == "1.0"
        assert {"ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"} < set(headers)


def test_all_records_of_a_call_have_ids_of_their_own() -> None:
    ids = [headers["ce_id"] for headers in told().headers]
    assert len(ids) == len(set(ids)) == 4


def test_a_record_that_is_written_again_keeps_its_id() -> None:
    first, again = (told().headers for _ in range(2))
    assert [one["ce_id"] for one in first] == [one["ce_id"] for one in again]


@given(st.text(min_size=1, max_size=40))
def test_any_call_id_is_a_subject_in_plain_ascii(call_id: str) -> None:
    record = records.outcome(call_id, Conversation(1, START), OUTCOME, None, START)
    subject = dict(record.headers)["ce_subject"].decode("ascii")
    assert subject.isprintable()
    assert " " not in subject


def test_an_unreadable_event_is_known_by_where_it_lies() -> None:
    here, there = Position("call-events", 1, 7), Position("call-events", 1, 8)
    letters = [records.unreadable(at, "found nothing", START) for at in (here, here, there)]
    ids = [dict(letter.headers)["ce_id"] for letter in letters]
    assert ids[0] == ids[1] != ids[2]
